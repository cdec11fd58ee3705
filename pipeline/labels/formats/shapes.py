"""The shapes that CVAT writes into COCO 1.0, and the boxes around them.

A rectangle is a `bbox`; a rotated one has its unrotated `bbox` and the angle in
`attributes.rotation`; a polygon has its vertices in `segmentation`, one list per part; a brush mask
has a run-length encoding there, with `iscrowd` 1 although it is a single object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pipeline.labels.boxes import Box

MIN_SIDE = 1.0
"""Pixels of a box's side that must remain inside the image."""


LONGEST_RUN_BITS = 40
"""More than any run of an image needs; longer ones come from no encoder."""


class ShapeError(ValueError):
    """A shape without a box; the text is a reason that can be counted."""


def box_in_image(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies in an image of that size, rounded as it is stored.

    Raises:
        ShapeError: less than a pixel of the box remains.
    """
    if box.width <= 0 or box.height <= 0:
        raise ShapeError("has no area")
    clipped = box.clipped(width, height).rounded()
    if clipped.width < MIN_SIDE or clipped.height < MIN_SIDE:
        raise ShapeError("less than a pixel of it is inside the image")
    return clipped


def degrees_of(rotation: object) -> float:
    """The angle that an attribute tells: a number, or one written as text; 0 where there is none.

    Raises:
        ShapeError: it is something else, so that nobody knows how the shape is turned.
    """
    if rotation is None:
        return 0.0
    if isinstance(rotation, bool) or not isinstance(rotation, int | float | str):
        raise ShapeError("its rotation is not a number")
    try:
        degrees = float(rotation)
    except (ValueError, OverflowError):
        raise ShapeError("its rotation is not a number") from None
    if not math.isfinite(degrees):
        raise ShapeError("its rotation is not a number")
    return degrees


def box_of_rectangle(bbox: tuple[float, float, float, float], degrees: float) -> Box:
    """The box around a rectangle (x, y, width, height) turned by an angle about its centre."""
    x, y, width, height = bbox
    if width <= 0 or height <= 0:
        raise ShapeError("has no area")
    if degrees % 180 == 0:
        return Box(x, y, x + width, y + height)
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    half_width = (width * cosine + height * sine) / 2
    half_height = (width * sine + height * cosine) / 2
    centre_x, centre_y = x + width / 2, y + height / 2
    return Box(
        centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height
    )


def box_of_polygons(parts: Sequence[Sequence[float]]) -> Box:
    """The box around every part of a polygon; a part is x1, y1, x2, y2, ... with three points."""
    if any(len(part) % 2 or len(part) < 6 for part in parts):
        raise ShapeError("a polygon's part has fewer than three points")
    xs = [x for part in parts for x in part[0::2]]
    ys = [y for part in parts for y in part[1::2]]
    return Box(min(xs), min(ys), max(xs), max(ys))


def box_of_mask(counts: Sequence[int] | str, height: int, width: int) -> Box:
    """The box around the set pixels of a mask of that size.

    Args:
        counts: lengths of alternating runs down the columns, the first of unset pixels; as numbers,
            or in COCO's compressed text.
    """
    lengths = decompress(counts) if isinstance(counts, str) else counts
    if any(length < 0 for length in lengths) or sum(lengths) != height * width:
        raise ShapeError("its mask's runs do not fill the image")
    runs = np.array(lengths, dtype=np.int64)
    ends = np.cumsum(runs)
    starts = ends - runs
    is_set = (np.arange(runs.size) % 2 == 1) & (runs > 0)
    if not is_set.any():
        raise ShapeError("its mask is empty")
    first, last = starts[is_set], ends[is_set] - 1
    left, right = first // height, last // height
    # A run that goes on in the next column touches the image's bottom and its top.
    spans = left != right
    top = np.where(spans, 0, first % height).min()
    bottom = np.where(spans, height - 1, last % height).max()
    return Box(float(left.min()), float(top), float(right.max() + 1), float(bottom + 1))


def decompress(text: str) -> list[int]:
    """Run lengths from COCO's compressed text.

    Six bits a character from '0' on: five of value, low bits first, and one that says that more
    follow; the sign is that of the last group. From the fourth run on, the value is the difference
    to the run two before (cocoapi, `maskApi.c`, rleFrString).
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > LONGEST_RUN_BITS:
            raise ShapeError("its mask is not in COCO's compressed form")
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ShapeError("its mask is cut off")
    return runs
