"""Groups of things that stand together in play: where each member stands, around one point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.games.scene_rules import GroupRule, Shape
from pipeline.scenes.placing import Cells, Crowd, Point, Site, Wanted

Offset = tuple[float, float]
Arc = tuple[float, float]
"""Two directions in radians, clockwise from east on the screen."""

FLATTENING = 0.5
"""A step into the depth of the ground is so much shorter on the screen than one across it."""
ANCHORS = 8
"""Places that are looked at for a group; the one with room for most of its members is taken."""
GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
FRONT: Arc = (-math.pi / 6, math.pi * 7 / 6)
"""From a little behind one side to a little behind the other. What stands behind is mostly hidden.
"""
OFFSHORE = 1.2
"""Half of the arc, in radians, on which ships lie around what stands at the shore."""
AXES: tuple[Offset, ...] = ((1.0, 0.5), (1.0, -0.5))
"""The axes of an isometric game's ground, by which walls and ranks run."""


def gather(
    rng: np.random.Generator,
    group: GroupRule,
    members: Sequence[Wanted],
    place: tuple[Crowd, Site, Cells | None],
) -> tuple[tuple[Wanted, Point], ...]:
    """Place a group: the members that have room, each with its top left corner.

    The picture's edge may cut a group as it cuts a thing: members beyond it are left out.
    """
    crowd, site, cells = place
    if cells is not None:
        return _in_cells(rng, members, crowd, (site, cells))
    offsets = offsets_of(rng, group, members, _arc(members[0], site))
    best: list[tuple[Wanted, Point]] = []
    for share_x, share_y in rng.random((ANCHORS, 2)).tolist():
        x, y = _anchor(share_x * site.width, share_y * site.height, members[0], site)
        corners = [
            _corner(item, x + dx, y + dy) for item, (dx, dy) in zip(members, offsets, strict=True)
        ]
        fitting = _fitting(members, corners, crowd)
        if len(fitting) > len(best):
            best = fitting
        if len(best) == len(members):
            break
    for item, corner in best:
        crowd.add(*corner, item)
    return tuple(best)


def offsets_of(
    rng: np.random.Generator, group: GroupRule, members: Sequence[Wanted], arc: Arc = FRONT
) -> list[Offset]:
    """Where the members stand, in pixels from the group's point.

    Args:
        arc: for what stands beside something: on which side of it.
    """
    spacing = float(rng.uniform(*group.spacing))
    if group.shape == "beside":
        offsets = _beside(rng, members, spacing, arc)
    else:
        offsets = _SHAPES[group.shape](rng, members, spacing)
    if group.shape == "row":
        return offsets
    pitch = spacing * _widest(members)
    jitter = (rng.random((len(members), 2)) - 0.5) * (0.2 * pitch)
    return [(x + dx, y + dy * FLATTENING) for (x, y), (dx, dy) in zip(offsets, jitter, strict=True)]


def _row(rng: np.random.Generator, members: Sequence[Wanted], spacing: float) -> list[Offset]:
    x, y = AXES[int(rng.integers(len(AXES)))]
    pitch = spacing * _widest(members)
    middle = (len(members) - 1) / 2
    return [((n - middle) * pitch * x, (n - middle) * pitch * y) for n in range(len(members))]


def _block(rng: np.random.Generator, members: Sequence[Wanted], spacing: float) -> list[Offset]:
    """Ranks that are longer than the block is deep, seen from the front or along an axis."""
    files = max(1, math.ceil(math.sqrt(len(members) * float(rng.uniform(1.0, 2.5)))))
    along, back = (AXES[0], AXES[1]) if rng.random() < 0.5 else ((1.0, 0.0), (0.0, 0.7))
    ranks = math.ceil(len(members) / files)
    pitch = spacing * _widest(members)
    offsets: list[Offset] = []
    for number in range(len(members)):
        u, v = number % files - (files - 1) / 2, number // files - (ranks - 1) / 2
        offsets.append((pitch * (u * along[0] + v * back[0]), pitch * (u * along[1] + v * back[1])))
    return offsets


def _clump(rng: np.random.Generator, members: Sequence[Wanted], spacing: float) -> list[Offset]:
    """A spiral that fills a disc evenly, lying on the ground."""
    pitch = spacing * _widest(members)
    start = float(rng.uniform(0.0, 2 * math.pi))
    offsets: list[Offset] = []
    for number in range(len(members)):
        radius, angle = 0.62 * pitch * math.sqrt(number), start + number * GOLDEN_ANGLE
        offsets.append((radius * math.cos(angle), radius * math.sin(angle) * FLATTENING * 1.2))
    return offsets


def _beside(
    rng: np.random.Generator, members: Sequence[Wanted], spacing: float, arc: Arc
) -> list[Offset]:
    """The first in the middle, the others on one side of it, as near as both are wide."""
    around = len(members) - 1
    offsets: list[Offset] = [(0.0, 0.0)]
    for number in range(around):
        turn = (number + float(rng.uniform(0.2, 0.8))) / around
        angle = arc[0] + turn * (arc[1] - arc[0])
        reach = spacing * (members[0].width + members[number + 1].width) / 2
        offsets.append((reach * math.cos(angle), reach * math.sin(angle) * FLATTENING))
    return offsets


_SHAPES: dict[Shape, Callable[[np.random.Generator, Sequence[Wanted], float], list[Offset]]] = {
    "row": _row,
    "block": _block,
    "clump": _clump,
}


def _widest(members: Sequence[Wanted]) -> int:
    return max(item.width for item in members)


def _fitting(
    members: Sequence[Wanted], corners: Sequence[Point], crowd: Crowd
) -> list[tuple[Wanted, Point]]:
    """The members that have room beside everything else, and beside each other."""
    fitting: list[tuple[Wanted, Point]] = []
    trial = crowd.copy()
    for item, corner in zip(members, corners, strict=True):
        if trial.has_room(*corner, item):
            trial.add(*corner, item)
            fitting.append((item, corner))
    return fitting


def _arc(first: Wanted, site: Site) -> Arc:
    """Where others stand beside the first of a group: before it, or on the water at the shore."""
    if site.shore is None or first.place != "shore":
        return FRONT
    seaward = site.shore.angle + math.pi
    return seaward - OFFSHORE, seaward + OFFSHORE


def _anchor(x: float, y: float, first: Wanted, site: Site) -> Offset:
    """A group's point; on the water's edge where its first member belongs there."""
    if site.shore is None or first.place != "shore":
        return x, y
    for _ in range(3):
        away = site.shore.side(x, y)
        x -= away * math.cos(site.shore.angle)
        y -= away * math.sin(site.shore.angle)
    return x, y


def _corner(item: Wanted, x: float, y: float) -> Point:
    """Top left corner of an object that stands at a point."""
    hotspot = item.hotspot
    return round(x) - hotspot[0], round(y) - hotspot[1]


def _in_cells(
    rng: np.random.Generator, members: Sequence[Wanted], crowd: Crowd, place: tuple[Site, Cells]
) -> tuple[tuple[Wanted, Point], ...]:
    site, cells = place
    x, y = (rng.random(2) * (site.width, site.height)).tolist()
    standing: list[tuple[Wanted, Point]] = []
    for item, cell in zip(members, cells.nearest(x, y, len(members)), strict=False):
        corner = _corner(item, *cell)
        if crowd.has_room(*corner, item):
            crowd.add(*corner, item)
            standing.append((item, corner))
    return tuple(standing)
