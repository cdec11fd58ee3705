"""What the compiled loops are compared with: `pipeline.scenes.pixels.kernels`, sprite by sprite.

With calls of OpenCV and numpy, in a third of the speed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import OPAQUE, Ids, Measures, Plane, Table, view_of
from pipeline.scenes.pixels.mipmaps import Pyramid, half
from pipeline.scenes.pixels.prepared import BGRA, CAST, LIGHT, SHADOW, Sprites
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


def draw_sprites(sprites: Sprites, bgra: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    for numbers, row, tint in zip(sprites, table.tolist(), tints.tolist(), strict=True):
        region = view_of(bgra, row)
        region[...] = resized(numbers[BGRA], 4, region.shape)
        if any(tint) and numbers[LIGHT].any():
            share = resized(numbers[LIGHT], 1, region.shape)
            cv2.add(region, cv2.merge([cv2.LUT(share, shares_of(c)) for c in tint]), region)


def cast_shadows(
    image: Pixels,
    sprites: Sprites,
    placed: tuple[Table, npt.NDArray[np.float64]],
    opacity: int,
) -> None:
    table, scales = placed
    for numbers, corner, scale in zip(sprites, table[:, 3:], scales, strict=True):
        if scale and numbers[SHADOW].any():
            rows, columns, *offset = np.rint(numbers[CAST] * scale).astype(int).tolist()
            shadow = resized(numbers[SHADOW], 1, (max(1, rows), max(1, columns)))
            shade(image, shadow, tuple((corner + offset).tolist()), opacity)


def shade(image: Pixels, darkness: Pixels, corner: tuple[int, int], opacity: int = 255) -> None:
    window = window_of(image.shape, (0, *darkness.shape, *corner))
    if window is not None:
        light = cv2.LUT(darkness, 255 - shares_of(opacity))[window[0]]
        region = image[window[1]]
        cv2.multiply(region, cv2.merge([light] * 4), region, 1 / 255)


def composite(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
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


def levels_of(pyramid: Pyramid) -> Iterator[Pixels]:
    """Every level of a pyramid, [rows, columns] or [rows, columns, channels], the largest first."""
    first, rows, columns = 0, pyramid.rows, pyramid.columns
    while first < len(pyramid.pixels):
        level = pyramid.pixels[first : first + rows * columns]
        yield level.reshape(columns, rows, *level.shape[1:]).swapaxes(0, 1)
        first += rows * columns
        rows, columns = half(rows), half(columns)


def shares_of(whole: int) -> Pixels:
    """A table: what every share of 255 of a number of 255 is, rounded."""
    return ((np.arange(256) * whole + 127) // 255).astype(np.uint8)


def _multiplied(colours: Sequence[Pixels], share: Floats) -> Iterator[Pixels]:
    """Planes of colour, each times its share (0 to 1) of the pixel."""
    return (
        np.asarray(cv2.multiply(colour, share, None, 1.0, cv2.CV_8U), np.uint8)
        for colour in colours
    )


def resized(place: npt.NDArray[np.int64], channels: int, shape: tuple[int, ...]) -> Pixels:
    """What `Pyramid.place` says where to find, at another size."""
    level = level_at(place, channels, shape)
    between_columns = _interpolated(level.swapaxes(0, 1), shape[1])
    return _interpolated(between_columns.swapaxes(0, 1), shape[0])


def level_at(place: npt.NDArray[np.int64], channels: int, shape: tuple[int, ...]) -> Pixels:
    """The smallest level that is no smaller; read from memory, as the loops do."""
    address, rows, columns, levels = place.tolist()
    best = None
    for _ in range(levels):
        if best is None or (rows >= shape[0] and columns >= shape[1]):
            memory = (ctypes.c_uint8 * (rows * columns * channels)).from_address(address)
            whole = (columns, rows, channels) if channels > 1 else (columns, rows)
            best = np.frombuffer(memory, np.uint8).reshape(whole).swapaxes(0, 1)
        else:
            break
        address += rows * columns * channels
        rows, columns = half(rows), half(columns)
    assert best is not None
    return best


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
