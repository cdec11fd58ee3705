"""YOLO label files: one line per object, `class cx cy width height`, relative to the image.

The reader is strict, because trainers are lenient in the wrong place: ultralytics drops a whole
image for one line that it dislikes, and says so only in its log.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.labels.boxes import Box, LabelledBox

DECIMALS = 6
KEPT_SIDES, KEPT_SHARES = 16, 10_000
"""Lengths of which shares are kept as text, and how many shares of each."""
EDGE_TOLERANCE = 2 * 10.0**-DECIMALS
"""How far rounding may carry a box's side over the image's edge."""


class LabelFileError(OutpostError):
    """A label file that cannot be trusted."""


@dataclass(frozen=True)
class YoloRow:
    """One line: class id, and the box's centre and size as fractions of the image."""

    class_id: int
    centre_x: float
    centre_y: float
    width: float
    height: float

    def labelled_box(self, width: int, height: int) -> LabelledBox:
        """The box in the pixels of an image of that size, clipped to it."""
        half_width, half_height = self.width / 2, self.height / 2
        box = Box(
            (self.centre_x - half_width) * width,
            (self.centre_y - half_height) * height,
            (self.centre_x + half_width) * width,
            (self.centre_y + half_height) * height,
        )
        return LabelledBox(self.class_id, box.clipped(width, height))


def format_labels(boxes: Iterable[LabelledBox], width: int, height: int) -> str:
    """The text of a label file for boxes that lie within an image of that size in pixels."""
    # A middle is half of a sum, which is as large a share of the side as all of it is of two sides.
    across, down = _shares_of(width), _shares_of(height)
    middle_x, middle_y = _shares_of(2 * width), _shares_of(2 * height)
    lines = [
        f"{class_id} {middle_x(x1 + x2)} {middle_y(y1 + y2)} {across(x2 - x1)} {down(y2 - y1)}\n"
        for class_id, (x1, y1, x2, y2) in boxes
    ]
    return "".join(lines)


def read_rows(file: Path, class_count: int) -> tuple[YoloRow, ...]:
    """Read a label file; an empty one has no rows.

    Raises:
        LabelFileError: the file is missing, or a line is not five numbers, names no known class, or
            leaves the image. The text names the file and the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LabelFileError(
            f"{file} is missing.", "Write the image's labels; an empty file means no objects."
        ) from error
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{file} is not text.", "Write the labels again.") from error
    return parse_rows(text, class_count, file.as_posix())


def parse_rows(text: str, class_count: int, origin: str) -> tuple[YoloRow, ...]:
    """Parse the text of a label file; `origin` names it in errors.

    Raises:
        LabelFileError: as `read_rows`.
    """
    lines = enumerate(text.splitlines(), start=1)
    return tuple(
        _parse_line(line, class_count, f"{origin}, line {number}")
        for number, line in lines
        if line.strip()
    )


@lru_cache(KEPT_SIDES)
def _shares_of(length: int) -> Callable[[float], str]:
    """Says what share of a length a part of it is. Whole pixels make few, so they are kept."""
    return lru_cache(KEPT_SHARES)(lambda part: f"{part / length:.{DECIMALS}f}")


def _parse_line(line: str, class_count: int, place: str) -> YoloRow:
    fields = line.split()
    if len(fields) != 5:
        raise LabelFileError(
            f"{place}: {len(fields)} fields instead of 5.",
            "Write 'class cx cy width height', each box on its own line.",
        )
    try:
        class_id, values = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError as error:
        raise LabelFileError(
            f"{place}: {line.strip()!r} is not a whole number and four fractions.",
            "Write 'class cx cy width height' with the class as its id.",
        ) from error
    if not 0 <= class_id < class_count:
        raise LabelFileError(
            f"{place}: class {class_id} is not one of 0..{class_count - 1}.",
            "Make the labels with the class list of this game pack.",
        )
    row = YoloRow(class_id, *values)
    _check_inside(row, place)
    return row


def _check_inside(row: YoloRow, place: str) -> None:
    for centre, side in ((row.centre_x, row.width), (row.centre_y, row.height)):
        if not (math.isfinite(centre) and math.isfinite(side) and side > 0):
            raise LabelFileError(
                f"{place}: the box has no area.", "Remove the line, or give the box its size."
            )
        overhang = max(side / 2 - centre, centre + side / 2 - 1)
        if overhang > EDGE_TOLERANCE:
            raise LabelFileError(
                f"{place}: the box leaves the image by {overhang:.6f} of its side.",
                "Clip the box to the image; values are fractions of its width and height.",
            )
