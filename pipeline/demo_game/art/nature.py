"""Models of trees, bushes, mines, rocks and flowers; `variant` numbers the different ones."""

from __future__ import annotations

import numpy as np

from pipeline.demo_game.art.materials import (
    BARK,
    BERRY,
    BUSH_LEAVES,
    GOLD,
    GRASS_BLADE,
    GREY_ROCK,
    PETAL_BLUE,
    PETAL_PINK,
    PETAL_WHITE,
    PINE_NEEDLES,
    ROCK,
)
from pipeline.demo_game.art.raycasting import Part
from pipeline.demo_game.art.solids import Cone, Ellipsoid, Vector, ball, box, turned
from pipeline.demo_game.art.surfaces import Material


def leafy(variant: int, leaves: Material) -> list[Part]:
    """A tree with a round crown."""
    rng = _rng("leafy", variant)
    parts = [Part(Cone((0.0, 0.0, 0.0), (0.0, 0.0, 20.0), 3.6, 2.6), BARK)]
    crown: Vector = (0.0, 0.0, 32.0 + rng.uniform(-2, 2))
    parts.append(Part(Ellipsoid(crown, (13.0, 13.0, 11.5)), leaves))
    for _ in range(9):
        x, y, z = _on_ball(rng, crown, 10.0)
        radius = rng.uniform(5.5, 8.0)
        shade = leaves.lit(float(rng.uniform(0.88, 1.12)))
        parts.append(Part(Ellipsoid((x, y, z), (radius, radius, radius * 0.85)), shade))
    return parts


def pine(variant: int) -> list[Part]:
    """Four cones of needles, one above the other."""
    rng = _rng("pine", variant)
    parts = [Part(Cone((0.0, 0.0, 0.0), (0.0, 0.0, 16.0), 2.8, 2.2), BARK)]
    base, radius = 9.0, 15.0 + rng.uniform(-1.5, 1.5)
    for _ in range(4):
        top = base + radius * 1.15
        lean = (rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), top)
        parts.append(Part(Cone((0.0, 0.0, base), lean, radius, 0.6), PINE_NEEDLES))
        base, radius = base + radius * 0.62, radius * 0.78
    return parts


def stump(variant: int) -> list[Part]:
    """What a felled tree leaves."""
    return [Part(Cone((0.0, 0.0, 0.0), (0.0, 0.0, 5.0 + variant), 4.0, 3.4), BARK)]


def berry_bush(variant: int) -> list[Part]:
    """A low mound of leaves set with red berries."""
    rng = _rng("bush", variant)
    mounds = [((-7.5, 1.0, 6.4), 7.6), ((7.0, 0.5, 6.6), 8.0), ((0.0, 3.0, 8.6), 9.0)]
    parts = [
        Part(Ellipsoid(centre, (radius, radius, radius * 0.86)), BUSH_LEAVES)
        for centre, radius in mounds
    ]
    for _ in range(30):
        (x, y, z), radius = mounds[int(rng.integers(len(mounds)))]
        berry = _on_ball(rng, (x, y, z), radius * 0.97)
        parts.append(Part(ball(berry, 1.6), BERRY))
    return parts


def gold_mine(variant: int) -> list[Part]:
    """Brown boulders with large lumps of gold."""
    rng = _rng("gold", variant)
    parts = []
    for x, y, radius in (
        (-11.0, -3.0, 9.5),
        (9.0, -5.0, 10.5),
        (0.0, 4.0, 10.0),
        (-3.0, -8.0, 8.0),
    ):
        shift = rng.uniform(-1.5, 1.5)
        rock = Ellipsoid((x + shift, y, radius * 0.45), (radius, radius * 0.9, radius * 0.95))
        parts.append(Part(rock, ROCK))
        for _ in range(5):
            lump = _on_ball(rng, rock.middle, radius * 0.9)
            size = rng.uniform(3.6, 5.6)
            cube = box(lump, (size, size, size), turned(float(rng.uniform(0, 90))))
            parts.append(Part(cube, GOLD))
    return parts


def rock(variant: int) -> list[Part]:
    """Grey boulders without anything in them; not a class."""
    rng = _rng("rock", variant)
    parts = []
    for _ in range(3):
        x, y, radius = rng.uniform(-7, 7), rng.uniform(-4, 4), rng.uniform(4.0, 7.5)
        radii = (radius, radius * 0.85, radius * 0.7)
        parts.append(Part(Ellipsoid((x, y, radius * 0.3), radii), GREY_ROCK))
    return parts


def flowers(variant: int) -> list[Part]:
    """A patch of flowers; not a class."""
    rng = _rng("flowers", variant)
    petals: Material = (PETAL_WHITE, PETAL_PINK, PETAL_BLUE)[variant % 3]
    parts = []
    for _ in range(9):
        x, y, height = rng.uniform(-8, 8), rng.uniform(-7, 7), rng.uniform(2.5, 5.0)
        parts.append(Part(Cone((x, y, 0.0), (x, y, height), 0.8, 0.6), GRASS_BLADE))
        parts.append(Part(Ellipsoid((x, y, height), (1.5, 1.5, 1.1)), petals))
    return parts


def _on_ball(rng: np.random.Generator, centre: Vector, radius: float) -> Vector:
    """A point on the upper, nearer part of a ball, by drawing until one lies near its surface."""
    while True:
        x, y, z = rng.uniform(-1, 1), rng.uniform(-0.6, 1), rng.uniform(-0.2, 1)
        length = (x * x + y * y + z * z) ** 0.5
        if 0.5 < length <= 1.0:
            scale = radius / length
            return (centre[0] + x * scale, centre[1] + y * scale, centre[2] + z * scale)


def _rng(kind: str, variant: int) -> np.random.Generator:
    return np.random.default_rng([*kind.encode(), variant])
