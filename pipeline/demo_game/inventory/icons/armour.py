"""Icons of what protects: shields, helmets and gauntlets."""

from __future__ import annotations

from typing import Literal

from pipeline.demo_game.inventory.icons.colours import (
    BLACK,
    GOLD,
    LEATHER,
    STEEL,
    WHITE,
    cloth,
    scaled,
)
from pipeline.demo_game.inventory.icons.painting import Colour, Layer, Paint
from pipeline.demo_game.inventory.shapes import (
    Shape,
    block,
    both,
    curve,
    disc,
    grown,
    oval,
    placed,
    polygon,
    stroke,
    union,
)

Charge = Literal["bend", "chevron", "cross", "saltire"]
"""What is painted on a shield, in the words of heraldry."""


def shield(field: Colour, charge: Charge) -> list[Layer]:
    """A white charge on a coloured field within a golden rim; the bend falls to the right."""
    right = [
        (0.72, -0.74),
        *curve((0.72, -0.74), (0.8, 0.34), (0.0, 0.9), 12)[1:],
    ]
    body = polygon([(-0.72, -0.74), *right, *reversed([(-x, y) for x, y in right[1:-1]])])
    inner = grown(body, -0.12)
    return [
        Layer(body, GOLD),
        Layer(inner, Paint(field, bevel=0.05, gloss=0.2), False),
        Layer(both(inner, _charge(charge)), Paint(WHITE.colour, bevel=0.05, gloss=0.15), False),
        *(Layer(disc(x, y, 0.05), GOLD, False) for x, y in ((-0.6, -0.62), (0.6, -0.62))),
    ]


def _charge(charge: Charge) -> Shape:
    bend = stroke([(-0.9, -1.0), (0.7, 0.8)], 0.17)
    if charge == "bend":
        return bend
    if charge == "saltire":
        return union(
            stroke([(-0.8, -1.0), (0.8, 0.76)], 0.12), stroke([(0.8, -1.0), (-0.8, 0.76)], 0.12)
        )
    if charge == "cross":
        return union(block(0.0, 0.0, 0.26, 2.0), block(0.0, -0.16, 2.0, 0.26))
    return stroke([(-0.8, 0.5), (0.0, -0.34), (0.8, 0.5)], 0.15)


def helmet(metal: Paint, plume: Colour | None) -> list[Layer]:
    """Closed, seen from the front; with feathers on top or without."""
    bowl = union(
        both(oval(0.0, -0.02, 0.58, 0.66), block(0.0, -0.5, 2.0, 1.0)),
        polygon([(-0.58, -0.02), (0.58, -0.02), (0.5, 0.62), (0.0, 0.84), (-0.5, 0.62)]),
    )
    dark = Paint(scaled(metal.colour, 0.66), bevel=0.05, gloss=0.2)
    layers = [
        Layer(bowl, metal),
        Layer(block(0.0, -0.28, 0.12, 0.78, 0.05), metal),
        Layer(block(0.0, -0.02, 1.22, 0.16, 0.06), dark),
        Layer(block(-0.26, 0.14, 0.38, 0.11, 0.04), BLACK, False),
        Layer(block(0.26, 0.14, 0.38, 0.11, 0.04), BLACK, False),
        Layer(block(0.0, 0.34, 0.14, 0.7, 0.05), dark),
        *(
            Layer(disc(side * x, y, 0.04), BLACK, False)
            for side in (-1, 1)
            for x, y in ((0.2, 0.4), (0.34, 0.4), (0.2, 0.54), (0.34, 0.54))
        ),
    ]
    if plume is not None:
        feathers = union(
            stroke(curve((0.0, -0.6), (-0.26, -1.06), (-0.62, -0.62)), 0.17, 0.09),
            stroke(curve((0.0, -0.6), (0.26, -1.06), (0.62, -0.62)), 0.17, 0.09),
            stroke([(0.0, -0.56), (0.0, -0.8)], 0.17, 0.13),
        )
        layers.insert(0, Layer(placed(feathers, 0.0, 0.06), cloth(plume)))
    return layers


def gauntlet() -> list[Layer]:
    """The back of a mailed left hand: its thumb to the right."""
    fingers = [
        Layer(block(x, y, 0.21, 0.58, 0.1), STEEL)
        for x, y in ((-0.36, -0.42), (-0.14, -0.54), (0.08, -0.54), (0.3, -0.42))
    ]
    joints = [
        Layer(block(x, y, 0.16, 0.035), BLACK, False, 0.7)
        for x, top in ((-0.36, -0.52), (-0.14, -0.64), (0.08, -0.64), (0.3, -0.52))
        for y in (top, top + 0.2)
    ]
    return [
        Layer(stroke([(0.28, 0.16), (0.66, -0.2)], 0.14, 0.11), STEEL),
        *fingers,
        *joints,
        Layer(block(-0.03, 0.1, 0.9, 0.66, 0.16), STEEL),
        Layer(polygon([(-0.44, 0.4), (0.38, 0.4), (0.58, 0.9), (-0.64, 0.9)]), STEEL),
        Layer(block(-0.03, 0.42, 0.9, 0.13, 0.05), LEATHER),
        *(Layer(disc(x, -0.06, 0.06), GOLD, False) for x in (-0.32, -0.1, 0.12)),
        Layer(disc(-0.03, 0.68, 0.09), GOLD, False),
    ]
