"""What the built-in game shows over the map: ellipses, bars, the resource line and the minimap."""

from __future__ import annotations

import numpy as np

from pipeline.demo_game.art.raycasting import Mask, Pixels
from pipeline.demo_game.art.solids import Field

Colour = tuple[int, int, int]

TOP_HEIGHT = 13
MAP_WIDTH, MAP_HEIGHT = 62, 46
BOARD: Colour = (70, 50, 34)
BOARD_LIGHT: Colour = (120, 92, 60)
BOARD_EDGE: Colour = (28, 20, 14)
INK: Colour = (240, 226, 190)
RESOURCES: tuple[Colour, ...] = ((146, 96, 52), (206, 64, 60), (246, 200, 62), (164, 164, 168))
"""Wood, food, gold, stone."""
DIGITS = (
    "111101101101111",
    "010110010010111",
    "111001111100111",
    "111001011001111",
    "101101111001001",
    "111100111001111",
    "111100111101111",
    "111001010010010",
    "111101111101111",
    "111101111001111",
)
"""Three pixels wide and five high, row by row."""


def draw_ellipse(image: Pixels, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """The mark on the ground around a chosen unit, one pixel wide."""
    rows, columns = (
        slice(max(middle - radius - 1, 0), max(middle + radius + 2, 0)) for middle in centre[::-1]
    )
    around = image[rows, columns]
    y, x = np.mgrid[: around.shape[0], : around.shape[1]].astype(np.float32)
    y, x = y + rows.start, x + columns.start
    outer = _inside(x, y, centre, radius + 0.5)
    inner = _inside(x, y, centre, radius - 0.7)
    around[outer & ~inner] = colour


def draw_bar(image: Pixels, middle: int, top: int, width: int, filled: float) -> None:
    """A unit's health: green over dark red within a black frame, four pixels high."""
    left = middle - width // 2
    _fill(image, left - 1, top - 1, width + 2, 4, (12, 12, 12))
    _fill(image, left, top, width, 2, (128, 24, 20))
    _fill(image, left, top, max(1, round(width * filled)), 2, (64, 214, 62))


def draw_resources(image: Pixels, amounts: tuple[int, ...]) -> Mask:
    """The line along the top; returns what it covers."""
    covered = np.zeros(image.shape[:2], bool)
    covered[:TOP_HEIGHT] = True
    _board(image, 0, 0, image.shape[1], TOP_HEIGHT)
    for number, (colour, amount) in enumerate(zip(RESOURCES, amounts, strict=True)):
        left = 6 + number * 44
        _fill(image, left, 3, 7, 7, BOARD_EDGE)
        _fill(image, left + 1, 4, 5, 5, colour)
        _write(image, left + 11, 4, str(amount))
    return covered


def draw_minimap(image: Pixels, world: Pixels, view: tuple[float, float, float, float]) -> Mask:
    """The map in the lower right corner; returns what it covers.

    Args:
        world: the whole map's ground.
        view: left, top, right and bottom of the image, of the map's size.
    """
    height, width = image.shape[:2]
    left, top = width - MAP_WIDTH, height - MAP_HEIGHT
    covered = np.zeros((height, width), bool)
    covered[top:, left:] = True
    _board(image, left, top, MAP_WIDTH, MAP_HEIGHT)
    inner_width, inner_height = MAP_WIDTH - 6, MAP_HEIGHT - 6
    rows = (np.arange(inner_height) + 0.5) / inner_height * world.shape[0]
    columns = (np.arange(inner_width) + 0.5) / inner_width * world.shape[1]
    small = world[rows.astype(int)][:, columns.astype(int)].copy()
    x1, y1, x2, y2 = (
        round(share * (side - 1))
        for share, side in zip(view, (inner_width, inner_height) * 2, strict=True)
    )
    small[y1 : y2 + 1, [x1, x2]] = 255
    small[[y1, y2], x1 : x2 + 1] = 255
    image[top + 3 : top + 3 + inner_height, left + 3 : left + 3 + inner_width] = small
    return covered


def _inside(x: Field, y: Field, centre: tuple[int, int], radius: float) -> Mask:
    across, along = (x - centre[0]) / radius, (y - centre[1]) / (radius * 0.6)
    inside: Mask = across * across + along * along <= 1
    return inside


def _board(image: Pixels, left: int, top: int, width: int, height: int) -> None:
    _fill(image, left, top, width, height, BOARD_EDGE)
    _fill(image, left + 1, top + 1, width - 2, height - 2, BOARD_LIGHT)
    _fill(image, left + 2, top + 2, width - 4, height - 4, BOARD)


def _write(image: Pixels, left: int, top: int, digits: str) -> None:
    for place, digit in enumerate(digits):
        for dot, lit in enumerate(DIGITS[int(digit)]):
            if lit == "1":
                image[top + dot // 3, left + place * 4 + dot % 3] = INK


def _fill(image: Pixels, left: int, top: int, width: int, height: int, colour: Colour) -> None:
    image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = colour
