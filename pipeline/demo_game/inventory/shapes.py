"""Flat shapes as signed distances: how far each point lies outside of a shape, negative within.

Everything is elementwise addition, multiplication, division and square roots, so that every machine
gets the same numbers. The distances to lines, polygons and rounded boxes are those of
https://iquilezles.org/articles/distfunctions2d/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipeline.demo_game.art.solids import Field, unit_circle

Place = tuple[float, float]
"""x to the right and y down; a tile reaches from -1 to 1."""
CURVE_STEPS = 10


class PlanePoints(NamedTuple):
    """Coordinates of many points, two arrays of one shape."""

    x: Field
    y: Field

    def moved(self, x: float, y: float) -> PlanePoints:
        """As seen from another origin."""
        return PlanePoints(self.x - np.float32(x), self.y - np.float32(y))

    def turned(self, degrees: float) -> PlanePoints:
        """As seen by something that is turned clockwise."""
        cosine, sine = (np.float32(value) for value in unit_circle(degrees))
        return PlanePoints(self.x * cosine + self.y * sine, self.y * cosine - self.x * sine)

    def length(self) -> Field:
        """Distance of each point from the origin."""
        length: Field = np.sqrt(self.x * self.x + self.y * self.y)
        return length


Shape = Callable[[PlanePoints], Field]


def disc(x: float, y: float, radius: float) -> Shape:
    """A filled circle."""
    return lambda grid: grid.moved(x, y).length() - np.float32(radius)


def oval(x: float, y: float, half_width: float, half_height: float) -> Shape:
    """A filled ellipse; outside of it the distance is only about right."""

    def distance(grid: PlanePoints) -> Field:
        near = grid.moved(x, y)
        scaled = PlanePoints(near.x / np.float32(half_width), near.y / np.float32(half_height))
        return (scaled.length() - np.float32(1)) * np.float32(min(half_width, half_height))

    return distance


def block(x: float, y: float, width: float, height: float, radius: float = 0.0) -> Shape:
    """A rectangle by its middle, with rounded corners."""
    half_width, half_height = np.float32(width / 2 - radius), np.float32(height / 2 - radius)

    def distance(grid: PlanePoints) -> Field:
        near = grid.moved(x, y)
        across, down = np.abs(near.x) - half_width, np.abs(near.y) - half_height
        zero = np.float32(0)
        outside = PlanePoints(np.maximum(across, zero), np.maximum(down, zero)).length()
        return outside + np.minimum(np.maximum(across, down), zero) - np.float32(radius)

    return distance


def polygon(corners: Sequence[Place]) -> Shape:
    """What a closed line encloses."""
    edges = [*zip(corners, [*corners[1:], corners[0]], strict=True)]

    def distance(grid: PlanePoints) -> Field:
        nearest = np.full(grid.x.shape, np.inf, np.float32)
        inside = np.zeros(grid.x.shape, bool)
        for (x1, y1), (x2, y2) in edges:
            near = grid.moved(x1, y1)
            nearest = np.minimum(nearest, _from_line(near, x2 - x1, y2 - y1)[0])
            if y1 != y2:
                crossing = (grid.y < np.float32(y1)) != (grid.y < np.float32(y2))
                at = near.y * np.float32((x2 - x1) / (y2 - y1))
                inside ^= crossing & (near.x < at)
        return np.where(inside, -nearest, nearest)

    return distance


def stroke(places: Sequence[Place], radius: float, last_radius: float | None = None) -> Shape:
    """A line with round ends that may grow thinner along its way."""
    end = radius if last_radius is None else last_radius
    pieces = [*pairwise(places)]

    def distance(grid: PlanePoints) -> Field:
        nearest = np.full(grid.x.shape, np.inf, np.float32)
        for number, ((x1, y1), (x2, y2)) in enumerate(pieces):
            away, along = _from_line(grid.moved(x1, y1), x2 - x1, y2 - y1)
            share = (along + np.float32(number)) * np.float32(1 / len(pieces))
            nearest = np.minimum(
                nearest, away - np.float32(radius) - share * np.float32(end - radius)
            )
        return nearest

    return distance


def _from_line(near: PlanePoints, across: float, down: float) -> tuple[Field, Field]:
    """Distance to a line from the origin, and how far along it the closest point is, 0 to 1."""
    squared = across * across + down * down
    along = (near.x * np.float32(across) + near.y * np.float32(down)) * np.float32(1 / squared)
    along = np.clip(along, np.float32(0), np.float32(1))
    away = PlanePoints(
        near.x - along * np.float32(across), near.y - along * np.float32(down)
    ).length()
    return away, along


def curve(start: Place, pull: Place, end: Place, steps: int = CURVE_STEPS) -> list[Place]:
    """Points along a quadratic Bézier curve."""
    return [
        (
            (1 - t) * (1 - t) * start[0] + 2 * t * (1 - t) * pull[0] + t * t * end[0],
            (1 - t) * (1 - t) * start[1] + 2 * t * (1 - t) * pull[1] + t * t * end[1],
        )
        for t in (step / steps for step in range(steps + 1))
    ]


def arc(x: float, y: float, radius: float, first: float, last: float) -> list[Place]:
    """Points along a circle, from one angle to another, in degrees clockwise from the right."""
    steps = max(2, math.ceil(abs(last - first) / 12))
    angles = (unit_circle(first + (last - first) * step / steps) for step in range(steps + 1))
    return [(x + radius * cosine, y + radius * sine) for cosine, sine in angles]


def regular(x: float, y: float, radius: float, corners: int, first: float = -90.0) -> list[Place]:
    """The corners of a regular polygon, the first one at an angle."""
    angles = (unit_circle(first + 360.0 * number / corners) for number in range(corners))
    return [(x + radius * cosine, y + radius * sine) for cosine, sine in angles]


def union(*shapes: Shape) -> Shape:
    """What lies in any of them."""

    def distance(grid: PlanePoints) -> Field:
        nearest = shapes[0](grid)
        for shape in shapes[1:]:
            nearest = np.minimum(nearest, shape(grid))
        return nearest

    return distance


def both(first: Shape, second: Shape) -> Shape:
    """What lies in each of two."""
    return lambda grid: np.maximum(first(grid), second(grid))


def cut(shape: Shape, hole: Shape) -> Shape:
    """What lies in the one and not in the other."""
    return lambda grid: np.maximum(shape(grid), -hole(grid))


def grown(shape: Shape, by: float) -> Shape:
    """Larger by that much on every side."""
    return lambda grid: shape(grid) - np.float32(by)


def placed(shape: Shape, x: float, y: float, degrees: float = 0.0) -> Shape:
    """Turned clockwise about the origin, then moved."""
    return lambda grid: shape(grid.moved(x, y).turned(degrees))
