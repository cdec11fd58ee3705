"""The loops that find room for objects: over attempts, and over all boxes that stand already.

Compiled where numba is installed. Elsewhere the same functions run as they stand here, over lists
instead of arrays, with the same results: whole numbers, and floating-point steps in one order. To
be imported when the first scene is planned, because numba takes a while to load.

`pipeline.scenes.planning.placement` says what the records hold that they read and fill.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

try:
    import numba
except ImportError:
    numba = None

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED = numba is not None
LAND, WATER, SHORE, BOTH = range(4)
"""Where things belong, in the order of `pipeline.scenes.planning.rule_table.PLACES`."""
ANCHORS = 8
"""Places that are looked at for a group; the one with room for most of its members is taken."""
STANDING, FREE = 0, 1
"""Of a room's counts: the objects that have found room, the cells that nobody has taken."""


def _compiled(function: Function) -> Function:
    """Compiled on its first call, and kept on disk for the next process."""
    if not COMPILED:
        return function
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


@_compiled
def side(x: Any, y: Any, coast: Any, waves: Any) -> Any:
    """As `pipeline.backgrounds.shores.Shoreline.side`, to the last bit."""
    line = coast[0]
    along = y * line.cosine - x * line.sine
    bends = 0.0
    for number in range(len(waves)):
        wave = waves[number]
        bends += wave.amplitude * math.sin(2 * math.pi * along / wave.length + wave.phase)
    return x * line.cosine + y * line.sine - line.offset - bends


@_compiled
def sides(x: Any, y: Any, coast: Any, waves: Any, out: Any) -> Any:
    """`side` of many points."""
    for number in range(len(out)):
        out[number] = side(x[number] + 0.0, y[number] + 0.0, coast, waves)


@_compiled
def _bears(thing: Any, corner: Any, coast: Any, waves: Any) -> Any:
    """As `Shoreline.bears` of the footprint of an object with its top left corner there."""
    place = thing.place
    if place == BOTH:
        return True
    x, y, half = corner[0] + thing.x, corner[1] + thing.y, thing.width / 2
    least = most = side(x + 0.0, y + 0.0, coast, waves)
    for dx, dy in ((-half, 0.0), (half, 0.0), (0.0, -half / 2), (0.0, half / 2)):
        away = side(x + dx, y + dy, coast, waves)
        least, most = min(least, away), max(most, away)
    if place == LAND:
        return least >= 0
    if place == WATER:
        return most <= 0
    return least < 0 < most


@_compiled
def _allowed(one: Any, other: Any, limits: Any) -> Any:
    """Pixels that the boxes of two objects may share."""
    smaller = min(one.area, other.area)
    if one.party > 0 and one.party == other.party:
        return one.together * smaller
    limit = limits[one.kind][other.kind]
    if limit >= 0:
        return limit * smaller
    return min(one.most, other.most)


@_compiled
def _overlaps(thing: Any, corner: Any, things: Any, limits: Any, room: Any) -> Any:
    """Whether a box would share more with another than it may."""
    left, top = corner
    right, bottom = left + thing.width, top + thing.height
    boxes, _, counts = room
    for number in range(counts[STANDING]):
        box = boxes[number]
        # One branch instead of four that nobody can foresee.
        across = (box.left < right) & (left < box.right)
        if across & (box.top < bottom) & (top < box.bottom):
            wide = min(right, box.right) - max(left, box.left)
            high = min(bottom, box.bottom) - max(top, box.top)
            if wide * high > _allowed(thing, things[box.row], limits):
                return True
    return False


@_compiled
def _crowds(thing: Any, corner: Any, things: Any, room: Any) -> Any:
    """Whether one of its class, of another group, would stand nearer than its spacing."""
    least = thing.spacing * thing.spacing
    x, y = corner[0] + thing.x, corner[1] + thing.y
    boxes, _, counts = room
    for number in range(counts[STANDING]):
        box = boxes[number]
        other = things[box.row]
        apart = thing.party == 0 or thing.party != other.party
        if other.kind == thing.kind and other.spacing > 0 and apart:
            across, along = x - box.left - other.x, y - box.top - other.y
            if across * across + along * along < least:
                return True
    return False


@_compiled
def _has_room(thing: Any, corner: Any, things: Any, ground: Any, room: Any) -> Any:
    """Whether an object may stand with its top left corner there."""
    (sites, coast, waves, limits), (left, top) = ground, corner
    site = sites[0]
    if left < thing.margin_x or left > site.width - thing.width - thing.margin_x:
        return False
    if top < thing.margin_y or top > site.height - thing.height - thing.margin_y:
        return False
    if _overlaps(thing, corner, things, limits, room):
        return False
    if site.divided and not _bears(thing, corner, coast, waves):
        return False
    return thing.spacing == 0 or not _crowds(thing, corner, things, room)


@_compiled
def _stand(row: Any, thing: Any, corner: Any, room: Any) -> Any:
    boxes, _, counts = room
    box = boxes[counts[STANDING]]
    box.row = row
    box.left, box.top = corner
    box.right, box.bottom = corner[0] + thing.width, corner[1] + thing.height
    counts[STANDING] += 1


@_compiled
def _corner(thing: Any, x: Any, y: Any) -> Any:
    """Top left corner of an object that stands at a point."""
    return math.floor(x + 0.5) - thing.x, math.floor(y + 0.5) - thing.y


@_compiled
def _scatter(row: Any, things: Any, ground: Any, room: Any, chances: Any) -> Any:
    """Place one object anywhere; the number of attempts."""
    thing, site = things[row], ground[0][0]
    span_x = site.width - thing.width - 2 * thing.margin_x + 1
    span_y = site.height - thing.height - 2 * thing.margin_y + 1
    if span_x < 1 or span_y < 1:
        return 0
    for attempt in range(site.attempts):
        chance = chances[attempt]
        left, top = int(chance[0] * span_x), int(chance[1] * span_y)
        corner = left + thing.margin_x, top + thing.margin_y
        if _has_room(thing, corner, things, ground, room):
            _stand(row, thing, corner, room)
            return attempt + 1
    return site.attempts


@_compiled
def _take(number: Any, room: Any) -> Any:
    """Nothing else will stand in that cell; the last free one gets its number."""
    _, cells, counts = room
    counts[FREE] -= 1
    cell, last = cells[number], cells[counts[FREE]]
    cell.x, cell.y = last.x, last.y


@_compiled
def _scatter_in_cells(row: Any, things: Any, ground: Any, room: Any, chances: Any) -> Any:
    """Place one object in any free cell; the number of attempts."""
    thing, site = things[row], ground[0][0]
    _, cells, counts = room
    if counts[FREE] == 0:
        return 0
    for attempt in range(site.attempts):
        chance = chances[attempt]
        number = int(chance[0] * counts[FREE])
        cell = cells[number]
        dx = site.jitter_from + chance[1] * site.jitter_span
        dy = site.jitter_from + chance[2] * site.jitter_span
        corner = _corner(thing, cell.x + dx, cell.y + dy)
        if _has_room(thing, corner, things, ground, room):
            _stand(row, thing, corner, room)
            _take(number, room)
            return attempt + 1
    return site.attempts


@_compiled
def _anchor(first: Any, chance: Any, ground: Any) -> Any:
    """A group's point; on the water's edge where its first member belongs there."""
    sites, coast, waves, _ = ground
    site, line = sites[0], coast[0]
    x, y = chance[0] * site.width, chance[1] * site.height
    if site.divided and first.place == SHORE:
        for _ in range(3):
            away = side(x, y, coast, waves)
            x -= away * line.cosine
            y -= away * line.sine
    return x, y


@_compiled
def _stand_around(anchor: Any, rows: Any, things: Any, ground: Any, room: Any) -> Any:
    """Place the members of a group that have room around a point."""
    for row in range(rows[0], rows[1]):
        thing = things[row]
        corner = _corner(thing, anchor[0] + thing.dx, anchor[1] + thing.dy)
        if _has_room(thing, corner, things, ground, room):
            _stand(row, thing, corner, room)


@_compiled
def _gather(rows: Any, things: Any, ground: Any, room: Any, chances: Any) -> Any:
    """Place a group where most of its members have room, beside everything and each other.

    The picture's edge may cut a group as it cuts a thing: members beyond it are left out.
    """
    counts = room[2]
    before, best, most = counts[STANDING], 0, 0
    for number in range(ANCHORS):
        counts[STANDING] = before
        anchor = _anchor(things[rows[0]], chances[number], ground)
        _stand_around(anchor, rows, things, ground, room)
        fitting = counts[STANDING] - before
        if fitting == rows[1] - rows[0]:
            return
        if fitting > most:
            best, most = number, fitting
    counts[STANDING] = before
    anchor = _anchor(things[rows[0]], chances[best], ground)
    _stand_around(anchor, rows, things, ground, room)


@_compiled
def _nearest(x: Any, y: Any, room: Any) -> Any:
    """The free cell around a point."""
    _, cells, counts = room
    nearest, least = 0, math.inf
    for number in range(counts[FREE]):
        cell = cells[number]
        away = (cell.x - x) * (cell.x - x) + (cell.y - y) * (cell.y - y)
        if away < least:
            nearest, least = number, away
    return nearest


@_compiled
def _gather_in_cells(rows: Any, things: Any, ground: Any, room: Any, chance: Any) -> Any:
    """Place a group in the cells around a point, each of which is then taken."""
    site = ground[0][0]
    _, cells, counts = room
    x, y = chance[0] * site.width, chance[1] * site.height
    for row in range(rows[0], rows[1]):
        if counts[FREE] > 0:
            thing, number = things[row], _nearest(x, y, room)
            cell = cells[number]
            corner = _corner(thing, cell.x + 0.0, cell.y + 0.0)
            _take(number, room)
            if _has_room(thing, corner, things, ground, room):
                _stand(row, thing, corner, room)


@_compiled
def settle(first: Any, things: Any, ground: Any, room: Any, chances: Any) -> Any:
    """Place objects in their order, a group at once, from row `first` on.

    Returns:
        The row to go on from with other chances, if these might not be enough for the next object;
        otherwise the number of rows.
    """
    used, row, most = 0, first, max(ground[0][0].attempts, ANCHORS)
    while row < len(things) and used + most <= len(chances):
        end = row + 1
        if things[row].party == 0:
            if things[row].on_cell:
                used += _scatter_in_cells(row, things, ground, room, chances[used:])
            else:
                used += _scatter(row, things, ground, room, chances[used:])
        else:
            while end < len(things) and things[end].party == things[row].party:
                end += 1
            if len(room[1]) > 0:
                _gather_in_cells((row, end), things, ground, room, chances[used])
            else:
                _gather((row, end), things, ground, room, chances[used:])
            used += ANCHORS
        row = end
    return row
