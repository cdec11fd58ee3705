"""The loops of `pixel_loops`, compiled; `plain_loops` says what they do.

A pixel of four channels is one number of 32 bits, of which two channels are worked on at once. The
innermost loops have neither branches nor calls, so that the compiler makes them handle eight or
sixteen pixels at a time. Arithmetic is on whole numbers: every processor gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba import carray, types, uint16, uint32
from numba.extending import intrinsic

from pipeline.scenes.pyramid import SMALLEST_LEVEL, Pyramid
from pipeline.scenes.sheet import Ids, Measures, Plane, Table
from pipeline.sprites.library import Pixels

Function = TypeVar("Function", bound=Callable[..., Any])

PAIR = np.uint32(0x00FF00FF)
"""The lower two channels of the two pairs of a pixel."""
HALVES = np.uint32(0x00800080)
CARRIES = np.uint32(0x01000100)
NOWHERE = (0, 0, 0)
"""The place of no pyramid."""
SCRATCH_PIXELS = 1 << 14
"""Enough for most pictures while they are resized."""


def resize(pyramids: Sequence[Pyramid | None], plane: Plane, table: Table) -> None:
    """As `plain_loops.resize`."""
    places = [NOWHERE if pyramid is None else pyramid.place for pyramid in pyramids]
    pixels = _packed(plane) if plane.ndim == 3 else plane
    _resize(np.array(places, np.int64).reshape(-1, 3), pixels.reshape(-1), table)


def shade(image: Pixels, shadows: Plane, table: Table, opacity: int) -> None:
    """As `plain_loops.shade`."""
    _shade(_packed(image), shadows.reshape(-1), table, opacity)


def paint(bgra: Plane, light: Plane, table: Table, tints: npt.NDArray[np.uint8]) -> None:
    """As `plain_loops.paint`."""
    _paint(_packed(bgra).reshape(-1), light.reshape(-1), table, _packed(tints))


def lay(image: Pixels, ids: Ids, bgra: Plane, table: Table) -> None:
    """As `plain_loops.lay`."""
    _lay(_packed(image), ids, _packed(bgra).reshape(-1), table)


def measure(ids: Ids, bgra: Plane, table: Table) -> Measures:
    """As `plain_loops.measure`."""
    measures: Measures = np.zeros((len(table), 12), np.int64)
    _measure(ids, _packed(bgra).reshape(-1), table, measures)
    return measures


def _packed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Pixels of four channels as one number each, blue in its lowest byte."""
    return pixels.view(np.uint32)[..., 0]


def _compiled(function: Function) -> Function:
    """Compiled on its first call, and kept on disk for the next process."""
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(Function, decorate(function))


def _inlined(function: Function) -> Function:
    """Compiled as a part of what calls it."""
    decorate = numba.njit(inline="always", error_model="numpy")
    return cast(Function, decorate(function))


@_inlined
def _scaled(pair: Any, share: Any) -> Any:
    """A pair of channels times a share of 255, rounded."""
    product = pair * share + HALVES
    return ((product + ((product >> uint32(8)) & PAIR)) >> uint32(8)) & PAIR


@_inlined
def _sum(one: Any, other: Any) -> Any:
    """Two pairs of channels, each sum 255 at most."""
    both = one + other
    over = both & CARRIES
    return (both | (over - (over >> uint32(8)))) & PAIR


@_inlined
def _window(row: Any, width: Any, height: Any) -> Any:
    """First and last row and column of a sprite that lie in the picture."""
    _, rows, columns, left, top = row
    return max(0, -top), min(rows, height - top), max(0, -left), min(columns, width - left)


@intrinsic  # type: ignore[untyped-decorator]
def _pixels_at(_: Any, address: Any, like: Any) -> Any:
    """A pointer to the pixels at an address, of the type of those of an array."""
    pointer = types.CPointer(like.dtype)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(address, like), generate


@_inlined
def _between(one: Any, other: Any, share: Any) -> Any:
    """Two pixels mixed, with a share of the other in 1/256; of four channels or of one."""
    rest = uint32(256) - share
    low = ((uint32(one) & PAIR) * rest + (uint32(other) & PAIR) * share + HALVES) >> uint32(8)
    high = (
        ((uint32(one) >> uint32(8)) & PAIR) * rest
        + ((uint32(other) >> uint32(8)) & PAIR) * share
        + HALVES
    )
    return (low & PAIR) | (high & (PAIR << uint32(8)))


@_compiled
def _interpolate(rows: Any, shape: Any, out: Any, count: Any) -> None:
    """So many rows, evenly between those that there are; see `plain_loops`."""
    available, size = shape
    step = (available << 16) // count
    place = step // 2 - (1 << 15)
    for number in range(count):
        at = min(max(place, 0), (available - 1) << 16)
        above, share = at >> 16, uint32((at >> 8) & 255)
        below = min(above + 1, available - 1)
        one = rows[above * size : above * size + size]
        other = rows[below * size : below * size + size]
        mixed = out[number * size : number * size + size]
        for n in range(mixed.size):
            mixed[n] = _between(one[n], other[n], share)
        place += step


@_compiled
def _turn(pixels: Any, shape: Any, out: Any) -> None:
    """Rows become columns."""
    rows, columns = shape
    for column in range(columns):
        turned = out[column * rows : column * rows + rows]
        for row in range(rows):
            turned[row] = pixels[row * columns + column]


@_compiled
def _resize(places: Any, plane: Any, table: Any) -> None:
    once = np.empty(SCRATCH_PIXELS, plane.dtype)
    turned = np.empty(SCRATCH_PIXELS, plane.dtype)
    for number in range(places.shape[0]):
        address, height, width = places[number]
        first, rows, columns, _, _ = table[number]
        if not address:
            continue
        start = 0
        while min(height, width) >= 2 * SMALLEST_LEVEL:
            lower, narrower = (height + 1) // 2, (width + 1) // 2
            if lower < rows or narrower < columns:
                break
            start += height * width
            height, width = lower, narrower
        level = carray(_pixels_at(address, plane), start + height * width)[start:]
        if once.size < height * columns:
            once = np.empty(height * columns, plane.dtype)
            turned = np.empty(height * columns, plane.dtype)
        _interpolate(level, (width, height), once, columns)
        _turn(once, (columns, height), turned)
        _interpolate(turned, (height, columns), plane[first : first + rows * columns], rows)


@_compiled
def _shade(image: Any, shadows: Any, table: Any, opacity: Any) -> None:
    height, width = image.shape
    strength = uint32(opacity)
    for number in range(table.shape[0]):
        first, _, columns, left, top = table[number]
        y1, y2, x1, x2 = _window(table[number], width, height)
        for row in range(y1, y2):
            if x2 > x1:
                start = first + row * columns
                darkness = shadows[start + x1 : start + x2]
                beneath = image[row + top, left + x1 : left + x2]
                for n in range(beneath.size):
                    kept = uint32(255) - _scaled(uint32(darkness[n]), strength)
                    pixel = beneath[n]
                    low = _scaled(pixel & PAIR, kept)
                    high = _scaled((pixel >> uint32(8)) & PAIR, kept)
                    beneath[n] = low | (high << uint32(8))


@_compiled
def _paint(bgra: Any, light: Any, table: Any, tints: Any) -> None:
    for number in range(table.shape[0]):
        tint = tints[number]
        if tint:
            first, rows, columns, _, _ = table[number]
            pixels = bgra[first : first + rows * columns]
            shares = light[first : first + rows * columns]
            for n in range(pixels.size):
                share, pixel = uint32(shares[n]), pixels[n]
                low = _sum(pixel & PAIR, _scaled(tint & PAIR, share))
                high = _sum((pixel >> uint32(8)) & PAIR, _scaled((tint >> uint32(8)) & PAIR, share))
                pixels[n] = low | (high << uint32(8))


@_compiled
def _lay(image: Any, ids: Any, bgra: Any, table: Any) -> None:
    height, width = ids.shape
    for number in range(table.shape[0]):
        first, _, columns, left, top = table[number]
        y1, y2, x1, x2 = _window(table[number], width, height)
        own = uint16(number + 1)
        for row in range(y1, y2):
            if x2 > x1:
                start = first + row * columns
                sprite = bgra[start + x1 : start + x2]
                beneath = image[row + top, left + x1 : left + x2]
                owners = ids[row + top, left + x1 : left + x2]
                for n in range(beneath.size):
                    pixel, under = sprite[n], beneath[n]
                    behind = uint32(255) - (pixel >> uint32(24))
                    low = _sum(pixel & PAIR, _scaled(under & PAIR, behind))
                    high = _sum(
                        (pixel >> uint32(8)) & PAIR,
                        _scaled((under >> uint32(8)) & PAIR, behind),
                    )
                    beneath[n] = low | (high << uint32(8))
                for n in range(owners.size):
                    owners[n] = own if sprite[n] >> uint32(31) else owners[n]


@_compiled
def _measure(ids: Any, bgra: Any, table: Any, measures: Any) -> None:
    height, width = ids.shape
    counts = np.empty((2, width), np.uint32)
    for number in range(table.shape[0]):
        first, rows, columns, left, _ = table[number]
        found = measures[number]
        found[4] = found[8] = width
        found[5] = found[9] = height
        sprite = bgra[first : first + rows * columns]
        window = _window(table[number], width, height)
        y1, y2, x1, x2 = window
        if y2 > y1 and x2 > x1:
            own = uint16(number + 1)
            inside, seen = counts[0, : x2 - x1], counts[1, : x2 - x1]
            _count(ids, sprite, table[number], window, (own, inside, seen))
            found[1], found[2] = inside.sum(), seen.sum()
            if found[1]:
                found[4], found[6] = _ends(inside, left + x1)
                found[5], found[7] = _rows(ids, sprite, table[number], window, uint16(0))
            if found[2]:
                found[8], found[10] = _ends(seen, left + x1)
                found[9], found[11] = _rows(ids, sprite, table[number], window, own)
            if found[2] < found[1]:
                _count(ids, sprite, table[number], window, (uint16(0), inside, seen))
                found[3] = seen.sum()
        found[0] = found[1]
        if max(0, y2 - y1) * max(0, x2 - x1) < sprite.size:  # A part of it lies outside.
            opaque = uint32(0)
            for n in range(sprite.size):
                opaque += sprite[n] >> uint32(31)
            found[0] = opaque


@_compiled
def _count(ids: Any, sprite: Any, row: Any, window: Any, counts: Any) -> None:
    """The opaque pixels of each column, and those of them where the picture shows `own`.

    Sums of columns are made of many pixels at a time, those of short rows would not be.
    """
    _, _, columns, left, top = row
    y1, y2, x1, x2 = window
    own, opaque, shown = counts
    opaque[:] = 0
    shown[:] = 0
    for y in range(y1, y2):
        pixels = sprite[y * columns + x1 : y * columns + x2]
        owners = ids[y + top, left + x1 : left + x2]
        for n in range(pixels.size):
            is_opaque = pixels[n] >> uint32(31)
            opaque[n] += is_opaque
            shown[n] += is_opaque & uint32(owners[n] == own)


@_compiled
def _ends(counts: Any, at: Any) -> Any:
    """The first of some columns with something in it, and the one after the last."""
    start, stop = 0, counts.size
    while not counts[start]:
        start += 1
    while not counts[stop - 1]:
        stop -= 1
    return at + start, at + stop


@_compiled
def _rows(ids: Any, sprite: Any, row: Any, window: Any, own: Any) -> Any:
    """The first row of the picture with an opaque pixel, and the one after the last.

    Of those that show sprite `own`; of any when that is 0. There must be one.
    """
    start, stop, _, _ = window
    while not _shows(ids, sprite, row, window, (start, own)):
        start += 1
    while not _shows(ids, sprite, row, window, (stop - 1, own)):
        stop -= 1
    return row[4] + start, row[4] + stop


@_compiled
def _shows(ids: Any, sprite: Any, row: Any, window: Any, what: Any) -> Any:
    _, _, columns, left, top = row
    _, _, x1, x2 = window
    y, own = what
    for x in range(x1, x2):
        if sprite[y * columns + x] >> uint32(31) and (not own or ids[y + top, x + left] == own):
            return True
    return False
