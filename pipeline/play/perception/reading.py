"""What pixels say of an entity beside its class: whose it is, how hurt it is, whether it is chosen.

Small rules over the box of a detection. None knows of a game's state; what a game draws is given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.interface import DIGITS, INK
from pipeline.demo_game.world import FLATTENING

LEAST_LIGHT = 60
"""Of red, green and blue together; what is darker has no colour."""
COLOUR_TOLERANCE = 0.05
"""Difference of the shares of red, green and blue up to which a pixel has a player's colour."""
BAR_FULL, BAR_EMPTY = (64, 214, 62), (128, 24, 20)
BAR_TOLERANCE = 12
BAR_WIDTHS = (8, 40)
BAR_ABOVE, BAR_BELOW = 9, 3
"""Rows above and below the upper edge of a box in which its bar may lie."""
FRAME_LIGHT = 40
"""The frame of a bar is darker than that."""
MARK_LIGHT, MARK_GREY = 120, 16
"""The mark around who is chosen is lighter than the first in each colour, in shadows too, and its
colours differ by no more than the second."""
MARK_SHARE = 0.3
"""Of the mark that must be seen; bodies hide its upper part."""
MARK_OFF = (10, 4)
"""Pixels across and down by which the middle of a mark may be off the place where it is looked for:
what a unit holds widens its box."""


def colour_counts(pixels: Pixels, colours: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """How many pixels have each player's colour, at any brightness: (players,).

    Games paint a player's colour in proportion to the light, so that the shares of red, green and
    blue stay.

    Args:
        pixels: uint8 [height, width, 3].
        colours: [players, 3], 0 to 255.
    """
    # Colour by colour: numpy takes several times as long along an axis of three.
    red, green, blue = pixels.reshape(-1, 3).T.astype(np.float32)
    light = red + green + blue
    bright = light > LEAST_LIGHT
    shares = [each[bright] / light[bright] for each in (red, green, blue)]
    wanted = (colours / colours.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.array(
        [
            np.count_nonzero(
                np.logical_and.reduce(
                    [
                        np.abs(share - one) < COLOUR_TOLERANCE
                        for share, one in zip(shares, player, strict=True)
                    ]
                )
            )
            for player in wanted
        ],
        np.int_,
    )


class Bar(NamedTuple):
    """A bar: its filled part, 0 to 1, and the column of its middle."""

    share: float
    middle: float


def bar_above(image: Pixels, box: npt.NDArray[np.floating[Any]]) -> Bar | None:
    """The bar above a box; None where none is drawn.

    A bar is a run of full and then empty colour in a dark frame, about as wide as its unit.
    """
    left, top, right, _bottom = box.tolist()
    rows = slice(max(int(top) - BAR_ABOVE, 0), max(int(top) + BAR_BELOW, 0))
    first = max(int(left) - 12, 0)
    band = image[rows, first : int(right) + 13].astype(np.int16)
    full, empty = (
        np.asarray((np.abs(band - np.array(colour)) <= BAR_TOLERANCE).all(axis=2))
        for colour in (BAR_FULL, BAR_EMPTY)
    )
    dark = np.asarray((band < FRAME_LIGHT).all(axis=2))
    middle = (left + right) / 2 - first
    nearest = BAR_WIDTHS[1] / 2
    found: Bar | None = None
    for row in np.flatnonzero(full.any(axis=1)).tolist():
        for start, end in _runs(full[row] | empty[row]):
            framed = start > 0 and end < len(dark[row]) and dark[row, start - 1] and dark[row, end]
            off = abs((start + end) / 2 - middle)
            if framed and BAR_WIDTHS[0] <= end - start <= BAR_WIDTHS[1] and off < nearest:
                nearest = off
                share = float(full[row, start:end].mean())
                # An odd pixel lies to the right of the middle.
                found = Bar(share, float(first + start + (end - start) // 2))
    return found


def mark_around(
    image: Pixels, place: tuple[float, float], radius: float
) -> tuple[float, float] | None:
    """The middle of the mark of who is chosen, on the ground around about a place; None without.

    Args:
        place: x and y in pixels of the image.
        radius: of the mark across, in pixels.
    """
    across, along = _ring(radius)
    dy, dx = (
        each.ravel()
        for each in np.mgrid[-MARK_OFF[1] : MARK_OFF[1] + 1, -MARK_OFF[0] : MARK_OFF[0] + 1]
    )
    columns = np.rint(place[0] + across).astype(int) + dx[:, None]
    rows = np.rint(place[1] + along).astype(int) + dy[:, None]
    left, top = int(columns.min()), int(rows.min())
    size = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
    shares = _marked_pixels(image, left, top, size)[rows - top, columns - left].mean(axis=1)
    # Of equal ones that which is nearest.
    best = int((shares - 1e-4 * np.hypot(dx, dy)).argmax())
    if shares[best] < MARK_SHARE:
        return None
    return float(round(place[0]) + dx[best]), float(round(place[1]) + dy[best])


def _marked_pixels(
    image: Pixels, left: int, top: int, size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which pixels of a window (its width and height) have the mark's colour; none beyond edges."""
    marked = np.zeros((size[1], size[0]), np.bool_)
    first, start = max(-left, 0), max(-top, 0)
    window = image[max(top, 0) : max(top + size[1], 0), max(left, 0) : max(left + size[0], 0)]
    red, green, blue = window.transpose(2, 0, 1)
    darkest = np.minimum(np.minimum(red, green), blue)
    lightest = np.maximum(np.maximum(red, green), blue)
    marked[start : start + window.shape[0], first : first + window.shape[1]] = (
        darkest >= MARK_LIGHT
    ) & (lightest - darkest <= MARK_GREY)
    return marked


def read_amounts(line: Pixels, count: int, first: int, pitch: int, top: int) -> list[int | None]:
    """Numbers on a line, glyph by glyph; None for one that cannot be read.

    Args:
        line: uint8 [height, width, 3].
        count: of numbers.
        first: column at which the first begins.
        pitch: columns from one number to the next.
        top: row at which glyphs begin.
    """
    ink = (np.abs(line.astype(np.int16) - np.array(INK)) <= BAR_TOLERANCE).all(axis=2)
    return [_number(ink[top : top + 5, first + pitch * one :], pitch) for one in range(count)]


def _number(ink: npt.NDArray[np.bool_], width: int) -> int | None:
    digits = ""
    for left in range(0, width - 3, 4):
        glyph = "".join("1" if lit else "0" for lit in ink[:, left : left + 3].ravel().tolist())
        if "1" not in glyph:
            break
        if glyph not in DIGITS:
            return None
        digits += str(DIGITS.index(glyph))
    return int(digits) if digits else None


def _runs(chosen: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where runs of what is chosen begin, and end before."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


@lru_cache(maxsize=16)
def _ring(radius: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    turns = np.arange(32) * (2 * np.pi / 32)
    return radius * np.cos(turns), radius * FLATTENING * np.sin(turns)
