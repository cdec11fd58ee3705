"""Icons of what a crew carries: potions, gems, rings, charms, scrolls, keys and compasses."""

from __future__ import annotations

from typing import Literal

from pipeline.demo_game.inventory.icons.colours import (
    BLACK,
    CORK,
    GOLD,
    PARCHMENT,
    SILVER,
    WHITE,
    flat,
    jewel,
    scaled,
)
from pipeline.demo_game.inventory.icons.painting import Colour, Layer, Paint
from pipeline.demo_game.inventory.shapes import (
    Place,
    arc,
    block,
    both,
    cut,
    disc,
    grown,
    oval,
    placed,
    polygon,
    regular,
    stroke,
    union,
)

GLASS = Paint((206, 226, 236), bevel=0.1, gloss=0.9)
Phase = Literal["full", "waxing"]
LIGHT_FACING = (-0.6, -0.8)
"""Where facets of a gem are brightest, in the plane of the tile."""


def potion(liquid: Colour, level: float) -> list[Layer]:
    """A round flask, filled to a share of its height."""
    body = disc(0.0, 0.28, 0.62)
    flask = union(body, block(0.0, -0.46, 0.3, 0.5, 0.05))
    surface = 0.28 + 0.5 - level
    inner = disc(0.0, 0.28, 0.5)
    content = both(inner, block(0.0, surface + 1.0, 2.0, 2.0))
    return [
        Layer(flask, GLASS, strength=0.62),
        Layer(inner, flat((30, 36, 48)), False, 0.55),
        Layer(content, Paint(liquid, bevel=0.22, gloss=0.0, fade=0.35), False),
        Layer(
            both(inner, oval(0.0, surface, 0.46, 0.07)), flat(scaled(liquid, 1.5), 0.0), False, 0.8
        ),
        *(
            Layer(disc(x, y, radius), flat(scaled(liquid, 1.6), 0.0), False, 0.7)
            for x, y, radius in ((0.14, 0.56, 0.07), (-0.1, 0.66, 0.045), (0.26, 0.36, 0.04))
        ),
        Layer(
            stroke(arc(0.0, 0.28, 0.44, 190.0, 250.0), 0.055, 0.03),
            flat((255, 255, 255)),
            False,
            0.75,
        ),
        Layer(block(0.0, -0.68, 0.44, 0.12, 0.05), GLASS),
        Layer(block(0.0, -0.82, 0.26, 0.2, 0.05), CORK),
    ]


def gem(colour: Colour, corners: int) -> list[Layer]:
    """Cut with as many sides around a flat table."""
    turn = -90.0 + 180.0 / corners
    outer = regular(0.0, 0.02, 0.84, corners, turn)
    table = regular(0.0, 0.02, 0.46, corners, turn)
    facets = [
        Layer(
            polygon([outer[i], outer[j], table[j], table[i]]),
            flat(scaled(colour, _facet_light(outer[i], outer[j])), 0.1),
            False,
        )
        for i, j in ((n, (n + 1) % corners) for n in range(corners))
    ]
    return [
        Layer(polygon(outer), flat(colour)),
        *facets,
        Layer(polygon(table), Paint(scaled(colour, 1.1), bevel=0.07, gloss=0.5, fade=0.45), False),
        Layer(
            polygon([(-0.3, -0.1), (-0.02, -0.36), (0.08, -0.34), (-0.28, 0.04)]),
            flat((255, 255, 255), 0.0),
            False,
            0.6,
        ),
    ]


def _facet_light(first: Place, second: Place) -> float:
    across, down = (first[0] + second[0]) / 2, (first[1] + second[1]) / 2 - 0.02
    toward = (across * LIGHT_FACING[0] + down * LIGHT_FACING[1]) / 0.84
    return 0.85 + 0.55 * toward


def ring(metal: Paint, stone: Colour) -> list[Layer]:
    """Upright, its stone on top."""
    band = cut(disc(0.0, 0.26, 0.6), disc(0.0, 0.26, 0.43))
    stone_shape = polygon(regular(0.0, -0.46, 0.36, 6, 0.0))
    return [
        Layer(band, metal),
        Layer(polygon([(-0.3, -0.3), (0.3, -0.3), (0.16, -0.12), (-0.16, -0.12)]), metal),
        Layer(stone_shape, jewel(stone)),
        Layer(
            polygon([(-0.2, -0.48), (-0.1, -0.64), (0.04, -0.66), (-0.1, -0.44)]),
            flat((255, 255, 255), 0.0),
            False,
            0.5,
        ),
    ]


def moon(phase: Phase) -> list[Layer]:
    """A charm on a cord: a full moon, or a crescent that grows (its light on the right)."""
    whole = disc(0.0, 0.14, 0.62)
    shape = whole if phase == "full" else cut(whole, disc(-0.3, 0.14, 0.54))
    rim = stroke(arc(0.0, 0.14, 0.72, 0.0, 360.0), 0.035)
    craters = [
        Layer(both(grown(shape, -0.03), disc(x, y, radius)), flat((196, 190, 160)), False, 0.7)
        for x, y, radius in (
            (0.4, 0.24, 0.1),
            (0.3, -0.2, 0.08),
            (-0.2, 0.3, 0.13),
            (-0.1, -0.12, 0.09),
        )
    ]
    return [
        Layer(
            stroke([(-0.5, -1.1), (0.0, -0.6), (0.5, -1.1)], 0.04), Paint((150, 110, 70), 0.04, 0.1)
        ),
        Layer(disc(0.0, 0.14, 0.7), Paint((30, 34, 66), bevel=0.05, gloss=0.3)),
        Layer(rim, SILVER),
        Layer(shape, Paint((246, 240, 206), bevel=0.1, gloss=0.25, fade=0.15), False),
        *craters,
    ]


def scroll(seal: Colour) -> list[Layer]:
    """Rolled at both ends, written on, with a seal of wax."""
    lines = [
        Layer(block(x, y, width, 0.05), flat((120, 88, 58)), False, 0.8)
        for x, y, width in (
            (0.0, -0.34, 0.7),
            (-0.05, -0.18, 0.6),
            (0.02, -0.02, 0.66),
            (-0.2, 0.14, 0.3),
        )
    ]
    return [
        Layer(block(0.0, 0.0, 1.0, 1.4, 0.04), PARCHMENT),
        *lines,
        Layer(block(0.0, -0.66, 1.3, 0.26, 0.12), PARCHMENT),
        Layer(block(0.0, 0.66, 1.3, 0.26, 0.12), PARCHMENT),
        *(
            Layer(block(x, y, 0.1, 0.3, 0.04), Paint((150, 100, 56), 0.05, 0.2))
            for x in (-0.68, 0.68)
            for y in (-0.66, 0.66)
        ),
        Layer(polygon(regular(0.2, 0.3, 0.29, 12)), Paint(seal, bevel=0.07, gloss=0.4)),
        Layer(disc(0.2, 0.3, 0.15), Paint(scaled(seal, 0.75), bevel=0.05, gloss=0.3), False),
    ]


def key(metal: Paint) -> list[Layer]:
    """An old key, its bit at the lower right."""
    bow = cut(disc(0.0, -0.56, 0.36), disc(0.0, -0.56, 0.19))
    whole = union(bow, block(0.0, 0.26, 0.15, 1.3, 0.05), disc(0.0, 0.9, 0.1))
    bit = union(block(0.22, 0.74, 0.36, 0.14, 0.02), block(0.2, 0.48, 0.3, 0.14, 0.02))
    collar = block(0.0, -0.14, 0.3, 0.12, 0.05)
    return [Layer(placed(shape, 0.0, -0.02, -38.0), metal) for shape in (union(whole, bit), collar)]


def compass(heading: float) -> list[Layer]:
    """Its red needle points so many degrees clockwise from the top."""
    marks = [
        Layer(placed(block(0.0, -0.56, 0.06, 0.14), 0.0, 0.0, turn), flat((90, 70, 50)), False)
        for turn in (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
    ]
    red = polygon([(0.0, -0.56), (0.15, 0.0), (-0.15, 0.0)])
    pale = polygon([(0.0, 0.56), (0.15, 0.0), (-0.15, 0.0)])
    return [
        Layer(disc(0.0, 0.0, 0.86), GOLD),
        Layer(disc(0.0, 0.0, 0.68), PARCHMENT, False),
        *marks,
        Layer(placed(pale, 0.0, 0.0, heading), Paint((84, 92, 110), 0.05, 0.3), False),
        Layer(placed(red, 0.0, 0.0, heading), Paint((216, 36, 40), 0.05, 0.4), False),
        Layer(disc(0.0, 0.0, 0.1), GOLD, False),
        Layer(disc(0.0, 0.0, 0.04), BLACK, False),
        Layer(stroke(arc(0.0, 0.0, 0.55, 200.0, 250.0), 0.05, 0.02), WHITE, False, 0.45),
    ]
