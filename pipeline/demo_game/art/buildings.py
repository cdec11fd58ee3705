"""Models of buildings. They do not turn: the front is to the south, at positive y."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.demo_game.art.materials import (
    CANVAS,
    CLOTH,
    DOOR,
    PALE_STONE,
    PLASTER,
    SHINGLE,
    SLATE,
    STONE,
    THATCH,
    TIMBER,
    WINDOW,
)
from pipeline.demo_game.art.raycasting import Part
from pipeline.demo_game.art.solids import (
    Axes,
    Cone,
    Ellipsoid,
    Solid,
    Vector,
    box,
    gable,
    turned,
    unit_circle,
)
from pipeline.demo_game.art.surfaces import Material


class Style(NamedTuple):
    """How a region builds."""

    walls: Material
    roof: Material


WEST = Style(PLASTER, SHINGLE)
NORTH = Style(TIMBER.lit(1.45), THATCH)
EAST = Style(PALE_STONE, SLATE)


def keep(style: Style) -> list[Part]:
    """A square tower with four round ones at its corners, battlements and banners."""
    stone = STONE if style.roof is not SHINGLE else STONE.lit(1.1)
    parts = [
        Part(box((0.0, 0.0, 20.0), (38.0, 30.0, 40.0)), stone),
        Part(box((0.0, 0.0, 40.5), (40.0, 32.0, 3.0)), stone.lit(0.9)),
        Part(box((0.0, 15.2, 7.0), (9.0, 1.2, 14.0)), DOOR),
        Part(Cone((0.0, 15.0, 13.5), (0.0, 16.0, 13.5), 4.5, 4.5), DOOR),
        Part(box((0.0, 15.6, 28.0), (9.0, 1.0, 14.0)), CLOTH),
    ]
    for x in (-12.0, -4.0, 4.0, 12.0):
        for y in (-14.5, 14.5):
            parts.append(Part(box((x, y, 44.0), (4.4, 3.0, 5.0)), stone))
    for x, y in ((-19.0, -14.0), (19.0, -14.0), (-19.0, 14.0), (19.0, 14.0)):
        parts += _turret((x, y, 0.0), stone, style.roof)
    for x in (-11.0, 11.0):
        parts.append(Part(box((x, 15.2, 22.0), (2.4, 0.8, 6.0)), WINDOW))
    return parts


def house(style: Style) -> list[Part]:
    """One storey under a gabled roof whose ridge runs along the street."""
    parts = [
        Part(box((0.0, 0.0, 7.5), (34.0, 22.0, 15.0)), style.walls),
        Part(gable((0.0, 0.0, 14.0), (40.0, 29.0, 16.0)), style.roof),
        Part(box((-5.0, 11.2, 5.5), (6.0, 1.0, 11.0)), DOOR),
        Part(box((8.0, 11.2, 8.0), (6.0, 1.0, 5.0)), WINDOW),
        Part(box((10.0, -6.0, 26.0), (5.0, 5.0, 14.0)), STONE),
    ]
    for x in (-16.5, -9.5, 2.5, 16.5):
        parts.append(Part(box((x, 11.1, 7.5), (1.6, 0.8, 15.0)), TIMBER))
    return parts


def hall(style: Style) -> list[Part]:
    """A house of two wings, with a cloth over the door in the player's colour."""
    return [
        *house(style),
        Part(box((-8.0, 10.0, 7.0), (15.0, 14.0, 14.0)), style.walls),
        Part(gable((-8.0, 10.0, 13.0), (18.0, 19.0, 11.0), turned(90)), style.roof),
        Part(box((-8.0, 17.2, 5.0), (6.0, 1.0, 10.0)), DOOR),
        Part(box((9.0, 14.0, 10.5), (11.0, 7.0, 1.2)), CLOTH),
    ]


def mill(style: Style, sails: float) -> list[Part]:
    """A round tower with a cone for a roof and four sails, turned by `sails` degrees."""
    hub = (0.0, 17.5, 35.0)
    parts = [
        Part(Cone((0.0, 0.0, 0.0), (0.0, 0.0, 34.0), 15.0, 11.0), PALE_STONE),
        Part(Cone((0.0, 0.0, 33.0), (0.0, 0.0, 50.0), 13.5, 0.4), style.roof),
        Part(box((0.0, 14.2, 6.0), (7.0, 2.5, 12.0)), DOOR),
        Part(Cone((0.0, 8.0, 35.0), hub, 2.0, 2.0), TIMBER),
        Part(Cone((0.0, 0.0, 20.0), (0.0, 0.0, 23.0), 13.6, 13.2), CLOTH),
    ]
    for quarter in range(4):
        parts += _sail(hub, sails + 90.0 * quarter)
    return parts


def ruin(style: Style) -> list[Part]:
    """What is left of a building: low walls and heaps. The files of rubble show it."""
    parts: list[Part] = [Part(box((-10.0, -6.0, 4.0), (16.0, 4.0, 8.0)), style.walls)]
    for x, y, radius in ((-8.0, 6.0, 6.0), (6.0, 2.0, 7.5), (12.0, -6.0, 5.0), (1.0, 10.0, 4.5)):
        solid: Solid = Ellipsoid((x, y, 1.0), (radius, radius * 0.8, radius * 0.6))
        parts.append(Part(solid, style.roof.lit(0.6)))
    return parts


def _turret(foot: Vector, stone: Material, roof: Material) -> list[Part]:
    x, y, z = foot
    return [
        Part(Cone(foot, (x, y, z + 47.0), 7.2, 6.6), stone),
        Part(Cone((x, y, z + 45.0), (x, y, z + 49.0), 7.8, 7.8), stone.lit(0.9)),
        Part(Cone((x, y, z + 49.0), (x, y, z + 60.0), 7.6, 0.4), roof),
        Part(Cone((x, y, z + 58.0), (x, y, z + 68.0), 0.7, 0.6), TIMBER),
        Part(box((x + 4.0, y, z + 65.0), (8.0, 0.8, 5.0)), CLOTH),
    ]


def _sail(hub: Vector, degrees: float) -> list[Part]:
    """An arm of the mill with its cloth, in the plane that faces south."""
    c, s = unit_circle(degrees)
    along, across = (c, 0.0, s), (-s, 0.0, c)
    axes = Axes(along, (0.0, 1.0, 0.0), across)
    arm = _moved(hub, along, 13.0)
    cloth = _moved(_moved(hub, along, 16.0), across, 3.0)
    return [
        Part(box(arm, (26.0, 1.6, 1.8), axes), TIMBER),
        Part(box(cloth, (19.0, 1.0, 6.4), axes), CANVAS),
    ]


def _moved(point: Vector, direction: Vector, distance: float) -> Vector:
    x, y, z = (p + d * distance for p, d in zip(point, direction, strict=True))
    return (x, y, z)
