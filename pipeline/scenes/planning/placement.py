"""Where things stand: what may share how much of whose box, on which ground, and how near the edge.

Objects are placed from large to small, groups before single things of their size, each where the
rules of everything that stands there already allow it. `placement_kernels` does so, with the
records of this module.
"""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.shores import Shoreline
from pipeline.games.sections.scenes import GridRules
from pipeline.scenes.planning.rule_table import Floats, Whole
from pipeline.scenes.planning.sampling import Cast

Point = tuple[int, int]
Records = np.ndarray[tuple[int], np.dtype[np.void]]
Value = TypeVar("Value")

THING = np.dtype(
    [
        *((name, np.int64) for name in ("width", "height", "area", "x", "y")),
        *((name, np.int64) for name in ("margin_x", "margin_y")),
        *((name, np.int64) for name in ("kind", "place", "on_cell", "party")),
        *((name, np.float64) for name in ("most", "together", "spacing", "dx", "dy")),
    ]
)
"""An object that is to be placed; lengths in pixels of the picture.

width, height, area: of its box; x, y: where it stands, from its top left corner.
margin_x, margin_y: kept from the edges; negative where they may cut it.
kind: number of its class; place: the ground that it belongs on, an index in `PLACES`.
on_cell: whether it stands on a cell of the grid, when it comes alone.
party: number of the group that it comes with, 0 when it comes alone.
most: pixels of its box that another may share; together: share of it that one of its group may.
spacing: least distance to its class; dx, dy: from its group's point.
"""
BOX = np.dtype([(name, np.int64) for name in ("row", "left", "top", "right", "bottom")])
"""Where something stands: the number of the thing, and its box."""
CELL = np.dtype([(name, np.int64) for name in ("x", "y")])
"""The middle of a cell of a game's grid, for one object."""
WAVE = np.dtype([(name, np.float64) for name in ("amplitude", "length", "phase")])
"""A bend of a shoreline; see `pipeline.backgrounds.shores.Wave`."""


COAST = np.dtype([(name, np.float64) for name in ("cosine", "sine", "offset")])
"""A shoreline without its bends; see `pipeline.backgrounds.shores.Shoreline`."""
SITE = np.dtype(
    [
        *((name, np.int64) for name in ("width", "height", "attempts", "divided")),
        *((name, np.float64) for name in ("jitter_from", "jitter_span")),
    ]
)
"""The picture that is being filled.

attempts: to find room for one object.
divided: whether it matters what is land and what is water.
jitter_from, jitter_span: off the middle of a cell, the least and the most above that.
"""

# Tuples without names: what numba keeps on disk would name their classes.
Ground = tuple[Records, Records, Records, Floats]
"""One `SITE`, one `COAST` with its `WAVE`s, and the limits of the `Repertoire`."""
Room = tuple[Records, Records, Whole]
"""The `BOX`es of what stands, in the order in which it was placed, and then others; the `CELL`s
that are free, and then others; how many things stand, and how many cells are free."""


class Standing(NamedTuple):
    """What has found room: the numbers of things, and their top left corners."""

    rows: Whole
    left: Whole
    top: Whole


NO_CELLS: Records = np.empty(0, CELL)
NO_COAST: tuple[Records, Records] = np.zeros(1, COAST), np.empty(0, WAVE)
AT_ONCE = 256
"""Attempts for which chance is asked at once."""


def things_of(cast: Cast, offsets: Floats) -> Records:
    """A cast as what is to be placed.

    Args:
        offsets: [2, n], of the members of groups from their group's point.
    """
    roles, amounts, sides = cast.roles, cast.amounts, cast.sides
    cut = np.where(amounts.cut > 0, -np.floor(amounts.cut * sides), roles.margin)
    things = np.empty(len(cast.party), THING)
    things["width"], things["height"] = sides
    things["area"] = area = sides[0] * sides[1]
    things["x"], things["y"] = cast.hotspots
    # At least one row and column stay inside.
    things["margin_x"], things["margin_y"] = np.maximum(cut, 1 - sides)
    things["kind"], things["place"], things["on_cell"] = roles.kind, roles.place, roles.on_cell
    things["party"] = cast.party
    things["most"], things["spacing"] = amounts.overlap * area, amounts.spacing
    overlaps = [0.0 if group is None else group.overlap for group in cast.groups]
    things["together"] = np.array(overlaps)[cast.party]
    things["dx"], things["dy"] = offsets
    return things


def settle(things: Records, ground: Ground, cells: Records, rng: np.random.Generator) -> Standing:
    """Find room for things, each within its attempts; what finds none is left out."""
    boxes = np.zeros(len(things), BOX)
    counts = np.array([0, len(cells)], np.int64)
    attempts = max(AT_ONCE, int(ground[0][0]["attempts"]))
    row, room = 0, _as_read((boxes, cells, counts))
    things, ground = _as_read(things), _as_read(ground)
    while row < len(things):
        chances = _as_read(rng.random((attempts, 3)))
        row = room_loops().settle(row, things, ground, room, chances)
    boxes = _records(room[0][: room[2][0]], BOX)
    return Standing(boxes["row"], boxes["left"], boxes["top"])


def on_water(x: Whole, y: Whole, shore: Shoreline) -> npt.NDArray[np.bool_]:
    """Which points lie on the water of a shore."""
    sides = _as_read(np.empty(len(x)))
    room_loops().sides(*_as_read((x, y, *coast_of(shore))), sides)
    return np.less(sides, 0)


def coast_of(shore: Shoreline | None) -> tuple[Records, Records]:
    """A shoreline as one `COAST` and its `WAVE`s; of no shore, one that is not to be asked."""
    if shore is None:
        return NO_COAST
    waves = np.array([(w.amplitude, w.length, w.phase) for w in shore.waves], WAVE)
    line = math.cos(shore.angle), math.sin(shore.angle), shore.offset
    return np.array([line], COAST), waves


def cells_of(grid: GridRules, zoom: float, start: tuple[float, float], size: Point) -> Records:
    """All cells of which something can be seen, and some around them.

    Args:
        zoom: of the cells; `grid` tells them at 1.
        start: the middle of one in a column that is not shifted.
        size: width and height of the picture.
    """
    (across, along), (x, y) = (step * zoom for step in grid.step), start
    first, top = -1 - math.ceil(x / across), -2 - math.ceil(y / along)
    columns = np.arange(first, first + math.ceil(size[0] / across) + 3)[:, None]
    rows = np.arange(top, top + math.ceil(size[1] / along) + 4)
    cells = np.empty((len(columns), len(rows)), CELL)
    cells["x"] = np.rint(x + columns * across)
    cells["y"] = np.rint(y + rows * along + columns % 2 * (grid.stagger * zoom))
    return cells.reshape(-1)


@cache
def room_loops() -> ModuleType:
    """Found when the first scene is planned: whoever only loads definitions waits for no numba."""
    from pipeline.scenes.planning import placement_kernels as loops

    return loops


def _as_read(value: Value) -> Value:
    """What the loops read: arrays if they are compiled, else lists."""
    return value if room_loops().COMPILED else _listed(value)


def _listed(value: Any) -> Any:
    """Lists instead of arrays, and objects instead of records."""
    if isinstance(value, tuple):
        return tuple(map(_listed, value))
    if not isinstance(value, np.ndarray):
        return value
    names = value.dtype.names
    if names is None:
        return value.tolist()
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in value.tolist()]


def _records(read: Any, kind: np.dtype[np.void]) -> Records:
    """The reverse of `_as_read`, for records."""
    if isinstance(read, np.ndarray):
        return read
    return np.array([tuple(vars(record).values()) for record in read], kind)
