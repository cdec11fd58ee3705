"""Solid shapes, and where rays meet them.

The demo game's art is modelled from a handful of shapes and drawn by casting parallel rays at them.
A shape answers two questions: how far along each ray it begins, and which way its surface faces at
a point. Everything is elementwise arithmetic without trigonometry or matrix products on arrays, so
that every machine gets the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Vector = tuple[float, float, float]

MISSED = np.float32(np.inf)
TINY = 1e-9


class Points(NamedTuple):
    """Coordinates of many points, arrays of one shape."""

    x: Field
    y: Field
    z: Field

    def dot(self, vector: Vector) -> Field:
        result: Field = self.x * vector[0] + self.y * vector[1] + self.z * vector[2]
        return result

    def minus(self, vector: Vector) -> Points:
        return Points(self.x - vector[0], self.y - vector[1], self.z - vector[2])

    def along(self, direction: Vector, distance: Field) -> Points:
        """The points reached from these after `distance` in a direction."""
        return Points(
            self.x + distance * direction[0],
            self.y + distance * direction[1],
            self.z + distance * direction[2],
        )

    def above(self, normals: Points, distance: float) -> Points:
        """The points that lie `distance` above these, along the normals of their surface."""
        return Points(*(p + n * distance for p, n in zip(self, normals, strict=True)))

    def at(self, index: npt.NDArray[np.bool_] | tuple[slice, slice]) -> Points:
        return Points(self.x[index], self.y[index], self.z[index])

    def normalised(self) -> Points:
        length = np.sqrt(self.x * self.x + self.y * self.y + self.z * self.z)
        length = np.maximum(length, TINY)
        return Points(self.x / length, self.y / length, self.z / length)


class Axes(NamedTuple):
    """Three perpendicular unit vectors: where a shape's own x, y and z point."""

    x: Vector
    y: Vector
    z: Vector

    def local(self, points: Points) -> Points:
        return Points(points.dot(self.x), points.dot(self.y), points.dot(self.z))

    def local_vector(self, vector: Vector) -> Vector:
        return (dot(self.x, vector), dot(self.y, vector), dot(self.z, vector))

    def outward_vector(self, vector: Vector) -> Vector:
        x, y, z = (
            vector[0] * self.x[i] + vector[1] * self.y[i] + vector[2] * self.z[i] for i in range(3)
        )
        return (x, y, z)

    def outward(self, points: Points) -> Points:
        """Back from the shape's own coordinates."""
        return Points(
            *(points.x * self.x[i] + points.y * self.y[i] + points.z * self.z[i] for i in range(3))
        )


UPRIGHT = Axes((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Ellipsoid:
    """A ball, stretched along its axes."""

    middle: Vector
    radii: Vector
    axes: Axes = UPRIGHT

    def half_extent(self, vector: Vector) -> float:
        """How far the product of its points with `vector` strays from that of its middle."""
        local = self.axes.local_vector(vector)
        return math.sqrt(sum((r * v) ** 2 for r, v in zip(self.radii, local, strict=True)))

    def distance(self, origins: Points, direction: Vector) -> Field:
        start = self._unit(origins)
        step = self.axes.local_vector(direction)
        step = (step[0] / self.radii[0], step[1] / self.radii[1], step[2] / self.radii[2])
        a = dot(step, step)
        b = start.dot(step)
        c = start.x * start.x + start.y * start.y + start.z * start.z - 1.0
        under_root = b * b - c * a
        root = np.sqrt(np.maximum(under_root, 0.0))
        return np.where(under_root > 0, (-b - root) / a, MISSED)

    def normal(self, points: Points) -> Points:
        unit = self._unit(points)
        scaled = Points(unit.x / self.radii[0], unit.y / self.radii[1], unit.z / self.radii[2])
        return self.axes.outward(scaled).normalised()

    def _unit(self, points: Points) -> Points:
        local = self.axes.local(points.minus(self.middle))
        return Points(local.x / self.radii[0], local.y / self.radii[1], local.z / self.radii[2])


@dataclass(frozen=True)
class Cone:
    """A cylinder from `start` to `end` whose radius changes evenly; closed by discs."""

    start: Vector
    end: Vector
    start_radius: float
    end_radius: float

    @cached_property
    def length(self) -> float:
        span = minus(self.end, self.start)
        return math.sqrt(dot(span, span))

    @property
    def middle(self) -> Vector:
        a, b = self.start, self.end
        return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2)

    def half_extent(self, vector: Vector) -> float:
        along = (dot(self.end, vector) - dot(self.start, vector)) / 2
        radius = max(self.start_radius, self.end_radius)
        return abs(along) + radius * math.sqrt(dot(vector, vector))

    @cached_property
    def axes(self) -> Axes:
        return axes_along(minus(self.end, self.start))

    @cached_property
    def slope(self) -> float:
        return (self.end_radius - self.start_radius) / self.length

    def distance(self, origins: Points, direction: Vector) -> Field:
        start = self.axes.local(origins.minus(self.start))
        step = self.axes.local_vector(direction)
        side = self._side_distance(start, step)
        if abs(step[2]) < TINY:
            return side
        # Only the disc that faces the ray can be where it enters.
        height, radius = (self.length, self.end_radius) if step[2] < 0 else (0, self.start_radius)
        cap = (height - start.z) / step[2]
        x, y = start.x + cap * step[0], start.y + cap * step[1]
        cap = np.where(x * x + y * y <= radius * radius, cap, MISSED)
        nearest: Field = np.minimum(side, cap)
        return nearest

    def _side_distance(self, start: Points, step: Vector) -> Field:
        slope = self.slope
        radius = start.z * slope + self.start_radius
        a = step[0] ** 2 + step[1] ** 2 - (slope * step[2]) ** 2
        if abs(a) < TINY:
            return np.full_like(start.x, MISSED)
        b = start.x * step[0] + start.y * step[1] - radius * (slope * step[2])
        c = start.x * start.x + start.y * start.y - radius * radius
        under_root = b * b - c * a
        root = np.sqrt(np.maximum(under_root, 0.0))
        best = np.full_like(start.x, MISSED)
        for sign in (-1.0, 1.0):
            t = (root * sign - b) / a
            z = start.z + t * step[2]
            real = z * slope + self.start_radius >= 0
            valid = (under_root > 0) & (z >= 0) & (z <= self.length) & real
            best = np.minimum(best, np.where(valid, t, MISSED))
        return best

    def normal(self, points: Points) -> Points:
        local = self.axes.local(points.minus(self.start))
        radius = local.z * self.slope + self.start_radius
        side = Points(local.x, local.y, radius * -self.slope).normalised()
        outside = np.sqrt(local.x * local.x + local.y * local.y) >= radius - 0.02
        low, high = local.z < 0.02, local.z > (self.length - 0.02)
        z = np.where(outside, side.z, np.where(high, 1.0, np.where(low, -1.0, side.z)))
        flat = ~outside & (low | high)
        return self.axes.outward(
            Points(np.where(flat, 0.0, side.x), np.where(flat, 0.0, side.y), z.astype(np.float32))
        )


@dataclass(frozen=True)
class Convex:
    """What lies behind every one of some planes: boxes, roofs, hulls.

    Attributes:
        planes: for each plane its outward unit normal and its distance from `middle`.
        size: full extents, along `axes`, of a box around `middle` that holds the shape.
    """

    middle: Vector
    planes: tuple[tuple[Vector, float], ...]
    size: Vector
    axes: Axes = UPRIGHT

    def half_extent(self, vector: Vector) -> float:
        local = self.axes.local_vector(vector)
        return sum(abs(v) * side / 2 for v, side in zip(local, self.size, strict=True))

    def distance(self, origins: Points, direction: Vector) -> Field:
        start = origins.minus(self.middle)
        enter = np.full_like(start.x, -np.inf)
        leave = np.full_like(start.x, np.inf)
        for normal, offset in self.planes:
            speed = dot(normal, direction)
            room = offset - start.dot(normal)
            if abs(speed) < TINY:
                leave = np.where(room < 0, -np.inf, leave)
            elif speed < 0:
                enter = np.maximum(enter, room / speed)
            else:
                leave = np.minimum(leave, room / speed)
        return np.where(enter < leave, enter, MISSED)

    def normal(self, points: Points) -> Points:
        local = points.minus(self.middle)
        closest = np.full_like(local.x, -np.inf)
        result = Points(*(np.zeros_like(local.x) for _ in range(3)))
        for normal, offset in self.planes:
            height = local.dot(normal) - offset
            nearer = height > closest
            closest = np.where(nearer, height, closest)
            result = Points(*(np.where(nearer, normal[i], result[i]) for i in range(3)))
        return result


Solid = Ellipsoid | Cone | Convex


def ball(centre: Vector, radius: float) -> Ellipsoid:
    """An ellipsoid that is as wide as it is high."""
    return Ellipsoid(centre, (radius, radius, radius))


def box(centre: Vector, size: Vector, axes: Axes = UPRIGHT) -> Convex:
    """A box by its middle and its full extents along `axes`."""
    half = [extent / 2 for extent in size]
    planes = []
    for axis, extent in zip(axes, half, strict=True):
        planes += [(axis, extent), (_scaled(axis, -1.0), extent)]
    return Convex(centre, tuple(planes), size, axes)


def gable(centre: Vector, size: Vector, axes: Axes = UPRIGHT) -> Convex:
    """A roof whose ridge runs along the x of `axes`; `centre` is the middle of its underside."""
    length, width, height = size
    slope = _unit_vector((0.0, height, width / 2))
    ridge = slope[2] * height
    planes = (
        (axes.outward_vector(slope), ridge),
        (axes.outward_vector((slope[0], -slope[1], slope[2])), ridge),
        (axes.x, length / 2),
        (_scaled(axes.x, -1.0), length / 2),
        (_scaled(axes.z, -1.0), 0.0),
    )
    return Convex(centre, planes, (length, width, 2 * height), axes)


def hull(length: float, beam: float, height: float, centre: Vector = (0.0, 0.0, 0.0)) -> Convex:
    """A ship's hull with its bow at +x, cut flat at the water; the sides lean outwards."""
    planes: list[tuple[Vector, float]] = [
        ((0.0, 0.0, 1.0), height),
        ((0.0, 0.0, -1.0), 0.0),
        _plane((-1.0, 0.0, -0.35), (-length / 2, 0.0, height)),
    ]
    for side in (-1.0, 1.0):
        planes.append(_plane((0.0, side, -0.3), (0.0, side * beam / 2, height)))
        planes.append(_plane((0.55, side, -0.35), (length * 0.22, side * beam / 2, height)))
        planes.append(_plane((-0.28, side, -0.3), (-length * 0.28, side * beam / 2, height)))
        bow = _unit_vector((beam, side * length * 0.42, -beam * 0.45))
        planes.append(_plane(bow, (length / 2, 0.0, height)))
    return Convex(centre, tuple(planes), (length * 1.05, beam, 2 * height))


def axes_along(direction: Vector) -> Axes:
    """Axes whose z points in a direction."""
    z = _unit_vector(direction)
    helper = (0.0, 0.0, 1.0) if abs(z[2]) < 0.9 else (1.0, 0.0, 0.0)
    x = _unit_vector(_cross(helper, z))
    return Axes(x, _cross(z, x), z)


def turned(degrees: float) -> Axes:
    """Upright axes, turned clockwise on the screen (x towards y)."""
    c, s = unit_circle(degrees)
    return Axes((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0))


def tilted(degrees: float) -> Axes:
    """Axes whose x is raised by that many degrees (towards z)."""
    c, s = unit_circle(degrees)
    return Axes((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c))


def unit_circle(degrees: float) -> tuple[float, float]:
    """Cosine and sine, rounded so that the last bit of a machine's own library is not seen."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


def _plane(normal: Vector, through: Vector) -> tuple[Vector, float]:
    unit = _unit_vector(normal)
    return unit, dot(unit, through)


def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def minus(a: Vector, b: Vector) -> Vector:
    """The way from `b` to `a`."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _scaled(vector: Vector, factor: float) -> Vector:
    return (vector[0] * factor, vector[1] * factor, vector[2] * factor)


def _unit_vector(vector: Vector) -> Vector:
    return _scaled(vector, 1.0 / math.sqrt(dot(vector, vector)))
