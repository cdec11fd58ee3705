"""What both writers write: images with their boxes, checked; and the archive that it goes into."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.shapes import MIN_SIDE
from pipeline.labels.portable_names import is_listable

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip archive can name."""
READABLE_FILE = 0o100644 << 16
FOLDER = 0o040755 << 16 | 0x10
UNIX = 3
EDGE_TOLERANCE = 0.001
"""Pixels: boxes are kept to a thousandth of one."""

Content = Callable[["LabelledImage"], bytes]
"""The bytes of an image's file."""


class LabelWriteError(OutpostError):
    """Labels that another program could not read as they are meant."""


@dataclass(frozen=True)
class LabelledImage:
    """An image with its boxes, as it goes to another program.

    Attributes:
        path: of the file in the task: folders and name, forward slashes.
        width, height: pixels.
        boxes: inside the image, each side at least a pixel.
        scores: how sure a model was of each box, 0 to 1; empty where a person drew them.
    """

    path: str
    width: int
    height: int
    boxes: tuple[LabelledBox, ...] = ()
    scores: tuple[float, ...] = ()


def check_images(images: Sequence[LabelledImage], class_names: Sequence[str]) -> None:
    """Refuse what a reader would take for something else, or not take.

    Raises:
        LabelWriteError: a class name is written twice, empty or of several lines; a path leads out
            of its folder or is there twice; a box is of no class or leaves its image, or scores do
            not fit the boxes.
    """
    for name, times in Counter(class_names).items():
        if times > 1 or not name.isprintable() or name != name.strip() or not name:
            raise LabelWriteError(
                f"A label cannot be called {name!r}: a label needs a name of its own, on one line.",
                "Rename the class in the game pack's classes.yaml.",
            )
    for path, times in Counter(image.path for image in images).items():
        if times > 1 or not _is_inside(path):
            raise LabelWriteError(
                f"No image of an archive can have the path {path!r}"
                + (f", which {times} images have." if times > 1 else "."),
                "Give each image a relative path of its own, with forward slashes.",
            )
    for image in images:
        _check_boxes(image, len(class_names))


def write_archive(target: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip archive whose bytes depend on its members alone; a file there is replaced.

    Members are stored, not deflated: compressors differ between machines. A name that ends in a
    slash is an empty folder.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = FOLDER if name.endswith("/") else READABLE_FILE
            entry.create_system = UNIX
            archive.writestr(entry, content)


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return (
        is_listable(path)
        and not any(character in path for character in '\\:"')
        and not any(part in ("", ".", "..") or part != part.strip() for part in parts)
        and bool(PurePosixPath(path).suffix)
    )


def _check_boxes(image: LabelledImage, classes: int) -> None:
    whole = Box(0.0, 0.0, float(image.width), float(image.height))
    for class_id, box in image.boxes:
        if not 0 <= class_id < classes:
            raise LabelWriteError(
                f"{image.path}: class {class_id} is not one of 0..{classes - 1}.",
                "Make the labels with the class list of this game pack.",
            )
        is_whole = all(map(math.isfinite, box)) and box.is_inside(whole, EDGE_TOLERANCE)
        if not is_whole or min(box.width, box.height) < MIN_SIDE - EDGE_TOLERANCE:
            raise LabelWriteError(
                f"{image.path}: the box {', '.join(f'{side:g}' for side in box)} does not lie in "
                f"an image of {image.width}x{image.height} pixels.",
                "Clip boxes to their image, and leave out what is smaller than a pixel.",
            )
    counted = len(image.scores) in (0, len(image.boxes))
    if not counted or not all(0 <= score <= 1 for score in image.scores):
        raise LabelWriteError(
            f"{image.path}: {len(image.scores)} scores for {len(image.boxes)} boxes, or one that "
            "is not between 0 and 1.",
            "Give each box a score, or none.",
        )
