"""Shorelines: where the land of a background ends, as data that scene planning can ask.

A shoreline is a formula of a few numbers instead of a mask: it costs nothing to keep in an index,
it can be asked without decoding an image, and it moves and mirrors exactly with the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.soften import Floats
from pipeline.games.pack import ShoreRules
from pipeline.games.sections.base import Scene

Point = tuple[float, float]


@dataclass(frozen=True)
class Wave:
    """One bend of a shoreline: pixels to and fro, pixels from crest to crest, radians."""

    amplitude: float
    length: float
    phase: float


@dataclass(frozen=True)
class Footprint:
    """The ground under an object: a diamond half as high as wide, as the game's tiles are.

    Attributes:
        x, y: its middle, in pixels of the image: where the object stands.
        width: from its left to its right corner.
    """

    x: float
    y: float
    width: float

    @property
    def points(self) -> tuple[Point, ...]:
        """Its middle and its corners."""
        half = self.width / 2
        corners = ((-half, 0.0), (half, 0.0), (0.0, -half / 2), (0.0, half / 2))
        return ((self.x, self.y), *((self.x + dx, self.y + dy) for dx, dy in corners))


@dataclass(frozen=True)
class Shoreline:
    """The border of land and water in an image.

    Attributes:
        angle: direction from the water to the land, radians, clockwise on the screen from east.
        offset: pixels from the image's corner (0, 0) to the water's edge, in that direction.
        waves: by which the edge departs from a straight line.
    """

    angle: float
    offset: float
    waves: tuple[Wave, ...]

    def side(self, x: float, y: float) -> float:
        """Pixels from the water's edge, roughly; positive on land, negative on water."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        along = y * cosine - x * sine
        bends = sum(
            wave.amplitude * math.sin(2 * math.pi * along / wave.length + wave.phase)
            for wave in self.waves
        )
        return x * cosine + y * sine - self.offset - bends

    def sides(self, width: int, height: int) -> Floats:
        """`side` of every pixel, float32 [height, width]."""
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        along = y * cosine - x * sine
        sides: npt.NDArray[np.float64] = x * cosine + y * sine - self.offset
        for wave in self.waves:
            sides -= wave.amplitude * np.sin(2 * np.pi * along / wave.length + wave.phase)
        return sides.astype(np.float32)

    def cropped(self, left: int, top: int) -> Shoreline:
        """The same shoreline in an image that begins at (left, top) of this one."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        along = top * cosine - left * sine
        return Shoreline(
            self.angle,
            self.offset - left * cosine - top * sine,
            tuple(replace(w, phase=w.phase + 2 * math.pi * along / w.length) for w in self.waves),
        )

    def mirrored(self, width: int) -> Shoreline:
        """The same shoreline in the image flipped left to right."""
        last = width - 1
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return Shoreline(
            math.pi - self.angle,
            self.offset - last * cosine,
            tuple(
                replace(w, phase=math.pi - w.phase + 2 * math.pi * last * sine / w.length)
                for w in self.waves
            ),
        )

    def bears(self, footprint: Footprint, scene: Scene) -> bool:
        """Whether something of that scene may stand there.

        Land bears what its land alone carries, water what its water alone carries; what belongs to
        the shore must have the water's edge under it, and what may stand in both kinds of scene may
        stand anywhere.
        """
        if scene == "both":
            return True
        sides = [self.side(x, y) for x, y in footprint.points]
        if scene == "land":
            return min(sides) >= 0
        if scene == "water":
            return max(sides) <= 0
        return min(sides) < 0 < max(sides)


def drawn_shoreline(
    size: tuple[int, int], rules: ShoreRules, rng: np.random.Generator
) -> Shoreline:
    """A shoreline through an image of width and height `size`, any way up, near its middle."""
    width, height = size
    side = min(size)
    angle = float(rng.uniform(0.0, 2 * math.pi))
    cosine, sine = math.cos(angle), math.sin(angle)
    reach = (abs(cosine) * width + abs(sine) * height) / 2
    middle = (cosine * width + sine * height) / 2
    offset = middle + reach * float(rng.uniform(-0.35, 0.35))
    waves = tuple(
        Wave(
            amplitude=share * side * float(rng.uniform(*rules.bend)),
            length=length * side * float(rng.uniform(0.8, 1.25)),
            phase=float(rng.uniform(0.0, 2 * math.pi)),
        )
        for share, length in ((1.0, 1.3), (0.35, 0.45), (0.12, 0.15))
    )
    return Shoreline(angle, offset, waves)


def joined(surfaces: tuple[Floats, Floats, Floats], sides: Floats, beach_width: float) -> Floats:
    """Land, beach and water (float32 [h, w, 3] each) joined along a shoreline.

    The beach is `beach_width` pixels wide and fades into the land; sand shows faintly through the
    shallow water before it.
    """
    land, beach, water = surfaces
    on_land = _smooth(sides, 0.55 * beach_width, 1.1 * beach_width)
    on_shore = _smooth(sides, -1.5, 1.5)
    shallow = 0.3 * _smooth(sides, -0.8 * beach_width, 0.0)
    dry = beach + (land - beach) * on_land
    wet = water + (beach - water) * shallow
    return np.asarray(wet + (dry - wet) * on_shore, np.float32)


def _smooth(sides: Floats, low: float, high: float) -> Floats:
    """A smoothstep from 0 at `low` to 1 at `high`, float32 [h, w, 1]."""
    t = np.clip((sides - low) / max(high - low, 1e-3), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)[..., None]
