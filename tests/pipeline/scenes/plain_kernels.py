"""What the compiled loops are compared with: `pipeline.scenes.pixels.kernels`, sprite by sprite.

With calls of OpenCV and numpy, in a third of the speed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import OPAQUE, Ids, Measures, Plane, Table, view_of
from pipeline.scenes.pixels.mipmaps import Pyramid
from pipeline.sprites.library import Pixels
from pipeline.sprites.recolour import LUMINANCE

Floats = npt.NDArray[np.float32]
Region = tuple[slice, slice]
Mask = npt.NDArray[np.bool_]


def premultiply(rgba: Pixels, player_weight: Pixels | None) -> tuple[Pixels, Pixels | None]:
    *colours, alpha = cv2.split(rgba)
    if player_weight is None:
        return cv2.merge([*_multiplied(colours[::-1], opacity_of(alpha)), alpha]), None
    own, theirs = (
        part_of(alpha, weight) for weight in (cv2.bitwise_not(player_weight), player_weight)
    )
    # A matrix product would round differently from one processor to the next.
    parts = (factor * colour for factor, colour in zip(LUMINANCE, colours, strict=True))
    light = np.rint(sum(parts) * theirs).astype(np.uint8)
    return cv2.merge([*_multiplied(colours[::-1], own), alpha]), light


def opacity_of(alpha: Pixels) -> Floats:
    """Alpha from 0 to 1."""
    return np.asarray(cv2.multiply(alpha, 1.0, None, 1 / 255, cv2.CV_32F), np.float32)


def part_of(alpha: Pixels, weight: Pixels) -> Floats:
    """A share of 255 of the opacity, from 0 to 1."""
    return np.asarray(cv2.multiply(alpha, weight, None, 1 / 255**2, cv2.CV_32F), np.float32)


def resize(pyramids: Sequence[Pyramid | None], plane: Plane, table: Table) -> None:
    for pyramid, row in zip(pyramids, table.tolist(), strict=True):
        if pyramid is not None:
            out = view_of(plane, row)
            level = pyramid.level_for(*out.shape[:2])
            between_columns = _interpolated(level.swapaxes(0, 1), out.shape[1])
            out[...] = _interpolated(between_columns.swapaxes(0, 1), out.shape[0])


def shade(image: Pixels, shadows: Plane, table: Table, opacity: int) -> None:
    light = cv2.LUT(shadows, 255 - shares_of(opacity))
    lights = cv2.merge([light, light, light, light])
    for row in table.tolist():
        window = window_of(image.shape, row)
        if window is not None:
            region = image[window[1]]
            cv2.multiply(region, view_of(lights, row)[window[0]], region, 1 / 255)


def paint(bgra: Plane, light: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    for row, tint in zip(table.tolist(), tints.tolist(), strict=True):
        if any(tint):
            region, share = view_of(bgra, row), view_of(light, row)
            cv2.add(region, cv2.merge([cv2.LUT(share, shares_of(c)) for c in tint]), region)


def lay(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
    alpha = cv2.extractChannel(bgra, 3)
    masks = cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)[1]
    shares = cv2.merge([cv2.bitwise_not(alpha)] * 4)
    for number, row in enumerate(table.tolist()):
        window = window_of(ids.shape, row)
        if window is not None:
            inside, outside = window
            region, mask = image[outside], view_of(masks, row)[inside]
            cv2.multiply(region, view_of(shares, row)[inside], region, 1 / 255)
            cv2.add(region, view_of(bgra, row)[inside], region)
            cv2.copyTo(np.full(mask.shape, number + 1, np.uint16), mask, ids[outside])


def fill(image: Pixels, patches: npt.NDArray[np.int64], colours: Pixels) -> None:
    for (left, top, width, height), colour in zip(patches.tolist(), colours, strict=True):
        rows = slice(max(top, 0), max(top + height, 0))
        image[rows, max(left, 0) : max(left + width, 0)] = colour


def measure(ids: Ids, bgra: Plane, table: Table) -> Measures:
    alpha = cv2.extractChannel(bgra, 3)
    masks = np.asarray(cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)
    rows = [_measured(ids, masks, number, row) for number, row in enumerate(table.tolist())]
    return np.array(rows, np.int64).reshape(-1, 12)


def shares_of(whole: int) -> Pixels:
    """A table: what every share of 255 of a number of 255 is, rounded."""
    return ((np.arange(256) * whole + 127) // 255).astype(np.uint8)


def _multiplied(colours: Sequence[Pixels], share: Floats) -> Iterator[Pixels]:
    """Planes of colour, each times its share (0 to 1) of the pixel."""
    return (
        np.asarray(cv2.multiply(colour, share, None, 1.0, cv2.CV_8U), np.uint8)
        for colour in colours
    )


def _interpolated(rows: Pixels, count: int) -> Pixels:
    """So many rows, evenly between those that there are."""
    step = (len(rows) << 16) // count
    places = (step // 2 - (1 << 15) + step * np.arange(count)).clip(0, (len(rows) - 1) << 16)
    above = places >> 16
    below = np.minimum(above + 1, len(rows) - 1)
    share = ((places >> 8) & 255).reshape(-1, *[1] * (rows.ndim - 1))
    mixed = (rows[above] * (256 - share) + rows[below] * share + 128) >> 8
    return np.asarray(mixed, np.uint8)


def _measured(ids: Ids, masks: Plane, number: int, row: Sequence[int]) -> list[int]:
    mask = view_of(masks, row)
    none = [ids.shape[1], ids.shape[0], 0, 0]
    window = window_of(ids.shape, row)
    if window is None:
        return [cv2.countNonZero(mask), 0, 0, 0, *none, *none]
    own, shown = mask[window[0]].view(np.bool_), ids[window[1]]
    seen = shown == number + 1
    inside, visible = int(np.count_nonzero(own)), int(np.count_nonzero(seen))
    under_hud = 0 if visible == inside else int(np.count_nonzero(own & (shown == 0)))
    corner = window[1][1].start, window[1][0].start
    full = _box_around(own, corner) if inside else none
    box = full if visible == inside else _box_around(seen, corner) if visible else none
    return [cv2.countNonZero(mask), inside, visible, under_hud, *full, *box]


def _box_around(pixels: Mask, corner: tuple[int, int]) -> list[int]:
    """The box (x1, y1, x2, y2) of the true pixels of a region with that corner (x, y)."""
    x, y, width, height = cv2.boundingRect(pixels.view(np.uint8))
    left, top = corner[0] + x, corner[1] + y
    return [left, top, left + width, top + height]


def window_of(image: tuple[int, ...], row: Sequence[int]) -> tuple[Region, Region] | None:
    """The common part of a sprite and the image, as index of the one and of the other.

    None when the sprite lies outside the image.
    """
    _, height, width, left, top = row
    right, bottom = left + width, top + height
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, image[1]), min(bottom, image[0])
    if x1 >= x2 or y1 >= y2:
        return None
    inside = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    return inside, (slice(y1, y2), slice(x1, x2))
