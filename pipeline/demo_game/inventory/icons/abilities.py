"""Icons of what a crew can do: turn, fire, set sails, ram and repair."""

from __future__ import annotations

from pipeline.demo_game.inventory.icons.colours import BLACK, CANVAS, GOLD, IRON, OAK, STEEL, flat
from pipeline.demo_game.inventory.icons.painting import Layer, Paint
from pipeline.demo_game.inventory.shapes import (
    arc,
    block,
    curve,
    disc,
    placed,
    polygon,
    regular,
    stroke,
    union,
)

ARROW = Paint((120, 232, 214), bevel=0.08, gloss=0.5)
FLAME = Paint((255, 150, 30), bevel=0.16, gloss=0.2, fade=0.0)
SPARK = Paint((255, 236, 130), bevel=0.1, gloss=0.3, fade=0.0)
WAVE = Paint((84, 170, 216), bevel=0.06, gloss=0.3)


def turn_to_starboard() -> list[Layer]:
    """An arrow that bends to the right around a helm."""
    bend = stroke(arc(-0.02, 0.2, 0.66, 200.0, 320.0), 0.13)
    head = polygon([(0.9, 0.28), (0.22, 0.02), (0.8, -0.46)])
    spokes = [stroke([(0.0, 0.0), (x, y)], 0.045) for x, y in regular(0.0, 0.0, 0.42, 8)]
    helm = union(stroke(arc(0.0, 0.0, 0.27, 0.0, 360.0), 0.06), *spokes)
    return [
        Layer(placed(helm, -0.02, 0.42), OAK),
        Layer(disc(-0.02, 0.42, 0.1), GOLD, False),
        Layer(union(bend, head), ARROW),
    ]


def broadside_to_starboard() -> list[Layer]:
    """A cannon that fires to the right."""
    burst = polygon(
        [
            (0.3, -0.3), (0.5, -0.42), (0.52, -0.74), (0.72, -0.5), (0.98, -0.52),
            (0.84, -0.24), (0.96, 0.02), (0.7, -0.02), (0.5, 0.14), (0.48, -0.1),
        ]
    )  # fmt: skip
    barrel = polygon([(-0.76, -0.12), (-0.7, -0.34), (0.34, -0.34), (0.34, -0.02), (-0.7, 0.18)])
    return [
        Layer(burst, FLAME),
        Layer(placed(polygon(regular(0.0, 0.0, 0.2, 8)), 0.62, -0.22), SPARK, False),
        Layer(polygon([(-0.8, 0.5), (-0.6, 0.06), (0.12, 0.06), (0.3, 0.5)]), OAK),
        Layer(disc(-0.82, -0.08, 0.1), IRON),
        Layer(barrel, IRON),
        *(Layer(block(x, -0.14, 0.09, 0.46, 0.03), GOLD, False) for x in (-0.5, 0.24)),
        *(Layer(disc(x, 0.56, 0.2), OAK) for x in (-0.52, 0.06)),
        *(Layer(disc(x, 0.56, 0.07), IRON, False) for x in (-0.52, 0.06)),
    ]


def sail(filled: float) -> list[Layer]:
    """A square sail on its mast, let down to a share of its height."""
    bottom = -0.56 + 1.2 * filled
    bulge = 0.12 + 0.1 * filled
    cloth = polygon(
        [
            (-0.58, -0.56),
            (0.58, -0.56),
            *curve((0.58, -0.56), (0.58 + bulge, (bottom - 0.56) / 2), (0.6, bottom), 6)[1:],
            *curve((0.6, bottom), (0.0, bottom - 0.2), (-0.6, bottom), 8)[1:],
            *curve((-0.6, bottom), (-0.58 - bulge, (bottom - 0.56) / 2), (-0.58, -0.56), 6)[1:-1],
        ]
    )
    cross = union(
        block(0.0, (bottom - 0.64) / 2, 0.16, 0.2 + 0.44 * filled),
        block(0.0, (bottom - 0.64) / 2, 0.28 + 0.3 * filled, 0.16),
    )
    return [
        Layer(block(0.0, 0.0, 0.11, 1.8, 0.04), OAK),
        Layer(cloth, Paint(CANVAS.colour, bevel=0.2, gloss=0.05)),
        Layer(cross, flat((196, 44, 44)), False),
        Layer(block(0.0, -0.62, 1.44, 0.13, 0.06), OAK),
        Layer(block(0.0, 0.82, 0.9, 0.16, 0.06), OAK),
    ]


def ramming_speed() -> list[Layer]:
    """A bow with an iron beak that breaks a wave, headed to the right."""
    ship = polygon([(-0.9, -0.3), (0.3, -0.3), (0.62, -0.5), (0.4, 0.16), (-0.7, 0.3)])
    waves = [
        stroke(curve((x, 0.5), (x + 0.22, 0.24), (x + 0.44, 0.5), 8), 0.09)
        for x in (-0.9, -0.46, -0.02, 0.42)
    ]
    return [
        Layer(ship, OAK),
        *(Layer(block(x, -0.06, 0.5, 0.05), BLACK, False, 0.6) for x in (-0.5, 0.0)),
        Layer(polygon([(0.34, -0.06), (0.96, 0.12), (0.3, 0.22)]), STEEL),
        Layer(stroke([(-0.9, -0.62), (0.0, -0.62)], 0.05, 0.02), ARROW),
        Layer(stroke([(-0.6, -0.82), (0.3, -0.82)], 0.05, 0.02), ARROW),
        Layer(union(*waves), WAVE),
        Layer(block(0.0, 0.74, 2.0, 0.4), flat(WAVE.colour), False),
    ]


def repair() -> list[Layer]:
    """A hammer across planks."""
    planks = [Layer(block(0.0, y, 1.6, 0.34, 0.05), OAK) for y in (-0.44, -0.02, 0.4)]
    nails = [
        Layer(disc(x, y, 0.05), IRON, False) for x in (-0.66, 0.66) for y in (-0.44, -0.02, 0.4)
    ]
    return [
        *planks,
        *nails,
        Layer(placed(stroke([(0.0, -0.3), (0.0, 0.96)], 0.09), 0.0, -0.04, 42.0), OAK),
        Layer(placed(block(0.0, -0.5, 0.76, 0.36, 0.08), 0.0, -0.04, 42.0), STEEL),
    ]
