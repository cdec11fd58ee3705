"""Models of ships, cut off at the water; the bow is at positive x."""

from __future__ import annotations

from pipeline.demo_game.art.figures import FigurePose
from pipeline.demo_game.art.materials import (
    CANVAS,
    CLOTH,
    DARK_PLANKS,
    DOOR,
    FOAM,
    NET,
    PALE_WOOD,
    PLANKS,
    SAIL,
    STEEL,
    TIMBER,
)
from pipeline.demo_game.art.raycasting import Part
from pipeline.demo_game.art.solids import Cone, Convex, Ellipsoid, Vector, ball, box, hull, turned

BRACED = turned(32)
"""Sails are braced round, so that they are seen from every side."""


def fishing_boat(pose: FigurePose) -> list[Part]:
    """A small open boat: one cream sail along the hull, a net over the stern."""
    up = pose.bob
    return [
        Part(hull(34.0, 13.0, 6.0, (0.0, 0.0, up)), PLANKS),
        Part(hull(29.0, 9.6, 0.8, (-0.5, 0.0, 5.7 + up)), DOOR.lit(1.3)),
        Part(box((-0.5, 0.0, 6.4 + up), (2.4, 11.0, 1.0)), PALE_WOOD),
        Part(Cone((3.0, 0.0, 4.0 + up), (3.0, 0.0, 34.0 + up), 1.1, 0.8), TIMBER),
        Part(_lateen((2.2, 0.0, 9.0 + up), 15.0, 23.0), CANVAS),
        Part(ball((3.0, 0.0, 34.0 + up), 1.8), CLOTH),
        Part(box((3.0, 0.0, 31.5 + up), (0.6, 1.0, 1.0)), CLOTH),
        Part(Ellipsoid((-12.0, 0.0, 7.0 + up), (4.8, 4.4, 3.4)), NET),
        *_wash(38.0, 15.0),
    ]


def warship(pose: FigurePose) -> list[Part]:
    """A long dark hull with a castle at the stern and two square sails in the player's colour."""
    up = pose.bob
    parts = [
        Part(hull(58.0, 19.0, 10.0, (0.0, 0.0, up)), DARK_PLANKS),
        Part(hull(51.0, 14.5, 0.8, (-1.0, 0.0, 9.7 + up)), PALE_WOOD.lit(0.85)),
        Part(box((-20.0, 0.0, 14.0 + up), (13.0, 15.0, 9.0)), DARK_PLANKS),
        Part(box((-20.0, 0.0, 19.2 + up), (14.5, 16.5, 1.8)), PALE_WOOD),
        Part(Cone((24.0, 0.0, 8.0 + up), (36.0, 0.0, 13.0 + up), 1.3, 0.7), TIMBER),
    ]
    for x, height, wide in ((11.0, 43.0, 24.0), (-7.0, 48.0, 27.0)):
        parts += _square_rig((x, 0.0, 8.0 + up), height, wide)
    for x in (-10.0, -3.5, 3.0, 9.5):
        for side in (-1.0, 1.0):
            shield = (x, side * 9.6, 9.6 + up)
            parts.append(
                Part(Ellipsoid(shield, (2.6, 1.0, 2.6)), STEEL if x in (-3.5, 9.5) else CLOTH)
            )
    return parts + _wash(64.0, 22.0)


def _square_rig(foot: Vector, height: float, wide: float) -> list[Part]:
    x, y, z = foot
    return [
        Part(Cone(foot, (x, y, z + height - 4), 1.4, 1.0), TIMBER),
        Part(
            Ellipsoid((x + 1.6, y, z + height * 0.52), (3.4, wide / 2, height * 0.31), BRACED), SAIL
        ),
        Part(box((x, y, z + height * 0.84), (1.8, wide, 1.8), BRACED), TIMBER),
        Part(box((x - 3.0, y, z + height - 4.5), (6.0, 0.8, 3.6)), CLOTH),
    ]


def _lateen(corner: Vector, length: float, height: float) -> Convex:
    """A three-cornered sail; `corner` is the foot of its mast side, it widens towards the stern."""
    slope = (height * height + length * length) ** 0.5
    across = (-height / slope, 0.0, length / slope)
    planes = (
        ((0.0, 1.0, 0.0), 0.6),
        ((0.0, -1.0, 0.0), 0.6),
        ((1.0, 0.0, 0.0), 0.0),
        ((0.0, 0.0, -1.0), 0.0),
        (across, across[2] * height),
    )
    return Convex(corner, planes, (2 * length, 1.2, 2 * height))


def _wash(length: float, beam: float) -> list[Part]:
    """Foam along the waterline, broken at the bow."""
    parts = [Part(Ellipsoid((-1.0, 0.0, 0.0), (length * 0.49, beam * 0.5, 0.5)), FOAM.lit(0.78))]
    for side in (-1.0, 1.0):
        wave = (length * 0.36, side * beam * 0.34, 0.3)
        parts.append(Part(Ellipsoid(wave, (length * 0.13, 2.0, 0.9)), FOAM))
    return parts
