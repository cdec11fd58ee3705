"""Which of the files below an install's folder can be something.

Names come from strangers. One is either exactly what `detector_runtime.contribute.records` says, or
it is counted and never used: no path is made of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from detector_runtime.contribute.records import (
    ANNOTATIONS_FILE,
    CROPS_FOLDER,
    SCREENS_FOLDER,
)

from pipeline.community.receiving.refusals import ReceivingLimits, Refusal
from pipeline.manifests import digest_of

_CROP = re.compile(rf"{CROPS_FOLDER}/([0-9a-f]{{64}})\.png")
_SCREEN = re.compile(rf"{SCREENS_FOLDER}/([A-Z][A-Z0-9_]{{0,49}})/([0-9a-f]{{64}})\.png")


@dataclass(frozen=True)
class StagedFile:
    """A file below an install's folder, as its store lists it.

    Attributes:
        path: below that folder, with forward slashes.
        size: bytes.
        tag: changes whenever the content does.
    """

    path: str
    size: int
    tag: str


@dataclass(frozen=True)
class StagedFiles:
    """An install's files by what they can be.

    Attributes:
        crops: by the digest that their name states.
        screens: type and file by that digest.
        annotations: None where there is none.
        refused: counted by reason.
    """

    crops: Mapping[str, StagedFile]
    screens: Mapping[str, tuple[str, StagedFile]]
    annotations: StagedFile | None
    refused: Counter[str]


def install_of(folder: str) -> UUID | None:
    """The install that a folder of the staging place is of; None where its name is no UUID.

    It must be written as UUIDs are: an install has one folder.
    """
    try:
        install = UUID(folder)
    except ValueError:
        return None
    return install if str(install) == folder else None


def stamp_of(files: Iterable[StagedFile], limits: ReceivingLimits) -> str:
    """Changes when a file comes, goes or is replaced; says nothing of when."""
    first = islice(files, limits.files + 1)
    return digest_of(sorted([one.path, one.size, one.tag] for one in first))


def sort_files(
    files: Iterable[StagedFile], screen_types: Iterable[str], limits: ReceivingLimits
) -> StagedFiles:
    """Tell crops, screens and records apart.

    Args:
        files: as they are listed; no more are taken from it than `limits` says, and one.
        screen_types: those of the game.
    """
    crops: dict[str, StagedFile] = {}
    screens: dict[str, tuple[str, StagedFile]] = {}
    annotations, refused, twice = None, Counter[str](), set[str]()
    known = frozenset(screen_types)
    for number, file in enumerate(islice(files, limits.files + 1)):
        if number == limits.files:
            refused[Refusal.TOO_MANY_FILES] += 1
        elif crop := _CROP.fullmatch(file.path):
            crops[crop[1]] = file
        elif file.path == ANNOTATIONS_FILE:
            annotations = file
        elif (screen := _SCREEN.fullmatch(file.path)) is None:
            refused[Refusal.UNEXPECTED_FILE] += 1
        elif screen[1] not in known:
            refused[Refusal.UNKNOWN_SCREEN] += 1
        elif screen[2] in screens:
            twice.add(screen[2])
            refused[Refusal.TWO_SCREENS] += 1
        else:
            screens[screen[2]] = (screen[1], file)
    # Whoever says two things of one image has said nothing.
    for digest in twice:
        del screens[digest]
        refused[Refusal.TWO_SCREENS] += 1
    return StagedFiles(crops, screens, annotations, refused)
