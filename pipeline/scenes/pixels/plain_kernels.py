"""The loops of `pixel_loops` as calls of OpenCV and numpy, one sprite after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.atlas import OPAQUE, Ids, Measures, Plane, Table, picture
from pipeline.scenes.pixels.mipmaps import Pyramid
from pipeline.sprites.library import Pixels
from pipeline.sprites.recolour import LUMINANCE

Floats = npt.NDArray[np.float32]
Region = tuple[slice, slice]
Mask = npt.NDArray[np.bool_]


def premultiply(rgba: Pixels, player_weight: Pixels | None) -> tuple[Pixels, Pixels | None]:
    """Multiply a sprite's colours by its alpha, without what a team's colour replaces.

    Args:
        rgba: uint8 [height, width, 4], straight alpha.
        player_weight: uint8 [height, width], 255 where a team's colour replaces all; None for a
            sprite in its own colours.

    Returns:
        uint8 [height, width, 4], BGRA; and uint8 [height, width], what a team's colour is
        multiplied by before it is added, None without weights.
    """
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
    """Fill a plane with pictures at the size that each has there.

    Bilinear between the middles of pixels, first the columns and then the rows, from the smallest
    level that is no smaller; positions in steps of 1/65536, weights of 1/256, rounded each time.

    Args:
        pyramids: what each picture is made from; the part of one without is left as it is.
        plane: of a sheet; filled in place.
        table: where each lies in `plane`.
    """
    for pyramid, row in zip(pyramids, table.tolist(), strict=True):
        if pyramid is not None:
            out = picture(plane, row)
            level = pyramid.level_for(*out.shape[:2])
            between_columns = _interpolated(level.swapaxes(0, 1), out.shape[1])
            out[...] = _interpolated(between_columns.swapaxes(0, 1), out.shape[0])


def shade(image: Pixels, shadows: Plane, table: Table, opacity: int) -> None:
    """Darken a picture where shadows fall.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        shadows: opacity of black of all shadows.
        table: where each lies in `shadows` and in the picture.
        opacity: of all of them, 0 to 255.
    """
    light = cv2.LUT(shadows, 255 - shares_of(opacity))
    lights = cv2.merge([light, light, light, light])
    for row in table.tolist():
        window = window_of(image.shape, row)
        if window is not None:
            region = image[window[1]]
            cv2.multiply(region, picture(lights, row)[window[0]], region, 1 / 255)


def paint(bgra: Plane, light: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    """Add what a team's colour puts into its sprites.

    Args:
        bgra: all sprites; changed in place.
        light: what the colour of each pixel's player is multiplied by.
        table: where each sprite lies in both.
        tints: uint8 [n, 4], BGR of each sprite's player and a 0; only zeros for nobody's, of which
            the light is not looked at.
    """
    for row, tint in zip(table.tolist(), tints.tolist(), strict=True):
        if any(tint):
            region, share = picture(bgra, row), picture(light, row)
            cv2.add(region, cv2.merge([cv2.LUT(share, shares_of(c)) for c in tint]), region)


def lay(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
    """Blend sprites over a picture in their order, each claiming its opaque pixels.

    Args:
        image: uint8 [height, width, 4], as `rendering.renderer.Drawing.bgrx`; changed in place.
        ids: uint16 [height, width]; becomes n + 1 where sprite n is opaque.
        bgra: all sprites at their drawn size, premultiplied.
        table: where each lies in `bgra` and in the picture.
    """
    alpha = cv2.extractChannel(bgra, 3)
    masks = cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)[1]
    shares = cv2.merge([cv2.bitwise_not(alpha)] * 4)
    for number, row in enumerate(table.tolist()):
        window = window_of(ids.shape, row)
        if window is not None:
            inside, outside = window
            region, mask = image[outside], picture(masks, row)[inside]
            cv2.multiply(region, picture(shares, row)[inside], region, 1 / 255)
            cv2.add(region, picture(bgra, row)[inside], region)
            cv2.copyTo(np.full(mask.shape, number + 1, np.uint16), mask, ids[outside])


def fill(image: Pixels, patches: npt.NDArray[np.int64], colours: Pixels) -> None:
    """Draw rectangles of one colour each over a picture, in their order.

    Args:
        image: uint8 [height, width, 4]; changed in place.
        patches: int64 [n, 4]: left, top, width, height; they may reach outside the picture.
        colours: uint8 [n, 4], as the picture's pixels.
    """
    for (left, top, width, height), colour in zip(patches.tolist(), colours, strict=True):
        rows = slice(max(top, 0), max(top + height, 0))
        image[rows, max(left, 0) : max(left + width, 0)] = colour


def measure(ids: Ids, bgra: Plane, table: Table) -> Measures:
    """What a drawn scene shows of each sprite.

    Args:
        ids: as `lay` left it, and 0 where the interface covers the scene.
        bgra, table: as in `lay`.

    Returns:
        int64 [n, 12]: the opaque pixels of the sprite; those inside the picture; those that are
        seen; those that the interface covers; then the boxes around those inside and around those
        that are seen (x1, y1, x2, y2; x2 is 0 where there are none).
    """
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
    mask = picture(masks, row)
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
    """The common part of a sprite and the picture, as index of the one and of the other.

    None when the sprite lies outside the picture.
    """
    _, height, width, left, top = row
    right, bottom = left + width, top + height
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, image[1]), min(bottom, image[0])
    if x1 >= x2 or y1 >= y2:
        return None
    inside = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    return inside, (slice(y1, y2), slice(x1, x2))
