"""Text as the built-in game shows it: letters of strokes, in any size.

The letters are our own: FreeType, which draws other fonts, rounds differently from version to
version. As in other plain fonts l, I and 1 are much alike, and so are O and 0, or rn and m when
small: what reads a text from an image takes some for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import unit_circle
from pipeline.demo_game.inventory.shapes import Place, PlanePoints, stroke, union

Rgb = tuple[int, int, int]

CAPITAL = 7.0
"""Height of a capital letter in the units of `GLYPHS`; the baseline is 0, y grows upwards."""
ABOVE, BELOW = 1.0, 2.8
"""Room above capitals and below the baseline."""
GAP, SPACE = 2.1, 3.4
WEIGHT = 0.58
"""Half the width of a stroke."""
ARC_STEPS = 16

GLYPHS: Mapping[str, tuple[float, str]] = {
    "A": (5.2, "L 0 0 2.6 7 5.2 0; L 0.9 2.3 4.3 2.3"),
    "B": (4.5, "L 2.5 7 0 7 0 0 2.7 0; L 0 3.6 2.7 3.6"
               "; A 2.5 5.3 1.7 1.7 90 -90; A 2.7 1.8 1.8 1.8 90 -90"),
    "C": (5.2, "A 3 3.5 3 3.5 48 312"),
    "D": (4.8, "L 1.8 7 0 7 0 0 1.8 0; A 1.8 3.5 3 3.5 90 -90"),
    "E": (4.0, "L 4 7 0 7 0 0 4 0; L 0 3.6 3.5 3.6"),
    "F": (3.9, "L 3.9 7 0 7 0 0; L 0 3.5 3.3 3.5"),
    "G": (5.5, "A 3 3.5 3 3.5 48 318; L 5.3 1.2 5.3 3.2 3.2 3.2"),
    "H": (5.0, "L 0 0 0 7; L 5 0 5 7; L 0 3.6 5 3.6"),
    "I": (0.0, "L 0 0 0 7"),
    "J": (3.0, "L 3 7 3 1.6; A 1.5 1.6 1.5 1.6 0 -170"),
    "K": (4.7, "L 0 0 0 7; L 4.5 7 0 2.5; L 1.7 4.1 4.7 0"),
    "L": (3.8, "L 0 7 0 0 3.8 0"),
    "M": (6.0, "L 0 0 0 7 3 2 6 7 6 0"),
    "N": (5.0, "L 0 0 0 7 5 0 5 7"),
    "O": (6.0, "A 3 3.5 3 3.5 0 360"),
    "P": (4.5, "L 0 0 0 7 2.6 7; A 2.6 5.1 1.9 1.9 90 -90; L 2.6 3.2 0 3.2"),
    "Q": (6.0, "A 3 3.5 3 3.5 0 360; L 3.7 1.7 5.9 -0.6"),
    "R": (4.7, "L 0 0 0 7 2.6 7; A 2.6 5.1 1.9 1.9 90 -90; L 2.6 3.2 0 3.2; L 2.3 3.2 4.7 0"),
    "S": (4.4, "A 2.2 5.2 1.9 1.8 30 270; A 2.2 1.7 2.2 1.7 90 -150"),
    "T": (5.0, "L 0 7 5 7; L 2.5 7 2.5 0"),
    "U": (4.8, "L 0 7 0 2.4; A 2.4 2.4 2.4 2.4 180 360; L 4.8 2.4 4.8 7"),
    "V": (5.0, "L 0 7 2.5 0 5 7"),
    "W": (7.4, "L 0 7 1.85 0 3.7 6.4 5.55 0 7.4 7"),
    "X": (4.8, "L 0 0 4.8 7; L 0 7 4.8 0"),
    "Y": (4.8, "L 0 7 2.4 3.4 4.8 7; L 2.4 3.4 2.4 0"),
    "Z": (4.6, "L 0 7 4.6 7 0 0 4.6 0"),
    "a": (4.2, "A 2.1 2.5 2.1 2.5 0 360; L 4.2 5 4.2 0"),
    "b": (4.2, "L 0 7.3 0 0; A 2.1 2.5 2.1 2.5 0 360"),
    "c": (3.7, "A 2.2 2.5 2.2 2.5 48 312"),
    "d": (4.2, "A 2.1 2.5 2.1 2.5 0 360; L 4.2 7.3 4.2 0"),
    "e": (4.2, "L 0 2.6 4.2 2.6; A 2.1 2.5 2.1 2.5 0 315"),
    "f": (2.6, "L 1 0 1 5.8; A 2.5 5.8 1.5 1.5 180 80; L 0 4.8 2.5 4.8"),
    "g": (4.2, "A 2.1 2.5 2.1 2.5 0 360; L 4.2 5 4.2 -0.3; A 2.1 -0.3 2.1 1.7 0 -150"),
    "h": (3.8, "L 0 7.3 0 0; A 1.9 3 1.9 2 180 0; L 3.8 3 3.8 0"),
    "i": (0.0, "L 0 0 0 5; L 0 6.9 0 7.1"),
    "j": (1.0, "L 1 5 1 -0.8; A -0.2 -0.8 1.2 1.3 0 -100; L 1 6.9 1 7.1"),
    "k": (3.8, "L 0 0 0 7.3; L 3.6 5 0 1.7; L 1.2 2.8 3.8 0"),
    "l": (0.0, "L 0 0 0 7.3"),
    "m": (6.4, "L 0 0 0 5; L 3.2 3.2 3.2 0; L 6.4 3.2 6.4 0"
               "; A 1.6 3.2 1.6 1.8 180 0; A 4.8 3.2 1.6 1.8 180 0"),
    "n": (3.8, "L 0 0 0 5; A 1.9 3 1.9 2 180 0; L 3.8 3 3.8 0"),
    "o": (4.4, "A 2.2 2.5 2.2 2.5 0 360"),
    "p": (4.2, "L 0 5 0 -2; A 2.1 2.5 2.1 2.5 0 360"),
    "q": (4.2, "A 2.1 2.5 2.1 2.5 0 360; L 4.2 5 4.2 -2"),
    "r": (2.5, "L 0 0 0 5; A 1.9 3 1.9 2 180 65"),
    "s": (3.5, "A 1.8 3.7 1.6 1.3 30 270; A 1.7 1.2 1.8 1.2 90 -150"),
    "t": (2.8, "L 1.2 6.7 1.2 1.4; A 2.6 1.4 1.4 1.4 180 280; L 0 4.9 2.7 4.9"),
    "u": (3.8, "L 0 5 0 2; A 1.9 2 1.9 2 180 360; L 3.8 5 3.8 0"),
    "v": (4.0, "L 0 5 2 0 4 5"),
    "w": (6.2, "L 0 5 1.55 0 3.1 4.7 4.65 0 6.2 5"),
    "x": (3.8, "L 0 0 3.8 5; L 0 5 3.8 0"),
    "y": (4.0, "L 0 5 2.1 0.1; L 4 5 1.5 -2 0.4 -2"),
    "z": (3.6, "L 0 5 3.6 5 0 0 3.6 0"),
    "0": (4.6, "A 2.3 3.5 2.3 3.5 0 360"),
    "1": (1.6, "L 0 5.6 1.6 7 1.6 0"),
    "2": (4.3, "A 2.2 4.9 2.1 2.1 165 -35; L 3.92 3.7 0 0 4.3 0"),
    "3": (4.2, "A 2.1 5.3 1.8 1.7 140 -90; A 2.1 1.8 2.1 1.8 90 -140"),
    "4": (4.6, "L 3.5 0 3.5 7 0 2.1 4.6 2.1"),
    "5": (4.3, "L 3.9 7 0.7 7 0.5 3.9; A 2.1 2.3 2.2 2.3 132 -145"),
    "6": (4.4, "A 2.2 2.2 2.2 2.2 0 360; A 3.6 2.2 3.6 4.8 180 100"),
    "7": (4.4, "L 0 7 4.4 7 1.4 0"),
    "8": (4.4, "A 2.2 5.3 1.8 1.7 0 360; A 2.2 1.8 2.2 1.8 0 360"),
    "9": (4.4, "A 2.2 4.8 2.2 2.2 0 360; A 0.8 4.8 3.6 4.8 0 -80"),
    ".": (0.0, "L 0 0 0 0.2"),
    ",": (0.4, "L 0.4 0.3 0 -1.2"),
    ":": (0.0, "L 0 0.2 0 0.4; L 0 4 0 4.2"),
    "'": (0.0, "L 0 7 0 5.6"),
    "-": (2.4, "L 0 2.8 2.4 2.8"),
    "+": (3.6, "L 0 2.9 3.6 2.9; L 1.8 1.1 1.8 4.7"),
    "/": (3.0, "L 0 -0.5 3 7.3"),
    "(": (1.4, "A 3.4 3.2 3.4 4.8 130 230"),
    ")": (1.4, "A -2 3.2 3.4 4.8 50 -50"),
}  # fmt: skip
"""By character its width and its strokes: `L` a line through points, `A` an arc around x and y with
two radii between two angles, counterclockwise from the right."""


def text_size(text: str, height: int) -> tuple[int, int]:
    """Width and height of what `draw_text` covers, in pixels.

    Args:
        height: of a capital letter.
    """
    return sum(_advance(char, height) for char in text), _line_height(height)


def draw_text(image: Pixels, place: tuple[int, int], text: str, height: int, ink: Rgb) -> None:
    """Write a line into an image that has room for it.

    Args:
        place: x and y of its upper left corner.
        height: of a capital letter, in pixels.

    Raises:
        KeyError: a character has no glyph.
    """
    x, y = place
    alpha = _written(text, height).astype(np.int32)[..., None]
    target = image[y : y + alpha.shape[0], x : x + alpha.shape[1]]
    covering = alpha[: target.shape[0], : target.shape[1]]
    mixed = target * (255 - covering) + np.array(ink, np.int32) * covering
    target[:] = ((mixed + 127) // 255).astype(np.uint8)


@lru_cache(maxsize=1024)
def _written(text: str, height: int) -> npt.NDArray[np.uint8]:
    """How much of each pixel a line covers, 0 to 255; letters may touch."""
    width, line = text_size(text, height)
    covered = np.zeros((line, width + height), np.uint8)
    x = 0
    for char in text:
        if char != " ":
            letter = _glyph(char, height)
            part = covered[:, x : x + letter.shape[1]]
            np.maximum(part, letter[:, : part.shape[1]], out=part)
        x += _advance(char, height)
    return covered


def _advance(char: str, height: int) -> int:
    wide = SPACE if char == " " else GLYPHS[char][0] + GAP
    return round(wide * height / CAPITAL)


def _line_height(height: int) -> int:
    return round((CAPITAL + ABOVE + BELOW) * height / CAPITAL)


@lru_cache(maxsize=4096)
def _glyph(char: str, height: int) -> npt.NDArray[np.uint8]:
    """How much of each pixel a letter covers, 0 to 255, from the top of its line to the bottom."""
    unit = height / CAPITAL
    wide, drawn = GLYPHS[char]
    columns, rows = round((wide + GAP) * unit) + 1, _line_height(height)
    x = (np.arange(columns, dtype=np.float32) + np.float32(0.5)) * np.float32(1 / unit)
    y = np.float32(CAPITAL + ABOVE) - (
        np.arange(rows, dtype=np.float32) + np.float32(0.5)
    ) * np.float32(1 / unit)
    grid = PlanePoints(*np.meshgrid(x - np.float32(GAP / 2), y))
    half = max(WEIGHT, 0.5 / unit)
    distance = union(*(stroke(line, half) for line in map(_line, drawn.split(";"))))(grid)
    covered = np.clip(np.float32(0.5) - distance * np.float32(unit), np.float32(0), np.float32(1))
    alpha: npt.NDArray[np.uint8] = np.rint(covered * np.float32(255)).astype(np.uint8)
    return alpha


def _line(text: str) -> list[Place]:
    kind, *words = text.split()
    numbers = [float(word) for word in words]
    if kind == "L":
        return [*zip(numbers[::2], numbers[1::2], strict=True)]
    x, y, half_width, half_height, first, last = numbers
    angles = (
        unit_circle(first + (last - first) * step / ARC_STEPS) for step in range(ARC_STEPS + 1)
    )
    return [(x + half_width * cosine, y + half_height * sine) for cosine, sine in angles]
