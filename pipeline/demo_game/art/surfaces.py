"""What solids are made of: colours, and the patterns that break them up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.demo_game.art.solids import Field, Points

Colour = tuple[float, float, float]
Pattern = Callable[[Points], Field]
"""Points of a surface to the brightness there, 1 leaves it as it is."""


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        colour: red, green and blue, 0 to 255.
        pattern: brightness over the surface.
        player: 0 keeps the colour, 1 takes the player's.
        glow: brightness that needs no light, 0 to 1.
    """

    colour: Colour
    pattern: Pattern | None = None
    player: float = 0.0
    glow: float = 0.0

    def lit(self, factor: float) -> Material:
        """The same material, brighter or darker."""
        r, g, b = (min(channel * factor, 255.0) for channel in self.colour)
        return replace(self, colour=(r, g, b))


def speckles(cell: float, depth: float) -> Pattern:
    """Cells of a random brightness, `depth` darker at most."""

    def pattern(points: Points) -> Field:
        return 1 - np.float32(depth) * _noise(points, cell)

    return pattern


def foliage(cell: float, depth: float) -> Pattern:
    """Leaves: large and small blotches."""

    def pattern(points: Points) -> Field:
        coarse, fine = _noise(points, cell * 2), _noise(points, cell)
        return np.float32(1.12) - np.float32(depth) * (coarse * 0.6 + fine * 0.6)

    return pattern


def courses(height: float, depth: float) -> Pattern:
    """Stones or bricks in rows, each row shifted by half a stone."""

    def pattern(points: Points) -> Field:
        row = np.floor(points.z / np.float32(height))
        joint = points.z / np.float32(height) - row < 0.22
        along = (points.x + points.y) / np.float32(height * 1.8) + row * np.float32(0.5)
        joint |= along - np.floor(along) < 0.14
        stone = _noise(Points(np.floor(along), row, row), 1.0)
        return np.where(joint, np.float32(1 - depth), 1 - np.float32(depth * 0.5) * stone)

    return pattern


def rows(height: float, depth: float) -> Pattern:
    """Shingles, thatch or planks: level rows with a dark lower edge."""

    def pattern(points: Points) -> Field:
        row = np.floor(points.z / np.float32(height))
        edge = points.z / np.float32(height) - row < 0.3
        grain = _noise(points, height * 0.7)
        return np.where(edge, np.float32(1 - depth), 1 - np.float32(depth * 0.4) * grain)

    return pattern


def stripes(width: float, depth: float) -> Pattern:
    """Upright stripes across the shape's way."""

    def pattern(points: Points) -> Field:
        across = (points.y + points.x * np.float32(0.3)) / np.float32(width)
        return np.where(across - np.floor(across) < 0.5, np.float32(1.0), np.float32(1 - depth))

    return pattern


def _noise(points: Points, cell: float) -> Field:
    """A number from 0 to 1 for each cell of space, from a hash of the cell."""
    x, y, z = (
        np.floor(axis / np.float32(cell)).astype(np.int32).astype(np.uint32) for axis in points
    )
    mixed = x * np.uint32(73856093) ^ y * np.uint32(19349663) ^ z * np.uint32(83492791)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(2654435761)
    result: Field = ((mixed >> np.uint32(16)) & np.uint32(255)).astype(np.float32) / np.float32(255)
    return result
