"""Labels of the built-in game's unlabelled screenshots, as drawn by a person who never errs."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.demo_game.captures import add_subset
from pipeline.demo_game.renderer import UNLABELLED_SESSIONS, Screenshot, screenshot
from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.progress import Report, silent, track

DRAWN = re.compile(r"(?P<session>[a-z]+)_(?P<number>\d{2})")


class UnknownScreenshotError(OutpostError):
    """A screenshot that the built-in game did not draw, so that nobody knows what is on it."""


class AskedFrame(NamedTuple):
    """A frame to label.

    Attributes:
        name: its file name in the export.
        source: that of the screenshot, as it was drawn.
        subset: of CVAT, into which it goes.
    """

    name: str
    source: str
    subset: str


def write_true_labels(file: Path, asked: Sequence[AskedFrame], report: Report = silent) -> None:
    """Write a CVAT COCO 1.0 export of screenshots with a box for everything that is seen on them.

    Raises:
        UnknownScreenshotError: one is not of the built-in game.
    """
    subsets: dict[str, list[Screenshot]] = defaultdict(list)
    for one in track(asked, len(asked), "label frames", report):
        drawn = replace(_drawn(one.source), name=PurePosixPath(one.name).stem)
        subsets[one.subset].append(drawn)
    with replacing(file) as fresh, zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:
        for subset, frames in subsets.items():
            add_subset(archive, subset, frames)


def _drawn(source: str) -> Screenshot:
    found = DRAWN.fullmatch(PurePosixPath(source).stem)
    frames = {session.name: count for session, count in UNLABELLED_SESSIONS.items()}
    if found is None or int(found["number"]) >= frames.get(found["session"], 0):
        raise UnknownScreenshotError(
            f"{source} is no screenshot that `outpost annotate demo-screenshots` drew.",
            "Choose a batch of those alone, or label it in CVAT.",
        )
    return screenshot(found["session"], int(found["number"]))
