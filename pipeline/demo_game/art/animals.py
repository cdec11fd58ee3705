"""Models of the small animals, of fish and of whales; forward is x."""

from __future__ import annotations

from pipeline.demo_game.art.figures import FigurePose
from pipeline.demo_game.art.materials import (
    BEAK,
    COMB,
    FISH_BACK,
    FISH_SILVER,
    FOAM,
    HEN,
    HEN_TAIL,
    SHEEP_FACE,
    WHALE_BELLY,
    WHALE_SKIN,
    WOOL,
)
from pipeline.demo_game.art.raycasting import Part
from pipeline.demo_game.art.solids import Cone, Ellipsoid, Vector, ball, tilted, turned


def sheep(pose: FigurePose) -> list[Part]:
    """Round and white with a black face."""
    up = pose.bob * 0.6
    down = 2.5 * pose.reach
    parts = [
        Part(Ellipsoid((-0.5, 0.0, 7.6 + up), (6.6, 4.9, 4.7)), WOOL),
        Part(ball((-3.6, 0.0, 8.4 + up), 4.1), WOOL),
        Part(ball((2.6, 0.0, 8.6 + up), 4.0), WOOL),
        Part(Ellipsoid((6.6, 0.0, 9.4 + up - down), (2.9, 2.0, 2.5)), SHEEP_FACE),
        Part(Ellipsoid((5.0, 0.0, 11.2 + up - down), (1.9, 2.2, 1.7)), WOOL),
    ]
    for front, side in ((1, -1), (1, 1), (-1, -1), (-1, 1)):
        foot = (front * 3.6 + pose.stride * 1.6 * front * side, side * 2.4, 0.4)
        parts.append(Part(Cone((front * 3.6, side * 2.4, 5.0), foot, 1.2, 1.0), SHEEP_FACE))
    return parts


def chicken(pose: FigurePose) -> list[Part]:
    """Small and russet with a red comb."""
    peck = 3.5 * pose.reach
    x, z = 4.6 + 0.5 * pose.reach, 11.4 - peck + pose.bob * 0.5
    head = (x, 0.0, z)
    parts = [
        Part(Ellipsoid((0.0, 0.0, 6.2), (5.4, 4.3, 4.4), tilted(12)), HEN),
        Part(Cone((2.8, 0.0, 7.4), head, 2.5, 1.9), HEN),
        Part(ball(head, 2.2), HEN),
        Part(Ellipsoid((x, 0.0, z + 2.2), (2.0, 1.0, 1.6)), COMB),
        Part(Cone((x + 1.4, 0.0, z), (x + 4.3, 0.0, z - 0.6), 1.1, 0.2), BEAK),
        Part(Ellipsoid((-5.0, 0.0, 9.2), (2.2, 2.3, 4.0), tilted(28)), HEN_TAIL),
    ]
    for side in (-1.0, 1.0):
        foot = (0.6 + side * pose.stride * 1.4, side * 1.6, 0.2)
        parts.append(Part(Cone((0.0, side * 1.6, 3.4), foot, 0.8, 0.7), BEAK))
    return parts


def fish(pose: FigurePose) -> list[Part]:
    """A shoal: three orange backs among rings of foam, one of them leaping."""
    swell = 0.8 * pose.stride
    parts = [
        *_swimmer((5.5 + swell, -6.5, 0.8), 8.0, 1.0),
        *_swimmer((-8.0 - swell, -1.0, 0.8), -10.0, 1.0),
        *_swimmer((4.0 - swell, 7.0, 3.4 + 1.6 * pose.stride), 14.0, 1.2),
    ]
    for x, y, reach in ((5.5, -6.5, 6.4), (-8.0, -1.0, 6.0), (4.0, 7.0, 7.0)):
        parts += _ring((x, y, 0.0), reach)
    return parts


def whale(pose: FigurePose) -> list[Part]:
    """A long dark back, a raised fluke and a white spout."""
    lift = 0.8 * pose.stride
    fluke = (-24.0, 0.0, 11.0 + lift)
    parts = [
        Part(Ellipsoid((4.0, 0.0, 2.6), (20.0, 8.6, 7.6 + lift)), WHALE_SKIN),
        Part(Ellipsoid((9.0, 0.0, 0.8), (17.0, 9.4, 3.4)), WHALE_BELLY),
        Part(Cone((-11.0, 0.0, 3.0), fluke, 4.6, 1.8), WHALE_SKIN),
        Part(Ellipsoid((-1.0, 0.0, 10.4 + lift), (3.6, 1.2, 2.6), tilted(-30)), WHALE_SKIN),
        *_spout((13.0, 0.0, 8.0 + lift), pose.stride),
    ]
    for side in (-1.0, 1.0):
        lobe = (fluke[0] - 2.0, side * 4.6, fluke[2] + 0.8)
        parts.append(Part(Ellipsoid(lobe, (3.0, 5.4, 1.5), turned(side * 24)), WHALE_SKIN))
    parts.append(Part(Ellipsoid((0.0, 0.0, 0.0), (26.0, 11.5, 0.5)), FOAM.lit(0.72)))
    return parts


def _swimmer(centre: Vector, pitch: float, size: float) -> list[Part]:
    x, y, z = centre
    return [
        Part(Ellipsoid(centre, (6.4 * size, 2.5 * size, 3.0 * size), tilted(pitch)), FISH_BACK),
        Part(
            Ellipsoid((x + 1.5, y, z - 0.8), (4.6 * size, 2.2 * size, 2.4 * size), tilted(pitch)),
            FISH_SILVER,
        ),
        Part(
            Cone((x - 5.0 * size, y, z), (x - 9.0 * size, y, z + 1.6), 0.7, 2.7 * size), FISH_BACK
        ),
    ]


def _ring(centre: Vector, reach: float) -> list[Part]:
    """Foam around a swimmer: a few flat beads on an ellipse."""
    spots = ((1.0, 0.0), (0.5, 0.86), (-0.5, 0.86), (-1.0, 0.0), (-0.5, -0.86), (0.5, -0.86))
    return [
        Part(
            Ellipsoid(
                (centre[0] + dx * reach, centre[1] + dy * reach * 0.72, 0.2), (2.3, 1.7, 0.5)
            ),
            FOAM,
        )
        for dx, dy in spots
    ]


def _spout(base: Vector, stride: float) -> list[Part]:
    x, y, z = base
    height = 8.0 + 1.5 * stride
    parts = [Part(Cone(base, (x, y, z + height), 1.0, 1.7), FOAM)]
    for dx, dy in ((-2.8, 0.0), (2.8, 0.0), (0.0, 2.8), (0.0, -2.8)):
        drop = (x + dx, y + dy, z + height)
        parts.append(Part(Ellipsoid(drop, (2.2, 2.2, 1.9)), FOAM))
    return parts
