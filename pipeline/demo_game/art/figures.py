"""Models of people and of the rider's horse; forward is x, the right hand is at positive y."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.demo_game.art.materials import (
    CLOTH,
    DARK_STEEL,
    HOOF,
    HORSE,
    LEATHER,
    LINEN,
    MANE,
    PALE_WOOD,
    SKIN,
    STEEL,
    STRAW,
    TROUSERS,
    WOOD,
)
from pipeline.demo_game.art.raycasting import Part
from pipeline.demo_game.art.solids import (
    Axes,
    Cone,
    Ellipsoid,
    Vector,
    axes_along,
    ball,
    box,
    tilted,
)
from pipeline.demo_game.art.surfaces import Material


class FigurePose(NamedTuple):
    """A moment of a movement.

    Attributes:
        stride: how far the left leg is ahead, -1 to 1.
        reach: how far the right hand is thrust out, 0 to 1.
        bob: how much the body is raised, in pixels.
    """

    stride: float = 0.0
    reach: float = 0.0
    bob: float = 0.0


IDLE = (FigurePose(), FigurePose(bob=0.5))
WALK = (FigurePose(1.0), FigurePose(0.0, bob=0.8), FigurePose(-1.0))
ATTACK = (FigurePose(0.4), FigurePose(0.6, reach=1.0))


def swordsman(pose: FigurePose) -> list[Part]:
    """Broad: a round shield, a steel helmet, a short sword held up."""
    hand = (6.0 + 3.5 * pose.reach, 7.2, 17.0 + pose.bob)
    blade = axes_along((0.75 + pose.reach, 0.12, 1.0 - 0.9 * pose.reach))
    return [
        *_body(pose, CLOTH, DARK_STEEL),
        *_arms(pose, hand, CLOTH),
        *_helmet(pose),
        Part(_rod(hand, blade, -2.0, 13.0, 1.25), STEEL),
        Part(Cone(hand, _beyond(hand, blade, 1.6), 2.5, 2.5), LEATHER),
        *_shield(pose),
    ]


def spearman(pose: FigurePose) -> list[Part]:
    """Slim: a leather cap, no shield, a spear that is half as long again as its bearer."""
    hand = (4.5 + 4.5 * pose.reach, 6.6, 15.5 + pose.bob)
    shaft = axes_along((0.16 + 1.6 * pose.reach, 0.05, 1.0))
    tip = _beyond(hand, shaft, 22.0)
    return [
        *_body(pose, CLOTH, TROUSERS),
        *_arms(pose, hand, SKIN),
        Part(Ellipsoid((-0.3, 0.0, 27.2 + pose.bob), (4.5, 4.5, 3.8)), LEATHER),
        Part(_rod(hand, shaft, -14.0, 22.0, 1.1), PALE_WOOD),
        Part(Cone(tip, _beyond(tip, shaft, 7.5), 2.3, 0.2), STEEL),
    ]


def worker(pose: FigurePose) -> list[Part]:
    """A straw hat and a linen shirt; carries a hoe."""
    hand = (5.5 + 2.5 * pose.reach, 6.4, 14.5 - 4.0 * pose.reach + pose.bob)
    shaft = axes_along((-0.55 + 1.9 * pose.reach, 0.25, 1.0))
    top = _beyond(hand, shaft, 11.0)
    brim = 28.0 + pose.bob
    return [
        *_body(pose, LINEN, TROUSERS),
        *_arms(pose, hand, LINEN),
        Part(Cone((0.0, 0.0, 11.0 + pose.bob), (0.0, 0.0, 13.6 + pose.bob), 5.0, 5.0), CLOTH),
        Part(Cone((0.0, 0.0, brim - 0.9), (0.0, 0.0, brim + 0.5), 7.8, 6.6), STRAW),
        Part(Ellipsoid((0.0, 0.0, brim + 0.4), (4.2, 4.2, 3.6)), STRAW),
        Part(_rod(hand, shaft, -7.0, 11.0, 1.0), WOOD),
        Part(box(top, (5.0, 2.6, 2.0), shaft), DARK_STEEL),
    ]


def rider(pose: FigurePose) -> list[Part]:
    """A man on a brown horse, with a cloth in the player's colour and a raised lance."""
    seat = 20.0 + pose.bob
    hand = (4.5, 6.5, seat + 6.0)
    lance = axes_along((1.0, -0.06, 0.75 - 0.7 * pose.reach))
    return [
        *_horse(pose),
        Part(Cone((-1.5, 0.0, seat - 1), (-1.0, 0.0, seat + 10), 4.6, 4.4), CLOTH),
        Part(Cone((-1.5, 4.6, seat), (2.0, 6.6, seat - 9.0), 2.2, 1.8), TROUSERS),
        Part(Cone((-1.5, -4.6, seat), (2.0, -6.6, seat - 9.0), 2.2, 1.8), TROUSERS),
        Part(Cone((-1.0, 4.6, seat + 8.5), hand, 2.0, 1.6), CLOTH),
        Part(Cone((-1.0, -4.6, seat + 8.5), (4.5, -4.0, seat + 4.0), 2.0, 1.6), CLOTH),
        Part(ball((-0.4, 0.0, seat + 13.5), 3.9), SKIN),
        Part(Ellipsoid((-0.9, 0.0, seat + 15.0), (4.3, 4.3, 3.6)), STEEL),
        Part(_rod(hand, lance, -8.0, 17.0, 1.0), PALE_WOOD),
        Part(Cone(_beyond(hand, lance, 17.0), _beyond(hand, lance, 22.0), 1.8, 0.2), STEEL),
    ]


def fallen(pose: FigurePose) -> list[Part]:
    """A man lying on the ground: what the files of deaths show."""
    lying = 3.0 - pose.bob
    return [
        Part(Ellipsoid((0.0, 0.0, lying), (9.0, 4.4, 3.0)), CLOTH),
        Part(ball((11.0, 1.0, lying), 3.6), SKIN),
        Part(Cone((-8.0, 2.0, lying), (-17.0, 4.0, lying - 1), 2.0, 1.6), TROUSERS),
        Part(Cone((-8.0, -2.0, lying), (-17.0, -3.0, lying - 1), 2.0, 1.6), TROUSERS),
    ]


def _body(pose: FigurePose, coat: Material, legs: Material) -> list[Part]:
    up = pose.bob
    parts = [
        Part(Cone((0.0, 0.0, 9.5 + up), (0.0, 0.0, 20.5 + up), 4.9, 4.7), coat),
        Part(Ellipsoid((0.0, 0.0, 20.0 + up), (4.2, 6.2, 2.6)), coat),
        Part(ball((0.4, 0.0, 25.4 + up), 4.2), SKIN),
    ]
    for side in (-1.0, 1.0):
        ahead = -side * pose.stride * 4.2
        foot = (ahead, side * 2.5, 1.0)
        parts.append(Part(Cone((0.0, side * 2.3, 11.0 + up), foot, 2.5, 1.9), legs))
        parts.append(Part(Ellipsoid((ahead + 1.0, side * 2.5, 1.1), (3.0, 1.8, 1.5)), LEATHER))
    return parts


def _arms(pose: FigurePose, hand: Vector, sleeve: Material) -> list[Part]:
    up = pose.bob
    left = (3.5 + 1.5 * pose.stride, -6.4, 13.0 + up)
    return [
        Part(Cone((0.0, 5.4, 20.0 + up), hand, 2.1, 1.7), sleeve),
        Part(ball(hand, 1.9), SKIN),
        Part(Cone((0.0, -5.4, 20.0 + up), left, 2.1, 1.7), sleeve),
        Part(ball(left, 1.9), SKIN),
    ]


def _helmet(pose: FigurePose) -> list[Part]:
    up = pose.bob
    return [
        Part(Ellipsoid((-0.4, 0.0, 27.2 + up), (4.7, 4.7, 4.1)), STEEL),
        Part(Cone((-0.4, 0.0, 29.5 + up), (-0.4, 0.0, 34.0 + up), 1.4, 0.2), STEEL),
    ]


def _shield(pose: FigurePose) -> list[Part]:
    centre = (4.6, -7.6, 15.5 + pose.bob)
    facing = axes_along((0.72, -0.69, 0.12))
    front = _beyond(centre, facing, 1.3)
    return [
        Part(Cone(_beyond(centre, facing, -0.8), front, 7.2, 7.0), STEEL.lit(0.85)),
        Part(Cone(front, _beyond(front, facing, 0.7), 5.6, 5.4), CLOTH),
        Part(ball(_beyond(front, facing, 0.6), 2.0), STEEL),
    ]


def _horse(pose: FigurePose) -> list[Part]:
    up = pose.bob
    parts = [
        Part(Ellipsoid((0.0, 0.0, 16.0 + up), (13.0, 5.4, 5.8)), HORSE),
        Part(Cone((8.5, 0.0, 18.0 + up), (14.5, 0.0, 28.0 + up), 4.2, 2.8), HORSE),
        Part(Ellipsoid((17.5, 0.0, 28.0 + up), (5.2, 2.4, 2.8), tilted(-28)), HORSE),
        Part(Cone((7.0, 0.0, 23.0 + up), (13.0, 0.0, 32.0 + up), 1.8, 1.3), MANE),
        Part(Cone((-12.0, 0.0, 19.0 + up), (-17.0, 0.0, 8.0 + up), 1.8, 2.6), MANE),
        Part(box((-1.0, 0.0, 17.4 + up), (11.0, 11.6, 7.4)), CLOTH),
    ]
    for front, side in ((1, -1), (1, 1), (-1, -1), (-1, 1)):
        swing = pose.stride * 4.5 * front * side
        hoof = (front * 8.5 + swing, side * 3.4, 1.0)
        parts.append(Part(Cone((front * 8.5, side * 3.2, 14.0 + up), hoof, 2.4, 1.5), HORSE))
        parts.append(Part(ball(hoof, 1.8), HOOF))
    return parts


def _rod(hand: Vector, axes: Axes, behind: float, ahead: float, radius: float) -> Cone:
    return Cone(_beyond(hand, axes, behind), _beyond(hand, axes, ahead), radius, radius * 0.8)


def _beyond(point: Vector, axes: Axes, distance: float) -> Vector:
    """The point that lies `distance` along the z of some axes."""
    x, y, z = (p + a * distance for p, a in zip(point, axes.z, strict=True))
    return (x, y, z)
