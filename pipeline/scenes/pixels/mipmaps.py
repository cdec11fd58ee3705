"""Pixels at one size, at a half, a quarter and so on, from which any smaller size is made.

From the level above the wanted size, one bilinear step looks at every pixel and takes a fraction of
the time that area averaging from the full size takes; it is also how a graphics card draws a
shrunken sprite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.sprites.library import Pixels

SMALLEST_LEVEL = 4
"""Pixels of the shorter side, below which nothing is halved any more."""


@dataclass(frozen=True, eq=False)
class Pyramid:
    """All levels in one piece of memory, which the loops over pixels walk through.

    Attributes:
        pixels: uint8 [n] or [n, channels]: the levels from the largest to the smallest, each column
            by column, because columns are interpolated first.
        rows, columns: of the largest level. Each further one has half of them, rounded up.
        shape: of the pixels at their own size, which the largest level need not have.
        depth: how many levels there are.
    """

    pixels: Pixels
    rows: int
    columns: int
    shape: tuple[int, ...]
    depth: int

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Address, rows and columns of the largest level, and the number of levels.

        The address is that of the first pixel in memory, valid as long as this pyramid is held.
        """
        return self.pixels.ctypes.data, self.rows, self.columns, self.depth


class Scales(NamedTuple):
    """The smallest and the largest scale at which something will be drawn."""

    smallest: float = 0.0
    largest: float = 1.0


ANY_SCALE = Scales()


def pyramid_of(pixels: Pixels, scales: Scales = ANY_SCALE) -> Pyramid:
    """Halve as long as both sides have at least twice `SMALLEST_LEVEL` pixels.

    Args:
        pixels: uint8 [rows, columns] or [rows, columns, channels] at their own size.
        scales: levels that are larger than needed, or too small for any use, are not made.
    """
    level, scale = np.ascontiguousarray(pixels), min(1.0, scales.largest)
    height, width = pixels.shape[:2]
    fewest = int(height * scales.smallest), int(width * scales.smallest)
    while scale < 0.5:
        level, scale = _shrunk(level, 0.5), 2 * scale
    levels = [_shrunk(level, scale)]
    while _is_halved(levels[-1].shape, fewest):
        levels.append(_shrunk(levels[-1], 0.5))
    rows, columns = levels[0].shape[:2]
    together = _by_columns(levels)
    return Pyramid(together, rows, columns, pixels.shape, len(levels))


def _is_halved(shape: tuple[int, ...], fewest: tuple[int, int]) -> bool:
    """Whether a level of this shape has a next one; `fewest` are the rows and columns needed."""
    rows, columns = shape[:2]
    return (
        min(rows, columns) >= 2 * SMALLEST_LEVEL
        and half(rows) >= fewest[0]
        and half(columns) >= fewest[1]
    )


def _by_columns(levels: Sequence[Pixels]) -> Pixels:
    """All levels one after another, the rows of each turned into columns."""
    sizes = [level.shape[0] * level.shape[1] for level in levels]
    together, start = np.empty((sum(sizes), *levels[0].shape[2:]), np.uint8), 0
    for level, size in zip(levels, sizes, strict=True):
        rows, columns, *channels = level.shape
        cv2.transpose(level, together[start : start + size].reshape(columns, rows, *channels))
        start += size
    return together


def half(side: int) -> int:
    """A side of the next level."""
    return (side + 1) // 2


def _shrunk(pixels: Pixels, scale: float) -> Pixels:
    """The pixels at 0.5 to 1 of their size. Bilinear: every pixel counts, at 0.5 equally."""
    height, width = pixels.shape[:2]
    size = math.ceil(width * scale), math.ceil(height * scale)
    if size == (width, height):
        return pixels
    return np.asarray(cv2.resize(pixels, size), dtype=np.uint8)
