"""The box that every label, truth and detection comes down to.

Sets have millions of boxes, and a named tuple takes a third of the time of a frozen dataclass to
make.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STORED_DIGITS = 3
"""Decimals of a pixel that are kept: rotated corners differ in the last bits between machines."""


class Box(NamedTuple):
    """An axis-aligned box in pixels, `x2` and `y2` exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    def is_inside(self, other: Box, tolerance: float = 0.0) -> bool:
        """Whether no side lies more than so many pixels outside another box."""
        return (
            self.x1 >= other.x1 - tolerance
            and self.y1 >= other.y1 - tolerance
            and self.x2 <= other.x2 + tolerance
            and self.y2 <= other.y2 + tolerance
        )

    def clipped(self, width: int, height: int) -> Box:
        """The part inside an image of that size; empty (area 0) when it lies outside."""
        x1, x2 = (min(max(x, 0.0), float(width)) for x in (self.x1, self.x2))
        y1, y2 = (min(max(y, 0.0), float(height)) for y in (self.y1, self.y2))
        return Box(x1, y1, x2, y2)

    def scaled(self, across: float, down: float) -> Box:
        """The same box in an image that is so many times as wide and as high."""
        return Box(self.x1 * across, self.y1 * down, self.x2 * across, self.y2 * down)

    def rounded(self) -> Box:
        """The box to a thousandth of a pixel, as it is stored."""
        x1, y1, x2, y2 = (round(v, STORED_DIGITS) for v in (self.x1, self.y1, self.x2, self.y2))
        return Box(x1, y1, x2, y2)


class LabelledBox(NamedTuple):
    """A box with its class id, as numbered by the game pack."""

    class_id: int
    box: Box


def corners(boxes: Iterable[Box]) -> npt.NDArray[np.float64]:
    """Boxes as float64 [n, 4], columns x1, y1, x2, y2 in pixels."""
    return np.array(list(boxes), dtype=np.float64).reshape(-1, 4)


def iou_matrix(first: Iterable[Box], second: Iterable[Box]) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair, float64 [first, second] in 0..1.

    A pair of boxes without area has 0.
    """
    a, b = corners(first)[:, None, :], corners(second)[None, :, :]
    shared = _areas(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]))
    union = _areas(a[..., 2:] - a[..., :2]) + _areas(b[..., 2:] - b[..., :2]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _areas(sides: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Products of the last axis, width and height; 0 where one of them is negative."""
    kept = np.clip(sides, 0.0, None)
    areas: npt.NDArray[np.float64] = kept[..., 0] * kept[..., 1]
    return areas
