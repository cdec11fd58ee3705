"""Parts of screens laid together into the images of a model whose input has one size.

Such a model takes as long for a part of 64 by 64 pixels as for its whole input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from detector_runtime.geometry.letterbox import PAD, Size
from detector_runtime.images import Frame

GAP = 16
"""Pixels between two parts."""


@dataclass(frozen=True)
class Place:
    """Where a part lies: the number of its image, and its left and upper edge there."""

    image: int
    left: int
    top: int


@dataclass
class _Shelf:
    """A row of parts in an image; the first of them is the highest."""

    image: int
    top: int
    height: int
    used: int = 0


def places_of(sizes: Sequence[Size], most: Size) -> list[Place]:
    """Where parts lie, in as few images as shelves allow: no two overlap, gaps are between them.

    Args:
        sizes: width and height of each part, in pixels; none is larger than an image.
        most: width and height of an image.
    """
    places = [Place(0, 0, 0)] * len(sizes)
    shelves: list[_Shelf] = []
    for number in sorted(range(len(sizes)), key=lambda one: (*_highest_first(sizes[one]), one)):
        width, height = sizes[number]
        shelf = next((one for one in shelves if one.used + width <= most[0]), None)
        if shelf is None:
            shelf = _new_shelf(shelves, height, most[1])
            shelves.append(shelf)
        places[number] = Place(shelf.image, shelf.used, shelf.top)
        shelf.used += width + GAP
    return places


def laid_together(frames: Sequence[Frame], places: Sequence[Place], most: Size) -> list[Frame]:
    """The images, grey where no part lies."""
    count = max((place.image + 1 for place in places), default=0)
    images = np.full((count, most[1], most[0], 3), PAD, np.uint8)
    for frame, place in zip(frames, places, strict=True):
        rows = slice(place.top, place.top + frame.height)
        images[place.image, rows, place.left : place.left + frame.width] = frame.pixels
    return [Frame(image) for image in images]


def taken_apart(
    rows: Sequence[npt.NDArray[np.float32]], sizes: Sequence[Size], places: Sequence[Place]
) -> list[npt.NDArray[np.float32]]:
    """What was found in each part: that whose middle lies in it, without what reaches beyond.

    Args:
        rows: (n, 6) for each image, corners in its pixels, score and class.

    Returns:
        (n, 6) for each part, corners in its pixels.
    """
    return [
        _within(rows[place.image], size, place) for size, place in zip(sizes, places, strict=True)
    ]


def _highest_first(size: Size) -> tuple[int, int]:
    return -size[1], -size[0]


def _new_shelf(shelves: Sequence[_Shelf], height: int, most: int) -> _Shelf:
    """Below the last shelf of an image, or in a new one."""
    bottoms: dict[int, int] = {}
    for shelf in shelves:
        bottoms[shelf.image] = shelf.top + shelf.height
    for image, bottom in bottoms.items():
        if bottom + GAP + height <= most:
            return _Shelf(image, bottom + GAP, height)
    return _Shelf(len(bottoms), 0, height)


def _within(rows: npt.NDArray[np.float32], size: Size, place: Place) -> npt.NDArray[np.float32]:
    moved = rows.copy()
    moved[:, :4] -= np.array([place.left, place.top] * 2, np.float32)
    middles = (moved[:, :2] + moved[:, 2:4]) / 2
    moved = moved[((middles >= 0) & (middles < size)).all(axis=1)]
    moved[:, :4] = np.clip(moved[:, :4], 0, [*size, *size])
    return moved
