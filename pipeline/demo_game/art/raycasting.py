"""Models to sprites: parallel rays from an oblique camera, one lamp, and a dark rim.

The camera looks down by 3-4-5 proportions, so a unit of height is 0.8 and a unit of depth 0.6 of a
pixel on the screen. The lamp stands at the upper left in front, so shadows fall to the right and
away from the viewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.art.solids import MISSED, Field, Points, Solid, Vector, dot, unit_circle
from pipeline.demo_game.art.surfaces import Material

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

FINENESS = 4
"""Samples per pixel and axis of the image."""
SHADOW_FINENESS = 2
DEPTH, HEIGHT = 0.6, 0.8
VIEW: Vector = (0.0, -HEIGHT, -DEPTH)
LAMP: Vector = (-0.48, 0.36, 0.8)
CAMERA_DISTANCE = 300.0
CREASE = 2.2
"""A jump in depth from which the farther side gets a dark line."""


class Part(NamedTuple):
    """A solid and what it is made of."""

    solid: Solid
    material: Material


@dataclass(frozen=True, eq=False)
class SolidView:
    """A drawn frame.

    Attributes:
        rgba: uint8 [height, width, 4], trimmed; alpha is 0 or 255.
        player: uint8 [height, width], weight of the player's colour.
        hotspot: (x, y) of the ground anchor from the top left of `rgba`.
        shadow: uint8 [h, w], how much of the lamp's light is kept from the ground.
        shadow_offset: (x, y) of the shadow's top left from that of `rgba`.
    """

    rgba: Pixels
    player: Pixels
    hotspot: tuple[int, int]
    shadow: Pixels
    shadow_offset: tuple[int, int]

    @property
    def mask(self) -> Mask:
        return self.rgba[..., 3] > 0


def draw(parts: Sequence[Part], heading: float = 0.0) -> SolidView:
    """Draw a model that faces `heading` degrees clockwise from east."""
    turn = _Turn(*unit_circle(heading))
    window = _window(turn.to_screen(part.solid) for part in parts)
    samples = _cast(parts, turn, window)
    rgba, player = _reduce(parts, samples, _shade(parts, turn, samples))
    top, left, bottom, right = _extent(rgba[..., 3] > 0)
    rgba, player = rgba[top:bottom, left:right], player[top:bottom, left:right]
    anchor = (-window.left - left, -window.top - top)
    shadow, (shadow_x, shadow_y) = _cast_shadow(parts, turn)
    offset = (shadow_x + anchor[0], shadow_y + anchor[1])
    return SolidView(_rimmed(rgba), player, anchor, shadow, offset)


class _Window(NamedTuple):
    """A part of the screen in whole pixels around the ground anchor, ends exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class _Bounds(NamedTuple):
    """Where a solid can be on the screen: its middle from the ground anchor, and how far around."""

    x: float
    y: float
    half_width: float
    half_height: float


class _Turn(NamedTuple):
    """The heading of a model: the world seen from its own axes."""

    cosine: float
    sine: float

    def into_model(self, vector: Vector) -> Vector:
        x, y, z = vector
        return (self.cosine * x + self.sine * y, -self.sine * x + self.cosine * y, z)

    def points_into_model(self, points: Points) -> Points:
        c, s = np.float32(self.cosine), np.float32(self.sine)
        return Points(points.x * c + points.y * s, points.y * c - points.x * s, points.z)

    def to_screen(self, solid: Solid) -> _Bounds:
        return self._bounds(solid, (1.0, 0.0, 0.0), (0.0, DEPTH, -HEIGHT))

    def to_ground(self, solid: Solid) -> _Bounds:
        """Where its shadow can be."""
        right = (1.0, 0.0, -LAMP[0] / LAMP[2])
        down = (0.0, DEPTH, -LAMP[1] / LAMP[2] * DEPTH)
        return self._bounds(solid, right, down)

    def _bounds(self, solid: Solid, right: Vector, down: Vector) -> _Bounds:
        """`right` and `down`: what a point of the world is multiplied with to give its place."""
        x_axis, y_axis = self.into_model(right), self.into_model(down)
        return _Bounds(
            dot(x_axis, solid.middle),
            dot(y_axis, solid.middle),
            solid.half_extent(x_axis),
            solid.half_extent(y_axis),
        )


class _Samples(NamedTuple):
    """What each ray met: the part's index or -1, how far away, and where."""

    part: npt.NDArray[np.int16]
    distance: Field
    points: Points


def _cast(parts: Sequence[Part], turn: _Turn, window: _Window) -> _Samples:
    origins = turn.points_into_model(_camera_rays(window))
    direction = turn.into_model(VIEW)
    distance = np.full(origins.x.shape, MISSED, np.float32)
    index = np.full(origins.x.shape, -1, np.int16)
    for number, part in enumerate(parts):
        region = _region(turn.to_screen(part.solid), window, FINENESS)
        met = part.solid.distance(origins.at(region), direction)
        nearer = met < distance[region]
        distance[region] = np.where(nearer, met, distance[region])
        index[region] = np.where(nearer, np.int16(number), index[region])
    reached = np.where(index >= 0, distance, np.float32(0))
    return _Samples(index, distance, origins.along(direction, reached))


def _camera_rays(window: _Window) -> Points:
    """Where rays start, in the world: a plane square to the view, one ray per sample."""
    x, y = _sample_grid(window, FINENESS)
    # The screen's upward direction is (0, -DEPTH, HEIGHT) in the world.
    return Points(
        x,
        y * np.float32(DEPTH) - np.float32(VIEW[1] * CAMERA_DISTANCE),
        -y * np.float32(HEIGHT) - np.float32(VIEW[2] * CAMERA_DISTANCE),
    )


def _shade(parts: Sequence[Part], turn: _Turn, samples: _Samples) -> Field:
    """Colour of each sample, [height, width, 3]."""
    colours = np.zeros((*samples.part.shape, 3), np.float32)
    lamp = turn.into_model(LAMP)
    shades = _shades(parts, turn)
    for number, part in enumerate(parts):
        seen = samples.part == number
        if not seen.any():
            continue
        points = samples.points.at(seen)
        normal = part.solid.normal(points)
        facing = np.maximum(normal.dot(lamp), np.float32(0))
        lit = facing > 0
        lifted = points.at(lit).above(normal.at(lit), 0.35)
        facing[lit] *= np.where(_is_shaded(shades[number], lifted, lamp), 0.3, 1.0)
        colours[seen] = _colour(part.material, points, normal, facing)
    return colours * _creases(samples)[..., None]


def _is_shaded(shades: Iterable[Solid], points: Points, lamp: Vector) -> Mask:
    shaded = np.zeros(points.x.shape, bool)
    for solid in shades:
        met = solid.distance(points, lamp)
        shaded |= (met > 0) & (met < MISSED)
    return shaded


def _shades(parts: Sequence[Part], turn: _Turn) -> list[list[Solid]]:
    """For each part the solids whose shadow on the ground may overlap its own."""
    places = [turn.to_ground(part.solid) for part in parts]
    return [
        [
            part.solid
            for part, other in zip(parts, places, strict=True)
            if abs(other.x - own.x) < other.half_width + own.half_width
            and abs(other.y - own.y) < other.half_height + own.half_height
        ]
        for own in places
    ]


def _colour(material: Material, points: Points, normal: Points, facing: Field) -> Field:
    sky = np.float32(0.5) + np.float32(0.16) * normal.z
    light = np.maximum(sky + np.float32(0.62) * facing, np.float32(material.glow))
    if material.pattern is not None:
        light = light * material.pattern(points)
    # Shade is a little bluer than light, as under an open sky.
    warmth = np.clip(facing, 0, 1)
    tints = (
        np.float32(0.95) + warmth * 0.07,
        np.float32(0.97) + warmth * 0.04,
        1.05 - warmth * 0.07,
    )
    channels = [
        light * tint * np.float32(c) for tint, c in zip(tints, material.colour, strict=True)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def _creases(samples: _Samples) -> Field:
    """Brightness that darkens what lies just behind an edge."""
    depth = np.where(samples.part >= 0, samples.distance, np.float32(0))
    darkness = np.ones(depth.shape, np.float32)
    for axis in (0, 1):
        for step in (1, 2, -1, -2):
            neighbour = np.roll(depth, step, axis)
            behind = (neighbour > 0) & (depth - neighbour > CREASE)
            darkness[behind] = np.float32(0.58)
    return darkness


def _reduce(parts: Sequence[Part], samples: _Samples, colours: Field) -> tuple[Pixels, Pixels]:
    """Samples to pixels: one is opaque when half of its samples met something.

    Sums are over whole numbers, so that their order cannot matter.
    """
    players = np.array([*(part.material.player for part in parts), 0.0])
    weights = np.rint(players * 255).astype(np.int32)[samples.part]
    met = _block_sums((samples.part >= 0).astype(np.int32))
    count = np.maximum(met, 1)
    channels = np.rint(np.clip(colours, 0, 255)).astype(np.int32)
    opaque = met * 2 >= FINENESS * FINENESS
    rgba = np.zeros((*met.shape, 4), np.uint8)
    for channel in range(3):
        rgba[..., channel] = np.where(opaque, _block_sums(channels[..., channel]) // count, 0)
    rgba[..., 3] = np.where(opaque, 255, 0)
    player = np.where(opaque, _block_sums(weights) // count, 0).astype(np.uint8)
    return rgba, player


def _block_sums(samples: npt.NDArray[np.int32], fineness: int = FINENESS) -> npt.NDArray[np.int32]:
    height, width = samples.shape[0] // fineness, samples.shape[1] // fineness
    blocks = samples.reshape(height, fineness, width, fineness)
    result: npt.NDArray[np.int32] = blocks.sum(axis=(1, 3), dtype=np.int32)
    return result


def _rimmed(rgba: Pixels) -> Pixels:
    """Darken the outermost pixels, so that a sprite stands out from any ground."""
    opaque = np.pad(rgba[..., 3] > 0, 1)
    inner = opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:]
    rim = (rgba[..., 3] > 0) & ~inner
    rimmed = rgba.copy()
    rimmed[rim, :3] = (rgba[rim, :3].astype(np.int32) * 9 // 16).astype(np.uint8)
    return rimmed


def _cast_shadow(parts: Sequence[Part], turn: _Turn) -> tuple[Pixels, tuple[int, int]]:
    """The shadow on level ground and its top left pixel from the ground anchor."""
    window = _window(turn.to_ground(part.solid) for part in parts)
    x, y = _sample_grid(window, SHADOW_FINENESS)
    ground = turn.points_into_model(Points(x, y / np.float32(DEPTH), np.zeros_like(x)))
    lamp = turn.into_model(LAMP)
    dark = np.zeros(x.shape, np.int32)
    for part in parts:
        region = _region(turn.to_ground(part.solid), window, SHADOW_FINENESS)
        dark[region] |= part.solid.distance(ground.at(region), lamp) < MISSED
    shadow = _block_sums(dark, SHADOW_FINENESS) * 255 // SHADOW_FINENESS**2
    top, left, bottom, right = _extent(shadow > 0)
    trimmed = shadow[top:bottom, left:right].astype(np.uint8)
    return trimmed, (window.left + left, window.top + top)


def _window(bounds: Iterable[_Bounds]) -> _Window:
    """Whole pixels around everything, with a pixel to spare."""
    known = list(bounds)
    return _Window(
        math.floor(min(bounds.x - bounds.half_width for bounds in known)) - 1,
        math.floor(min(bounds.y - bounds.half_height for bounds in known)) - 1,
        math.ceil(max(bounds.x + bounds.half_width for bounds in known)) + 1,
        math.ceil(max(bounds.y + bounds.half_height for bounds in known)) + 1,
    )


def _sample_grid(window: _Window, fineness: int) -> tuple[Field, Field]:
    """Screen x and y of the middle of every sample of a window."""
    width, height = window.right - window.left, window.bottom - window.top
    columns = (np.arange(width * fineness, dtype=np.float32) + 0.5) / fineness + window.left
    lines = (np.arange(height * fineness, dtype=np.float32) + 0.5) / fineness + window.top
    x, y = np.meshgrid(columns.astype(np.float32), lines.astype(np.float32))
    return x, y


def _region(bounds: _Bounds, window: _Window, fineness: int) -> tuple[slice, slice]:
    """The samples of a window that a bounds can touch."""
    left = math.floor(bounds.x - bounds.half_width) - window.left
    right = math.ceil(bounds.x + bounds.half_width) - window.left
    top = math.floor(bounds.y - bounds.half_height) - window.top
    bottom = math.ceil(bounds.y + bounds.half_height) - window.top
    return (slice(top * fineness, bottom * fineness), slice(left * fineness, right * fineness))


def _extent(mask: Mask) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what is set; ends exclusive."""
    lines, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(lines[0]), int(columns[0]), int(lines[-1]) + 1, int(columns[-1]) + 1
