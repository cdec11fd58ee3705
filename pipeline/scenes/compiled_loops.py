"""The loops of `pixel_loops`, compiled; `plain_loops` says what they do.

Arithmetic is on whole numbers, so that every processor gives the same result. Places in flat arrays
are unsigned, because numba would test every signed one for being negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import uint32, uintp

from pipeline.scenes.sheet import Ids, Measures, Plane, Table
from pipeline.sprites.library import Pixels

Function = TypeVar("Function", bound=Callable[..., Any])


def lay(image: Pixels, ids: Ids, rgba: Plane, table: Table) -> None:
    """As `plain_loops.lay`."""
    _lay(image, ids, rgba.view(np.uint32).reshape(-1), table)


def measure(ids: Ids, rgba: Plane, table: Table) -> Measures:
    """As `plain_loops.measure`."""
    measures: Measures = np.zeros((len(table), 12), np.int64)
    _measure(ids, rgba.view(np.uint32).reshape(-1), table, measures)
    return measures


def _compiled(function: Function) -> Function:
    """Compiled on its first call, and kept on disk for the next process."""
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(Function, decorate(function))


@_compiled
def _lay(image: Any, ids: Any, rgba: Any, table: Any) -> None:
    height, width = ids.shape
    colours, owners = image.reshape(height * width * 3), ids.reshape(height * width)
    for number in range(table.shape[0]):
        first, rows, columns, left, top = table[number]
        start, stop = max(0, -left), min(columns, width - left)
        for row in range(max(0, -top), min(rows, height - top)):
            here = uintp(first + row * columns + start)
            there = uintp((row + top) * width + left + start)
            for _ in range(stop - start):
                pixel = rgba[here]
                if pixel:
                    _blend(colours, there * uintp(3), pixel)
                    if pixel >> uint32(31):
                        owners[there] = number + 1
                here += uintp(1)
                there += uintp(1)


@_compiled
def _blend(colours: Any, place: Any, pixel: Any) -> None:
    """Lay one premultiplied pixel, packed as RGBA, over three bytes of the picture."""
    behind = uint32(255) - (pixel >> uint32(24))
    for channel in range(3):
        own = (pixel >> uint32(8 * channel)) & uint32(255)
        if behind:
            beneath = uint32(colours[place]) * behind
            own = min(own + (beneath + uint32(127)) // uint32(255), uint32(255))
        colours[place] = own
        place += uintp(1)


@_compiled
def _measure(ids: Any, rgba: Any, table: Any, measures: Any) -> None:
    height, width = ids.shape
    owners = ids.reshape(height * width)
    for number in range(table.shape[0]):
        first, rows, columns, left, top = table[number]
        pixels = inside = seen = under_hud = 0
        x1 = seen_x1 = width
        y1 = seen_y1 = height
        x2 = y2 = seen_x2 = seen_y2 = 0
        for row in range(rows):
            y = row + top
            here = uintp(first + row * columns)
            within = 0 <= y < height
            start, stop, seen_start, seen_stop = width, 0, width, 0
            for column in range(columns):
                if rgba[here] >> uint32(31):
                    pixels += 1
                    x = column + left
                    if within and 0 <= x < width:
                        inside += 1
                        start, stop = min(start, x), max(stop, x + 1)
                        owner = owners[uintp(y * width + x)]
                        if owner == number + 1:
                            seen += 1
                            seen_start, seen_stop = min(seen_start, x), max(seen_stop, x + 1)
                        elif owner == 0:
                            under_hud += 1
                here += uintp(1)
            if stop:
                x1, x2, y1, y2 = min(x1, start), max(x2, stop), min(y1, y), y + 1
            if seen_stop:
                seen_x1, seen_x2 = min(seen_x1, seen_start), max(seen_x2, seen_stop)
                seen_y1, seen_y2 = min(seen_y1, y), y + 1
        row_of = measures[number]
        row_of[0], row_of[1], row_of[2], row_of[3] = pixels, inside, seen, under_hud
        row_of[4], row_of[5], row_of[6], row_of[7] = x1, y1, x2, y2
        row_of[8], row_of[9], row_of[10], row_of[11] = seen_x1, seen_y1, seen_x2, seen_y2
