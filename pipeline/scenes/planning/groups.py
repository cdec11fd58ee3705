"""Groups of things that stand together in play: where each member stands, around one point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pipeline.backgrounds.shores import Shoreline
from pipeline.games.sections.scenes import GroupRule, Shape
from pipeline.scenes.planning.random_stream import RandomStream

Offset = tuple[float, float]
Arc = tuple[float, float]
"""Two directions in radians, clockwise from east on the screen."""

FLATTENING = 0.5
"""A step into the depth of the ground is so much shorter on the screen than one across it."""
GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
FRONT: Arc = (-math.pi / 6, math.pi * 7 / 6)
"""From a little behind one side to a little behind the other. What stands behind is mostly hidden.
"""
OFFSHORE = 1.2
"""Half of the arc, in radians, on which ships lie around what stands at the shore."""
AXES: tuple[Offset, ...] = ((1.0, 0.5), (1.0, -0.5))
"""The axes of an isometric game's ground, by which walls and ranks run."""


def offsets_of(
    group: GroupRule, widths: Sequence[int], stream: RandomStream, arc: Arc = FRONT
) -> list[Offset]:
    """Where the members stand, in pixels from the group's point.

    Args:
        widths: of the members, in pixels.
        arc: for what stands beside something: on which side of it.
    """
    spacing = stream.between(group.spacing)
    if group.shape == "beside":
        offsets = _beside(widths, spacing, stream, arc)
    else:
        offsets = _SHAPES[group.shape](len(widths), spacing * max(widths), stream)
    if group.shape == "row":
        return offsets
    reach = 0.1 * spacing * max(widths)
    ways = (-reach, reach)
    return [(x + stream.between(ways), y + stream.between(ways) * FLATTENING) for x, y in offsets]


def seaward(shore: Shoreline) -> Arc:
    """Where ships lie beside what stands at the shore."""
    towards = shore.angle + math.pi
    return towards - OFFSHORE, towards + OFFSHORE


def _row(count: int, pitch: float, stream: RandomStream) -> list[Offset]:
    x, y = AXES[stream.below(len(AXES))]
    middle = (count - 1) / 2
    return [((n - middle) * pitch * x, (n - middle) * pitch * y) for n in range(count)]


def _block(count: int, pitch: float, stream: RandomStream) -> list[Offset]:
    """Ranks that are longer than the block is deep, seen from the front or along an axis."""
    files = max(1, math.ceil(math.sqrt(count * stream.between((1.0, 2.5)))))
    along, back = (AXES[0], AXES[1]) if stream.one() < 0.5 else ((1.0, 0.0), (0.0, 0.7))
    ranks = math.ceil(count / files)
    offsets: list[Offset] = []
    for number in range(count):
        u, v = number % files - (files - 1) / 2, number // files - (ranks - 1) / 2
        offsets.append((pitch * (u * along[0] + v * back[0]), pitch * (u * along[1] + v * back[1])))
    return offsets


def _clump(count: int, pitch: float, stream: RandomStream) -> list[Offset]:
    """A spiral that fills a disc evenly, lying on the ground."""
    start = stream.between((0.0, 2 * math.pi))
    offsets: list[Offset] = []
    for number in range(count):
        radius, angle = 0.62 * pitch * math.sqrt(number), start + number * GOLDEN_ANGLE
        offsets.append((radius * math.cos(angle), radius * math.sin(angle) * FLATTENING * 1.2))
    return offsets


def _beside(widths: Sequence[int], spacing: float, stream: RandomStream, arc: Arc) -> list[Offset]:
    """The first in the middle, the others on one side of it, as near as both are wide."""
    around = len(widths) - 1
    offsets: list[Offset] = [(0.0, 0.0)]
    for number in range(around):
        turn = (number + stream.between((0.2, 0.8))) / around
        angle = arc[0] + turn * (arc[1] - arc[0])
        reach = spacing * (widths[0] + widths[number + 1]) / 2
        offsets.append((reach * math.cos(angle), reach * math.sin(angle) * FLATTENING))
    return offsets


_SHAPES: dict[Shape, Callable[[int, float, RandomStream], list[Offset]]] = {
    "row": _row,
    "block": _block,
    "clump": _clump,
}
