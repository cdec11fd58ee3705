"""Icons of what a crew fights with: swords, sabres, axes and bows."""

from __future__ import annotations

from pipeline.demo_game.inventory.icons.colours import (
    GOLD,
    IRON,
    LEATHER,
    OAK,
    STEEL,
    WHITE,
    cloth,
    jewel,
)
from pipeline.demo_game.inventory.icons.painting import Colour, Layer, Paint
from pipeline.demo_game.inventory.shapes import (
    Place,
    Shape,
    arc,
    block,
    both,
    curve,
    cut,
    disc,
    placed,
    polygon,
    stroke,
    union,
)


def longsword(gem: Colour | None) -> list[Layer]:
    """Straight, from the lower left to the upper right; the guard bears a gem or none."""

    def leaning(shape: Shape) -> Shape:
        return placed(shape, 0.04, -0.04, 45.0)

    blade = polygon([(-0.13, 0.3), (-0.13, -0.82), (0.0, -1.06), (0.13, -0.82), (0.13, 0.3)])
    layers = [
        Layer(leaning(blade), STEEL),
        Layer(leaning(block(0.0, -0.24, 0.045, 0.96, 0.02)), Paint((150, 160, 178), 0.0), False),
        Layer(leaning(block(0.0, 0.66, 0.14, 0.52, 0.05)), LEATHER),
        *(
            Layer(leaning(block(0.0, y, 0.15, 0.04)), Paint((74, 44, 26), 0.0), False)
            for y in (0.52, 0.64, 0.76)
        ),
        Layer(leaning(block(0.0, 0.35, 0.78, 0.16, 0.07)), GOLD),
        Layer(leaning(disc(0.0, 0.95, 0.13)), GOLD),
    ]
    if gem is not None:
        layers.append(Layer(leaning(disc(0.0, 0.35, 0.2)), GOLD))
        layers.append(Layer(leaning(disc(0.0, 0.35, 0.145)), jewel(gem), False))
    return layers


def sabre() -> list[Layer]:
    """Curved, its point at the upper right."""
    outer = curve((-0.36, 0.34), (0.42, 0.24), (0.78, -0.86), 14)
    inner = curve((0.78, -0.86), (0.26, -0.02), (-0.52, 0.16), 14)
    guard = arc(-0.5, 0.5, 0.3, -60.0, 140.0)
    return [
        Layer(polygon([*outer, *inner[1:]]), STEEL),
        Layer(stroke(guard, 0.045), GOLD),
        Layer(stroke([(-0.38, 0.3), (-0.72, 0.74)], 0.095, 0.08), LEATHER),
        Layer(stroke([(-0.58, 0.1), (-0.26, 0.44)], 0.075), GOLD),
        Layer(disc(-0.75, 0.78, 0.115), GOLD),
    ]


def axe(handle: Paint, twin: bool = False) -> list[Layer]:
    """A blade to the right of its handle, or one on either side."""

    def leaning(shape: Shape) -> Shape:
        return placed(shape, -0.02, 0.02, 24.0)

    right: list[Place] = [
        (0.02, -0.72),
        *curve((0.02, -0.72), (0.28, -0.66), (0.5, -0.92), 6)[1:],
        *curve((0.5, -0.92), (0.78, -0.44), (0.46, 0.08), 8)[1:],
        *curve((0.46, 0.08), (0.26, -0.2), (0.02, -0.18), 6)[1:],
    ]
    blade = polygon(right)
    if twin:
        blade = union(blade, polygon([(-x, y) for x, y in right]))
    edge = both(blade, cut(block(0.0, -0.4, 3.0, 3.0), disc(0.0, -0.42, 0.46)))
    return [
        Layer(leaning(stroke([(0.0, -0.86), (0.0, 0.92)], 0.085)), handle),
        Layer(leaning(blade), IRON),
        Layer(leaning(edge), STEEL, False),
        Layer(leaning(block(0.0, -0.45, 0.26, 0.5, 0.06)), IRON),
        *(Layer(leaning(block(0.0, y, 0.2, 0.09, 0.03)), GOLD, False) for y in (0.3, 0.78)),
    ]


def bow(wrap: Colour, tip: Paint) -> list[Layer]:
    """Drawn towards the right, with an arrow that points to the upper left."""

    def leaning(shape: Shape) -> Shape:
        return placed(shape, 0.1, 0.1, 45.0)

    upper = curve((-0.42, 0.0), (-0.34, -0.62), (0.12, -0.96))
    lower = [(x, -y) for x, y in upper]
    head = polygon([(-0.98, 0.0), (-0.66, -0.16), (-0.72, 0.0), (-0.66, 0.16)])
    return [
        Layer(leaning(stroke([(0.12, -0.96), (0.42, 0.0), (0.12, 0.96)], 0.02)), WHITE),
        Layer(leaning(stroke([(-0.7, 0.0), (0.6, 0.0)], 0.035)), OAK),
        Layer(
            leaning(polygon([(0.34, 0.0), (0.46, -0.14), (0.72, -0.14), (0.6, 0.0)])), cloth(wrap)
        ),
        Layer(leaning(polygon([(0.34, 0.0), (0.46, 0.14), (0.72, 0.14), (0.6, 0.0)])), cloth(wrap)),
        Layer(leaning(stroke(upper, 0.105, 0.05)), OAK),
        Layer(leaning(stroke(lower, 0.105, 0.05)), OAK),
        Layer(leaning(block(-0.42, 0.0, 0.24, 0.42, 0.08)), cloth(wrap)),
        Layer(leaning(head), tip),
    ]
