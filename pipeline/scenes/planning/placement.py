"""Where items may stand: records of what is to be placed, of the ground, and of the room left.

Objects are placed from large to small, groups before single items of their size, each where the
rules of everything that stands there already allow it. `placement_kernels` does so. Its loops read
and fill the records of this module, each of which is declared once: a class has the fields, and the
type that numpy keeps in an array follows from it.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, TypeVar, get_type_hints

import numpy as np

from pipeline.backgrounds.shores import Shoreline
from pipeline.games.sections.scenes import GridRules
from pipeline.scenes.planning.rule_table import Floats, Whole
from pipeline.scenes.planning.sampling import SampledObjects

Point = tuple[int, int]
Row = TypeVar("Row", covariant=True)
STORED = {int: np.int64, float: np.float64}
"""How numpy keeps the fields of a record."""


class Rows(Protocol[Row]):
    """An array of records, each of which reads and writes the array."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Row: ...


class PlacementItem(Protocol):
    """An object that is to be placed; lengths in pixels of the image.

    Attributes:
        width, height, area: of its box.
        x, y: where it stands, from its top left corner.
        margin_x, margin_y: kept from the edges; negative where they may cut it.
        kind: number of its class.
        place: the ground that it belongs on, an index in `PLACES`.
        on_cell: whether it stands on a cell of the grid, when it comes alone.
        group_id: number of the group that it comes with, 0 when it comes alone.
        max_overlap: pixels of its box that another may share.
        together: share of its box that one of its group may share.
        spacing: least distance to its class.
        dx, dy: from its group's point.
    """

    width: int
    height: int
    area: int
    x: int
    y: int
    margin_x: int
    margin_y: int
    kind: int
    place: int
    on_cell: int
    group_id: int
    max_overlap: float
    group_overlap: float
    spacing: float
    dx: float
    dy: float


class StandingBox(Protocol):
    """Where something stands: the number of the item, and its box."""

    row: int
    left: int
    top: int
    right: int
    bottom: int


class Cell(Protocol):
    """The middle of a cell of a game's grid, for one object."""

    x: int
    y: int


class ShoreWave(Protocol):
    """A wave of a shoreline; see `pipeline.backgrounds.shores.Wave`."""

    amplitude: float
    length: float
    phase: float


class ShoreLine(Protocol):
    """A shoreline without its waves; see `pipeline.backgrounds.shores.Shoreline`."""

    cosine: float
    sine: float
    offset: float


class SceneBounds(Protocol):
    """The image that is being filled.

    Attributes:
        width, height: in pixels.
        attempts: to find room for one object.
        divided: whether it matters what is land and what is water.
        jitter_from, jitter_span: off the middle of a cell, the least and the most above that.
    """

    width: int
    height: int
    attempts: int
    divided: int
    jitter_from: float
    jitter_span: float


class StateCount(Protocol):
    """How many items stand, and how many cells nobody has taken."""

    standing: int
    free: int


def _stored(record: type) -> np.dtype[np.void]:
    """The type of an array of such records."""
    fields = [(name, STORED[kind]) for name, kind in get_type_hints(record).items()]
    return np.dtype((np.record, fields))


PLACEMENT_ITEM, STANDING_BOX, CELL = _stored(PlacementItem), _stored(StandingBox), _stored(Cell)
SHORE_WAVE, SHORE_LINE, SCENE_BOUNDS = _stored(ShoreWave), _stored(ShoreLine), _stored(SceneBounds)
STATE_COUNT = _stored(StateCount)


class PlacementGround(NamedTuple):
    """Where items may stand, before any does.

    Attributes:
        bounds: a single `SceneBounds`.
        shore_lines: a single `ShoreLine`.
        waves: of that line.
        limits: of the `RuleTable`.
    """

    bounds: Rows[SceneBounds]
    shore_lines: Rows[ShoreLine]
    waves: Rows[ShoreWave]
    limits: Floats


class PlacementState(NamedTuple):
    """What stands, and where there is room; the loops fill it.

    Attributes:
        boxes: of what stands, in the order in which it was placed, and then others.
        cells: those that are free, and then others.
        counts: a single `StateCount`.
    """

    boxes: Rows[StandingBox]
    cells: Rows[Cell]
    counts: Rows[StateCount]


class PlacedObjects(NamedTuple):
    """What has found room: the numbers of items, and their top left corners."""

    rows: Whole
    left: Whole
    top: Whole


NO_CELLS: Rows[Cell] = np.empty(0, CELL)
NO_SHORE: tuple[Rows[ShoreLine], Rows[ShoreWave]] = np.zeros(1, SHORE_LINE), np.empty(0, SHORE_WAVE)


def placement_records(objects: SampledObjects, offsets: Floats) -> Rows[PlacementItem]:
    """Sampled objects as what is to be placed.

    Args:
        offsets: [2, n], of the members of groups from their group's point.
    """
    integers, floats, sides = objects.integers, objects.floats, objects.sides
    cut = np.where(floats.cut > 0, -np.floor(floats.cut * sides), integers.margin)
    items = np.empty(len(objects.group_id), PLACEMENT_ITEM)
    items["width"], items["height"] = sides
    items["area"] = area = sides[0] * sides[1]
    items["x"], items["y"] = objects.hotspots
    # At least one row and column stay inside.
    items["margin_x"], items["margin_y"] = np.maximum(cut, 1 - sides)
    items["kind"], items["place"] = integers.kind, integers.place
    items["on_cell"], items["group_id"] = integers.on_cell, objects.group_id
    items["max_overlap"], items["spacing"] = floats.overlap * area, floats.spacing
    overlaps = [0.0 if group is None else group.overlap for group in objects.groups]
    items["group_overlap"] = np.array(overlaps)[objects.group_id]
    items["dx"], items["dy"] = offsets
    return items


def shore_records(shore: Shoreline | None) -> tuple[Rows[ShoreLine], Rows[ShoreWave]]:
    """A shoreline as one `ShoreLine` and its waves; of no shore, one that is not to be asked."""
    if shore is None:
        return NO_SHORE
    waves = np.array([(w.amplitude, w.length, w.phase) for w in shore.waves], SHORE_WAVE)
    line = math.cos(shore.angle), math.sin(shore.angle), shore.offset
    return np.array([line], SHORE_LINE), waves


def cells_of(grid: GridRules, zoom: float, start: tuple[float, float], size: Point) -> Rows[Cell]:
    """All cells of which something can be seen, and some around them.

    Args:
        zoom: of the cells; `grid` tells them at 1.
        start: the middle of one in a column that is not shifted.
        size: width and height of the image.
    """
    (across, along), (x, y) = (step * zoom for step in grid.step), start
    first, top = -1 - math.ceil(x / across), -2 - math.ceil(y / along)
    columns = np.arange(first, first + math.ceil(size[0] / across) + 3)[:, None]
    rows = np.arange(top, top + math.ceil(size[1] / along) + 4)
    cells = np.empty((len(columns), len(rows)), CELL)
    cells["x"] = np.rint(x + columns * across)
    cells["y"] = np.rint(y + rows * along + columns % 2 * (grid.stagger * zoom))
    return cells.reshape(-1)
