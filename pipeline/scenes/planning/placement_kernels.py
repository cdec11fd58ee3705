"""Finding room for objects: compiled loops over attempts, and over all boxes that stand already.

To be imported when the first scene is planned, because it loads numba. `placement` says what the
records hold that the loops read and fill.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.shores import Shoreline
from pipeline.compilation import compiled, part
from pipeline.scenes.planning.placement import (
    ROOM_COUNT,
    STANDING_BOX,
    Bend,
    Cell,
    Coast,
    Ground,
    PlacedObjects,
    Point,
    Room,
    RoomCount,
    Rows,
    Site,
    StandingBox,
    Thing,
    coast_of,
)
from pipeline.scenes.planning.rule_table import Floats, Whole

LAND, WATER, SHORE, BOTH = range(4)
"""Where things belong, in the order of `pipeline.scenes.planning.rule_table.PLACES`."""
ANCHORS = 8
"""Places that are looked at for a group; the one with room for most of its members is taken."""
AT_ONCE = 256
"""Attempts for which chance is asked at once."""


def place_objects(
    things: Rows[Thing], ground: Ground, cells: Rows[Cell], rng: np.random.Generator
) -> PlacedObjects:
    """Find room for things, each within its attempts; what finds none is left out.

    Args:
        cells: of the grid, where the game has one; in another order afterwards.
        rng: the only source of chance.
    """
    boxes = np.zeros(len(things), STANDING_BOX)
    counts = np.array([(0, len(cells))], ROOM_COUNT)
    room = Room(boxes, cells, counts)
    attempts = max(AT_ONCE, ground.sites[0].attempts)
    row = 0
    while row < len(things):
        chances = rng.random((attempts, 3))
        # Tuples without names: numba would write the classes of others into what it keeps on disk,
        # and fail to read it once they are called or kept otherwise.
        row = _settle(row, things, ground[:], room[:], chances)
    standing = boxes[: counts["standing"][0]]
    return PlacedObjects(standing["row"], standing["left"], standing["top"])


def on_water(x: Whole, y: Whole, shore: Shoreline) -> npt.NDArray[np.bool_]:
    """Which points lie on the water of a shore."""
    sides: Floats = np.empty(len(x))
    _sides(x, y, *coast_of(shore), sides)
    return np.less(sides, 0)


@part
def _side(x: float, y: float, coasts: Rows[Coast], bends: Rows[Bend]) -> float:
    """As `pipeline.backgrounds.shores.Shoreline.side`, to the last bit."""
    line = coasts[0]
    along = y * line.cosine - x * line.sine
    away = 0.0
    for number in range(len(bends)):
        bend = bends[number]
        away += bend.amplitude * math.sin(2 * math.pi * along / bend.length + bend.phase)
    return x * line.cosine + y * line.sine - line.offset - away


@compiled
def _sides(x: Whole, y: Whole, coasts: Rows[Coast], bends: Rows[Bend], out: Floats) -> None:
    """`_side` of many points."""
    for number in range(len(out)):
        out[number] = _side(x[number] + 0.0, y[number] + 0.0, coasts, bends)


@part
def _bears(thing: Thing, corner: Point, ground: Ground) -> bool:
    """As `Shoreline.bears` of the footprint of an object with its top left corner there."""
    place, coasts, bends = thing.place, ground.coasts, ground.bends
    if place == BOTH:
        return True
    x, y, half = corner[0] + thing.x, corner[1] + thing.y, thing.width / 2
    least = most = _side(x + 0.0, y + 0.0, coasts, bends)
    for dx, dy in ((-half, 0.0), (half, 0.0), (0.0, -half / 2), (0.0, half / 2)):
        away = _side(x + dx, y + dy, coasts, bends)
        least, most = min(least, away), max(most, away)
    if place == LAND:
        return least >= 0
    if place == WATER:
        return most <= 0
    return least < 0 < most


@part
def _allowed(one: Thing, other: Thing, limits: Floats) -> float:
    """Pixels that the boxes of two objects may share."""
    smaller = min(one.area, other.area)
    if one.party > 0 and one.party == other.party:
        return one.together * smaller
    limit: float = limits[one.kind][other.kind]
    if limit >= 0:
        return limit * smaller
    return min(one.most, other.most)


@part
def _overlaps(thing: Thing, corner: Point, things: Rows[Thing], limits: Floats, room: Room) -> bool:
    """Whether a box would share more with another than it may."""
    left, top = corner
    right, bottom = left + thing.width, top + thing.height
    boxes = room.boxes
    for number in range(room.counts[0].standing):
        box = boxes[number]
        # One branch instead of four that nobody can foresee.
        across = (box.left < right) & (left < box.right)
        if across & (box.top < bottom) & (top < box.bottom):
            wide = min(right, box.right) - max(left, box.left)
            high = min(bottom, box.bottom) - max(top, box.top)
            if wide * high > _allowed(thing, things[box.row], limits):
                return True
    return False


@part
def _crowds(thing: Thing, corner: Point, things: Rows[Thing], room: Room) -> bool:
    """Whether one of its class, of another group, would stand nearer than its spacing."""
    least = thing.spacing * thing.spacing
    x, y = corner[0] + thing.x, corner[1] + thing.y
    boxes = room.boxes
    for number in range(room.counts[0].standing):
        box = boxes[number]
        other = things[box.row]
        apart = thing.party == 0 or thing.party != other.party
        if other.kind == thing.kind and other.spacing > 0 and apart:
            across, along = x - box.left - other.x, y - box.top - other.y
            if across * across + along * along < least:
                return True
    return False


@part
def _has_room(thing: Thing, corner: Point, things: Rows[Thing], ground: Ground, room: Room) -> bool:
    """Whether an object may stand with its top left corner there."""
    site, (left, top) = ground.sites[0], corner
    if left < thing.margin_x or left > site.width - thing.width - thing.margin_x:
        return False
    if top < thing.margin_y or top > site.height - thing.height - thing.margin_y:
        return False
    if _overlaps(thing, corner, things, ground.limits, room):
        return False
    if site.divided and not _bears(thing, corner, ground):
        return False
    return thing.spacing == 0 or not _crowds(thing, corner, things, room)


@part
def _stand(row: int, thing: Thing, corner: Point, room: Room) -> None:
    count = room.counts[0]
    box = room.boxes[count.standing]
    box.row = row
    box.left, box.top = corner
    box.right, box.bottom = corner[0] + thing.width, corner[1] + thing.height
    count.standing += 1


@part
def _corner(thing: Thing, x: float, y: float) -> Point:
    """Top left corner of an object that stands at a point."""
    return math.floor(x + 0.5) - thing.x, math.floor(y + 0.5) - thing.y


@part
def _scatter(row: int, things: Rows[Thing], ground: Ground, room: Room, chances: Floats) -> int:
    """Place one object anywhere; the number of attempts."""
    thing, site = things[row], ground.sites[0]
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


@part
def _take(number: int, room: Room) -> None:
    """Nothing else will stand in that cell; the last free one gets its number."""
    cells, count = room.cells, room.counts[0]
    count.free -= 1
    cell, last = cells[number], cells[count.free]
    cell.x, cell.y = last.x, last.y


@part
def _scatter_in_cells(
    row: int, things: Rows[Thing], ground: Ground, room: Room, chances: Floats
) -> int:
    """Place one object in any free cell; the number of attempts."""
    thing, site = things[row], ground.sites[0]
    free = room.counts[0].free
    if free == 0:
        return 0
    for attempt in range(site.attempts):
        chance = chances[attempt]
        number = int(chance[0] * free)
        cell = room.cells[number]
        dx = site.jitter_from + chance[1] * site.jitter_span
        dy = site.jitter_from + chance[2] * site.jitter_span
        corner = _corner(thing, cell.x + dx, cell.y + dy)
        if _has_room(thing, corner, things, ground, room):
            _stand(row, thing, corner, room)
            _take(number, room)
            return attempt + 1
    return site.attempts


@part
def _anchor(first: Thing, chance: Floats, ground: Ground) -> tuple[float, float]:
    """A group's point; on the water's edge where its first member belongs there."""
    site, line = ground.sites[0], ground.coasts[0]
    x, y = chance[0] * site.width, chance[1] * site.height
    if site.divided and first.place == SHORE:
        for _ in range(3):
            away = _side(x, y, ground.coasts, ground.bends)
            x -= away * line.cosine
            y -= away * line.sine
    return x, y


@part
def _stand_around(
    anchor: tuple[float, float], rows: Point, things: Rows[Thing], ground: Ground, room: Room
) -> None:
    """Place the members of a group that have room around a point."""
    for row in range(rows[0], rows[1]):
        thing = things[row]
        corner = _corner(thing, anchor[0] + thing.dx, anchor[1] + thing.dy)
        if _has_room(thing, corner, things, ground, room):
            _stand(row, thing, corner, room)


@part
def _gather(rows: Point, things: Rows[Thing], ground: Ground, room: Room, chances: Floats) -> None:
    """Place a group where most of its members have room, beside everything and each other.

    The image's edge may cut a group as it cuts a thing: members beyond it are left out.

    Args:
        rows: of its members, the first and the one after the last.
    """
    count = room.counts[0]
    before, best, most = count.standing, 0, 0
    for number in range(ANCHORS):
        count.standing = before
        anchor = _anchor(things[rows[0]], chances[number], ground)
        _stand_around(anchor, rows, things, ground, room)
        fitting = count.standing - before
        if fitting == rows[1] - rows[0]:
            return
        if fitting > most:
            best, most = number, fitting
    count.standing = before
    anchor = _anchor(things[rows[0]], chances[best], ground)
    _stand_around(anchor, rows, things, ground, room)


@part
def _nearest(x: float, y: float, room: Room) -> int:
    """The free cell around a point."""
    nearest, least = 0, math.inf
    for number in range(room.counts[0].free):
        cell = room.cells[number]
        away = (cell.x - x) * (cell.x - x) + (cell.y - y) * (cell.y - y)
        if away < least:
            nearest, least = number, away
    return nearest


@part
def _gather_in_cells(
    rows: Point, things: Rows[Thing], ground: Ground, room: Room, chance: Floats
) -> None:
    """Place a group in the cells around a point, each of which is then taken."""
    site = ground.sites[0]
    x, y = chance[0] * site.width, chance[1] * site.height
    for row in range(rows[0], rows[1]):
        if room.counts[0].free > 0:
            thing, number = things[row], _nearest(x, y, room)
            cell = room.cells[number]
            corner = _corner(thing, cell.x + 0.0, cell.y + 0.0)
            _take(number, room)
            if _has_room(thing, corner, things, ground, room):
                _stand(row, thing, corner, room)


@compiled
def _settle(
    first: int,
    things: Rows[Thing],
    ground_parts: tuple[Rows[Site], Rows[Coast], Rows[Bend], Floats],
    room_parts: tuple[Rows[StandingBox], Rows[Cell], Rows[RoomCount]],
    chances: Floats,
) -> int:
    """Place objects in their order, a group at once, from row `first` on.

    Returns:
        The row to go on from with other chances, if these might not be enough for the next object;
        otherwise the number of rows.
    """
    ground, room = Ground(*ground_parts), Room(*room_parts)
    used, row, most = 0, first, max(ground.sites[0].attempts, ANCHORS)
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
            if len(room.cells) > 0:
                _gather_in_cells((row, end), things, ground, room, chances[used])
            else:
                _gather((row, end), things, ground, room, chances[used:])
            used += ANCHORS
        row = end
    return row
