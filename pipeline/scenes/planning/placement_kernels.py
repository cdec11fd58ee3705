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
    STANDING_BOX,
    STATE_COUNT,
    Cell,
    PlacedObjects,
    PlacementGround,
    PlacementItem,
    PlacementState,
    Point,
    Rows,
    SceneBounds,
    ShoreLine,
    ShoreWave,
    StandingBox,
    StateCount,
    shore_records,
)
from pipeline.scenes.planning.rule_table import Floats, Whole

LAND, WATER, SHORE, BOTH = range(4)
"""Where items belong, in the order of `pipeline.scenes.planning.rule_table.PLACES`."""
ANCHORS = 8
"""Places that are looked at for a group; the one with room for most of its members is taken."""
AT_ONCE = 256
"""Attempts for which chance is asked at once."""


def place_objects(
    items: Rows[PlacementItem], ground: PlacementGround, cells: Rows[Cell], rng: np.random.Generator
) -> PlacedObjects:
    """Find room for items, each within its attempts; what finds none is left out.

    Args:
        cells: of the grid, where the game has one; in another order afterwards.
        rng: the only source of chance.
    """
    boxes = np.zeros(len(items), STANDING_BOX)
    counts = np.array([(0, len(cells))], STATE_COUNT)
    state = PlacementState(boxes, cells, counts)
    attempts = max(AT_ONCE, ground.bounds[0].attempts)
    row = 0
    while row < len(items):
        chances = rng.random((attempts, 3))
        # Tuples without names: numba would write the classes of others into what it keeps on disk,
        # and fail to read it once they are called or kept otherwise.
        row = _place_all(row, items, ground[:], state[:], chances)
    standing = boxes[: counts["standing"][0]]
    return PlacedObjects(standing["row"], standing["left"], standing["top"])


def on_water(x: Whole, y: Whole, shore: Shoreline) -> npt.NDArray[np.bool_]:
    """Which points lie on the water of a shore."""
    sides: Floats = np.empty(len(x))
    _sides(x, y, *shore_records(shore), sides)
    return np.less(sides, 0)


@part
def _side(x: float, y: float, shore_lines: Rows[ShoreLine], waves: Rows[ShoreWave]) -> float:
    """As `pipeline.backgrounds.shores.Shoreline.side`, to the last bit."""
    line = shore_lines[0]
    along = y * line.cosine - x * line.sine
    away = 0.0
    for number in range(len(waves)):
        wave = waves[number]
        away += wave.amplitude * math.sin(2 * math.pi * along / wave.length + wave.phase)
    return x * line.cosine + y * line.sine - line.offset - away


@compiled
def _sides(
    x: Whole, y: Whole, shore_lines: Rows[ShoreLine], waves: Rows[ShoreWave], out: Floats
) -> None:
    """`_side` of many points."""
    for number in range(len(out)):
        out[number] = _side(x[number] + 0.0, y[number] + 0.0, shore_lines, waves)


@part
def _is_on_its_ground(item: PlacementItem, corner: Point, ground: PlacementGround) -> bool:
    """As `Shoreline.bears` of the footprint of an object with its top left corner there."""
    place, shore_lines, waves = item.place, ground.shore_lines, ground.waves
    if place == BOTH:
        return True
    x, y, half = corner[0] + item.x, corner[1] + item.y, item.width / 2
    least = most = _side(x + 0.0, y + 0.0, shore_lines, waves)
    for dx, dy in ((-half, 0.0), (half, 0.0), (0.0, -half / 2), (0.0, half / 2)):
        away = _side(x + dx, y + dy, shore_lines, waves)
        least, most = min(least, away), max(most, away)
    if place == LAND:
        return least >= 0
    if place == WATER:
        return most <= 0
    return least < 0 < most


@part
def _allowed(one: PlacementItem, other: PlacementItem, limits: Floats) -> float:
    """Pixels that the boxes of two objects may share."""
    smaller = min(one.area, other.area)
    if one.group_id > 0 and one.group_id == other.group_id:
        return one.group_overlap * smaller
    limit: float = limits[one.kind][other.kind]
    if limit >= 0:
        return limit * smaller
    return min(one.max_overlap, other.max_overlap)


@part
def _overlaps(
    item: PlacementItem,
    corner: Point,
    items: Rows[PlacementItem],
    limits: Floats,
    state: PlacementState,
) -> bool:
    """Whether a box would share more with another than it may."""
    left, top = corner
    right, bottom = left + item.width, top + item.height
    boxes = state.boxes
    for number in range(state.counts[0].standing):
        box = boxes[number]
        # One branch instead of four that nobody can foresee.
        across = (box.left < right) & (left < box.right)
        if across & (box.top < bottom) & (top < box.bottom):
            wide = min(right, box.right) - max(left, box.left)
            high = min(bottom, box.bottom) - max(top, box.top)
            if wide * high > _allowed(item, items[box.row], limits):
                return True
    return False


@part
def _is_too_near(
    item: PlacementItem, corner: Point, items: Rows[PlacementItem], state: PlacementState
) -> bool:
    """Whether one of its class, of another group, would stand nearer than its spacing."""
    least = item.spacing * item.spacing
    x, y = corner[0] + item.x, corner[1] + item.y
    boxes = state.boxes
    for number in range(state.counts[0].standing):
        box = boxes[number]
        other = items[box.row]
        apart = item.group_id == 0 or item.group_id != other.group_id
        if other.kind == item.kind and other.spacing > 0 and apart:
            across, along = x - box.left - other.x, y - box.top - other.y
            if across * across + along * along < least:
                return True
    return False


@part
def _fits(
    item: PlacementItem,
    corner: Point,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
) -> bool:
    """Whether an object may stand with its top left corner there."""
    scene, (left, top) = ground.bounds[0], corner
    if left < item.margin_x or left > scene.width - item.width - item.margin_x:
        return False
    if top < item.margin_y or top > scene.height - item.height - item.margin_y:
        return False
    if _overlaps(item, corner, items, ground.limits, state):
        return False
    if scene.divided and not _is_on_its_ground(item, corner, ground):
        return False
    return item.spacing == 0 or not _is_too_near(item, corner, items, state)


@part
def _add_box(row: int, item: PlacementItem, corner: Point, state: PlacementState) -> None:
    count = state.counts[0]
    box = state.boxes[count.standing]
    box.row = row
    box.left, box.top = corner
    box.right, box.bottom = corner[0] + item.width, corner[1] + item.height
    count.standing += 1


@part
def _corner(item: PlacementItem, x: float, y: float) -> Point:
    """Top left corner of an object that stands at a point."""
    return math.floor(x + 0.5) - item.x, math.floor(y + 0.5) - item.y


@part
def _place_anywhere(
    row: int,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
    chances: Floats,
) -> int:
    """Place one object anywhere; the number of attempts."""
    item, scene = items[row], ground.bounds[0]
    span_x = scene.width - item.width - 2 * item.margin_x + 1
    span_y = scene.height - item.height - 2 * item.margin_y + 1
    if span_x < 1 or span_y < 1:
        return 0
    for attempt in range(scene.attempts):
        chance = chances[attempt]
        left, top = int(chance[0] * span_x), int(chance[1] * span_y)
        corner = left + item.margin_x, top + item.margin_y
        if _fits(item, corner, items, ground, state):
            _add_box(row, item, corner, state)
            return attempt + 1
    return scene.attempts


@part
def _take_cell(number: int, state: PlacementState) -> None:
    """Nothing else will stand in that cell; the last free one gets its number."""
    cells, count = state.cells, state.counts[0]
    count.free -= 1
    cell, last = cells[number], cells[count.free]
    cell.x, cell.y = last.x, last.y


@part
def _place_in_cell(
    row: int,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
    chances: Floats,
) -> int:
    """Place one object in any free cell; the number of attempts."""
    item, scene = items[row], ground.bounds[0]
    free = state.counts[0].free
    if free == 0:
        return 0
    for attempt in range(scene.attempts):
        chance = chances[attempt]
        number = int(chance[0] * free)
        cell = state.cells[number]
        dx = scene.jitter_from + chance[1] * scene.jitter_span
        dy = scene.jitter_from + chance[2] * scene.jitter_span
        corner = _corner(item, cell.x + dx, cell.y + dy)
        if _fits(item, corner, items, ground, state):
            _add_box(row, item, corner, state)
            _take_cell(number, state)
            return attempt + 1
    return scene.attempts


@part
def _anchor(first: PlacementItem, chance: Floats, ground: PlacementGround) -> tuple[float, float]:
    """A group's point; on the water's edge where its first member belongs there."""
    scene, line = ground.bounds[0], ground.shore_lines[0]
    x, y = chance[0] * scene.width, chance[1] * scene.height
    if scene.divided and first.place == SHORE:
        for _ in range(3):
            away = _side(x, y, ground.shore_lines, ground.waves)
            x -= away * line.cosine
            y -= away * line.sine
    return x, y


@part
def _place_members(
    anchor: tuple[float, float],
    rows: Point,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
) -> None:
    """Place the members of a group that have room around a point."""
    for row in range(rows[0], rows[1]):
        item = items[row]
        corner = _corner(item, anchor[0] + item.dx, anchor[1] + item.dy)
        if _fits(item, corner, items, ground, state):
            _add_box(row, item, corner, state)


@part
def _place_group(
    rows: Point,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
    chances: Floats,
) -> None:
    """Place a group where most of its members have room, beside everything and each other.

    The image's edge may cut a group as it cuts one item: members beyond it are left out.

    Args:
        rows: of its members, the first and the one after the last.
    """
    count = state.counts[0]
    before, best, most = count.standing, 0, 0
    for number in range(ANCHORS):
        count.standing = before
        anchor = _anchor(items[rows[0]], chances[number], ground)
        _place_members(anchor, rows, items, ground, state)
        fitting = count.standing - before
        if fitting == rows[1] - rows[0]:
            return
        if fitting > most:
            best, most = number, fitting
    count.standing = before
    anchor = _anchor(items[rows[0]], chances[best], ground)
    _place_members(anchor, rows, items, ground, state)


@part
def _nearest(x: float, y: float, state: PlacementState) -> int:
    """The free cell around a point."""
    nearest, least = 0, math.inf
    for number in range(state.counts[0].free):
        cell = state.cells[number]
        away = (cell.x - x) * (cell.x - x) + (cell.y - y) * (cell.y - y)
        if away < least:
            nearest, least = number, away
    return nearest


@part
def _place_group_in_cells(
    rows: Point,
    items: Rows[PlacementItem],
    ground: PlacementGround,
    state: PlacementState,
    chance: Floats,
) -> None:
    """Place a group in the cells around a point, each of which is then taken."""
    scene = ground.bounds[0]
    x, y = chance[0] * scene.width, chance[1] * scene.height
    for row in range(rows[0], rows[1]):
        if state.counts[0].free > 0:
            item, number = items[row], _nearest(x, y, state)
            cell = state.cells[number]
            corner = _corner(item, cell.x + 0.0, cell.y + 0.0)
            _take_cell(number, state)
            if _fits(item, corner, items, ground, state):
                _add_box(row, item, corner, state)


@compiled
def _place_all(
    first: int,
    items: Rows[PlacementItem],
    ground_parts: tuple[Rows[SceneBounds], Rows[ShoreLine], Rows[ShoreWave], Floats],
    state_parts: tuple[Rows[StandingBox], Rows[Cell], Rows[StateCount]],
    chances: Floats,
) -> int:
    """Place objects in their order, a group at once, from row `first` on.

    Returns:
        The row to go on from with other chances, if these might not be enough for the next object;
        otherwise the number of rows.
    """
    ground, state = PlacementGround(*ground_parts), PlacementState(*state_parts)
    used, row, most = 0, first, max(ground.bounds[0].attempts, ANCHORS)
    while row < len(items) and used + most <= len(chances):
        end = row + 1
        if items[row].group_id == 0:
            if items[row].on_cell:
                used += _place_in_cell(row, items, ground, state, chances[used:])
            else:
                used += _place_anywhere(row, items, ground, state, chances[used:])
        else:
            while end < len(items) and items[end].group_id == items[row].group_id:
                end += 1
            if len(state.cells) > 0:
                _place_group_in_cells((row, end), items, ground, state, chances[used])
            else:
                _place_group((row, end), items, ground, state, chances[used:])
            used += ANCHORS
        row = end
    return row
