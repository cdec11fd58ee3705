"""From shapes to the tile of an icon: rounded edges in the light of a lamp at the upper left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import Field
from pipeline.demo_game.inventory.shapes import PlanePoints, Shape, block

SIDE = 64
FINENESS = 4
"""Samples per pixel and axis."""
OUTLINE = 0.045
SHADOW_SHIFT = (10, 6)
"""Samples down and to the right."""
SHADOW_REACH = 0.16
LAMP = (-0.48, -0.64, 0.6)
HALFWAY = (-0.268, -0.358, 0.894)
"""Between the lamp and the eye: what faces there shines."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Paint:
    """How the surface of a shape looks.

    Attributes:
        colour: red, green and blue, 0 to 255.
        bevel: width of the rounded edge; 0 for a flat surface.
        gloss: strength of the highlight, 0 to 1.
        fade: how much darker it grows from the top of the tile to its bottom, 0 to 1.
    """

    colour: Colour
    bevel: float = 0.1
    gloss: float = 0.35
    fade: float = 0.25


class Layer(NamedTuple):
    """A shape with its paint; what lies later covers what lies before.

    Attributes:
        edged: with a dark line around it and a shadow below.
        strength: 1 covers, less lets through what is below.
    """

    shape: Shape
    paint: Paint
    edged: bool = True
    strength: float = 1.0


def paint_tile(ground: Colour, layers: Iterable[Layer]) -> Pixels:
    """An icon: layers over a dark tile of a colour.

    Returns:
        uint8 [SIDE, SIDE, 3].
    """
    grid = _grid()
    canvas = _ground(grid, ground)
    for layer in layers:
        distance = layer.shape(grid)
        if layer.edged:
            _darken(canvas, _shadow(distance))
            _darken(canvas, np.where(distance < np.float32(OUTLINE), np.float32(0.82), 0))
        _cover(canvas, grid, distance, layer)
    return _reduced(_framed(grid, canvas))


def _cover(canvas: Field, grid: PlanePoints, distance: Field, layer: Layer) -> None:
    """Paint what lies within a shape; looks only at the part of the tile where that is."""
    inside = distance < 0
    if not inside.any():
        return
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    # With a sample to spare, from which the slope at the edge is taken.
    part = tuple(slice(max(0, int(at[0]) - 1), int(at[-1]) + 2) for at in (rows, columns))
    inside, target, share = inside[part], canvas[part], np.float32(layer.strength)
    lit = _lit(distance[part], grid.y[part], layer.paint)[inside]
    target[inside] = lit * share + target[inside] * (1 - share)


@lru_cache(maxsize=1)
def _grid() -> PlanePoints:
    """The middle of every sample of a tile."""
    samples = SIDE * FINENESS
    along = (np.arange(samples, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / samples) - 1
    x, y = np.meshgrid(along.astype(np.float32), along.astype(np.float32))
    return PlanePoints(x, y)


def _ground(grid: PlanePoints, colour: Colour) -> Field:
    """Brightest a little above the middle; the same from left to right, so that tiles mirror."""
    away = grid.moved(0.0, -0.15).length()
    light = np.maximum(np.float32(1.15) - away * np.float32(0.62), np.float32(0.3))
    ground: Field = light[..., None] * np.array(colour, np.float32)
    return ground


def _shadow(distance: Field) -> Field:
    down, right = SHADOW_SHIFT
    moved = np.full_like(distance, SHADOW_REACH)
    moved[down:, right:] = distance[:-down, :-right]
    near = 1 - np.clip(moved * np.float32(1 / SHADOW_REACH), np.float32(0), np.float32(1))
    darkness: Field = near * near * np.float32(0.5)
    return darkness


def _darken(canvas: Field, share: Field) -> None:
    canvas *= (1 - share)[..., None]


def _lit(distance: Field, y: Field, paint: Paint) -> Field:
    """Colour of every sample as if all lay in the shape, [height, width, 3]."""
    light = np.float32(1) - np.float32(paint.fade) * (y + 1) * np.float32(0.5)
    shine = np.zeros_like(distance)
    if paint.bevel > 0:
        facing, shine = _facing(distance, paint.bevel)
        light = light * (np.float32(0.5) + np.float32(0.82) * facing)
    colours = light[..., None] * np.array(paint.colour, np.float32)
    return colours + (shine * np.float32(255 * paint.gloss))[..., None]


def _facing(distance: Field, bevel: float) -> tuple[Field, Field]:
    """How much each sample of a rounded surface faces the lamp, and how much it shines."""
    depth = np.clip(-distance * np.float32(1 / bevel), np.float32(0), np.float32(1))
    rest = 1 - depth
    height = np.sqrt(np.maximum(1 - rest * rest, np.float32(0))) * np.float32(bevel)
    step = np.float32(SIDE * FINENESS / 4)
    across, down = np.zeros_like(height), np.zeros_like(height)
    across[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * step
    down[1:-1] = (height[2:] - height[:-2]) * step
    steep = np.sqrt(across * across + down * down + 1)
    facing = _dot(across, down, LAMP) / steep
    shine = np.maximum(_dot(across, down, HALFWAY) / steep, np.float32(0))
    shine = shine * shine
    shine = shine * shine
    shine = shine * shine
    return np.maximum(facing, np.float32(0)), shine * shine


def _dot(across: Field, down: Field, vector: tuple[float, float, float]) -> Field:
    """Of the normal of a surface that rises by so much, before it has length 1."""
    x, y, z = (np.float32(value) for value in vector)
    return z - across * x - down * y


def _framed(grid: PlanePoints, canvas: Field) -> Field:
    """A thin edge, light above and dark below, and darker corners."""
    edge = block(0.0, 0.0, 2.0, 2.0, 0.12)(grid)
    canvas = canvas.copy()
    rim = (edge > np.float32(-0.06)) & (edge <= 0)
    canvas[rim] = canvas[rim] * np.float32(0.55) + (np.float32(46) - grid.y[rim] * 40)[:, None]
    canvas[edge > 0] = np.float32(14)
    return canvas


def _reduced(canvas: Field) -> Pixels:
    """Samples to pixels by sums of whole numbers, so that their order cannot matter."""
    whole = np.rint(np.clip(canvas, 0, 255)).astype(np.int32)
    blocks: npt.NDArray[np.int32] = whole.reshape(SIDE, FINENESS, SIDE, FINENESS, 3)
    half = FINENESS * FINENESS // 2
    pixels: Pixels = ((blocks.sum(axis=(1, 3)) + half) // FINENESS**2).astype(np.uint8)
    return pixels
