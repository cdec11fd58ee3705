"""Maps: land, water and obstacles, who begins where, and the way around what is in the way.

A map follows from its number alone, by whole numbers, or is one of those that somebody has drawn
(`hand_made`), whose numbers come after. It is the same turned by half a circle, so that no side
has the better one. All of its land hangs together, and so has its lake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.rules import (
    CELL,
    GROUND_CELLS,
    PLAYER_RESOURCES,
    RESOURCES,
    SHEEP,
    UNITS,
    Ground,
    Kind,
)

if TYPE_CHECKING:
    from pipeline.play.simulator.hand_made.map_drawings import MapDrawing

MAPS = 32
"""How many follow from their numbers; games that begin with a seed are on these."""
CELLS = GROUND_CELLS * GROUND_CELLS
FAR = np.uint16(30_000)
"""Longer than any way, for none; twice as much still fits into 16 bits."""
UNREACHABLE = 8
"""A way that there is not; ways are numbered as `STEPS`."""
STEPS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
"""Columns and rows to the eight neighbours of a cell."""
WATER_PER_MILLE, OBSTACLES = 130, 9
"""Water beside the lake, and pairs of cells with trees or rocks."""

Grid = npt.NDArray[np.uint8]
Place = tuple[int, int]
"""x and y, in pixels of the map."""
Cell = tuple[int, int]
"""Column and row."""


@dataclass(frozen=True, eq=False)
class GameMap:
    """One map.

    Attributes:
        ground: uint8 [16, 16], `Ground` by row and column.
        ways: uint8 [2, 256, 256]: for units on land and afloat, by the cell they want to reach and
            the cell they are in: the next of `STEPS`, or UNREACHABLE.
        nearest: uint8 [2, 256]: for units on land and afloat, the cell nearest to each that they
            can reach.
        keeps, units, resources, sheep: places of the first side; those of the second lie opposite.
            For four players a side; with fewer the first are taken. Drawn maps have places for one
            player a side, and none for a warship where they have no lake for it.
    """

    ground: Grid
    ways: Grid
    nearest: Grid
    keeps: tuple[Place, ...]
    units: tuple[tuple[Place | None, ...], ...]
    resources: tuple[tuple[Place, ...], ...]
    sheep: tuple[tuple[Place, ...], ...]


def opposite(place: Place) -> Place:
    """The same place for the other side."""
    side = CELL * GROUND_CELLS
    return side - 1 - place[0], side - 1 - place[1]


def map_count() -> int:
    """How many maps there are, drawn ones too."""
    return MAPS + len(_drawings())


@cache
def map_of(number: int) -> GameMap:
    """The map of that number, 0 to `map_count()` - 1."""
    return _drawn_map(_drawings()[number - MAPS]) if number >= MAPS else _made_map(number)


def _drawings() -> Sequence[MapDrawing]:
    # The program of a training job does without them, and without a reader of their file.
    from pipeline.play.simulator.hand_made.map_drawings import map_drawings

    return map_drawings()


def _made_map(number: int) -> GameMap:
    attempt = 0
    while True:
        stream = Stream((number << 16) + attempt)
        ground = _ground(stream)
        land = _component(ground == Ground.LAND, BASES[0])
        if all(land[row, column] for column, row in BASES) and _mostly_whole(ground, land):
            break
        attempt += 1
    lake = _component(ground == Ground.WATER, MIDDLE)
    ground[(ground == Ground.LAND) & ~land] = Ground.OBSTACLE
    ways = np.stack([_ways(land), _ways(lake)])
    nearest = np.stack([_nearest(land), _nearest(lake)])
    taken: set[Cell] = set()
    resources = tuple(
        tuple(_free_place(stream, land, base, (2, 4), taken) for _ in range(RESOURCES))
        for base in BASES
    )
    sheep = tuple(
        tuple(_free_place(stream, land, base, (4, 7), taken) for _ in range(SHEEP))
        for base in BASES
    )
    keeps = tuple(_middle(base) for base in BASES)
    units = tuple(_unit_places(base, number) for number, base in enumerate(BASES))
    return GameMap(ground, ways, nearest, keeps, units, resources, sheep)


def _drawn_map(drawing: MapDrawing) -> GameMap:
    ground = np.array(drawing.ground(), np.uint8)
    (base,), ships = drawing.cells_of(Kind.KEEP), drawing.cells_of(Kind.WARSHIP)
    land = _component(ground == Ground.LAND, base)
    lake = _component(ground == Ground.WATER, ships[0]) if ships else np.zeros_like(land)
    ground[(ground == Ground.LAND) & ~land] = Ground.OBSTACLE
    left = {kind: list(drawing.cells_of(kind)) for kind in set(PLAYER_RESOURCES)}
    resources = tuple(_middle(left[kind].pop(0)) for kind in PLAYER_RESOURCES)
    sheep = tuple(_middle(cell) for cell in drawing.cells_of(Kind.SHEEP))
    units = (*_beside(base), _middle(ships[0]) if ships else None)
    return GameMap(
        ground,
        np.stack([_ways(land), _ways(lake)]),
        np.stack([_nearest(land), _nearest(lake)]),
        keeps=(_middle(base),),
        units=(units,),
        resources=(resources,),
        sheep=(sheep,),
    )


BASES: tuple[Cell, ...] = ((2, 2), (6, 1), (1, 6), (10, 1))
"""Where the keeps of up to four players of the first side stand."""
MIDDLE: Cell = (8, 8)


class Stream:
    """Whole numbers from a seed: SplitMix64 (Steele, Lea, Flood 2014)."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _WORD

    def below(self, limit: int) -> int:
        """From 0 to `limit` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _WORD
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
        return (mixed ^ (mixed >> 31)) % limit


_WORD = (1 << 64) - 1


def _ground(stream: Stream) -> Grid:
    """A lake in the middle, ponds, and obstacles; nothing near a keep."""
    ground = np.zeros((GROUND_CELLS, GROUND_CELLS), np.uint8)
    lattice = [[stream.below(256) for _ in range(5)] for _ in range(5)]
    height = np.array(
        [[_blended(lattice, column, row) for column in range(16)] for row in range(16)]
    )
    height = height + height[::-1, ::-1]  # The same from both sides.
    level = np.sort(height, axis=None)[CELLS * WATER_PER_MILLE // 1000]
    ground[height < level] = Ground.WATER
    wide, deep = 2 + stream.below(2), 2 + stream.below(2)
    ground[8 - deep : 8 + deep, 8 - wide : 8 + wide] = Ground.WATER
    for _ in range(OBSTACLES):
        column, row = stream.below(GROUND_CELLS), stream.below(GROUND_CELLS)
        if ground[row, column] == Ground.LAND:
            ground[row, column] = ground[15 - row, 15 - column] = Ground.OBSTACLE
    for column, row in BASES:
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                x, y = column + dx, row + dy
                ground[y, x] = ground[15 - y, 15 - x] = Ground.LAND
    return ground


def _blended(lattice: list[list[int]], column: int, row: int) -> int:
    """Between the four values around it, of a lattice with a value every four cells."""
    x, y = divmod(column, 4), divmod(row, 4)
    upper = lattice[y[0]][x[0]] * (4 - x[1]) + lattice[y[0]][x[0] + 1] * x[1]
    lower = lattice[y[0] + 1][x[0]] * (4 - x[1]) + lattice[y[0] + 1][x[0] + 1] * x[1]
    return upper * (4 - y[1]) + lower * y[1]


def _mostly_whole(ground: Grid, land: npt.NDArray[np.bool_]) -> bool:
    """Whether hardly any land is cut off, and the other side's keeps are on the same."""
    cut_off = int((ground == Ground.LAND).sum() - land.sum())
    return cut_off <= 12 and all(bool(land[15 - row, 15 - column]) for column, row in BASES)


def _component(passable: npt.NDArray[np.bool_], start: Cell) -> npt.NDArray[np.bool_]:
    """The cells that hang together with one, side by side."""
    reached = np.zeros_like(passable)
    todo = [start]
    while todo:
        column, row = todo.pop()
        inside = 0 <= column < GROUND_CELLS and 0 <= row < GROUND_CELLS
        if inside and passable[row, column] and not reached[row, column]:
            reached[row, column] = True
            todo += [(column + dx, row + dy) for dx, dy in STEPS[::2]]
    return reached


def _ways(passable: npt.NDArray[np.bool_]) -> Grid:
    """The first step of a shortest way, by goal and start; corners are not cut."""
    wall = np.pad(~passable, 1, constant_values=True)
    steps = [(_open_cells(wall, step), step[1] * GROUND_CELLS + step[0]) for step in STEPS]
    costs = [np.uint16(14 if dx and dy else 10) for dx, dy in STEPS]
    lengths = np.full((CELLS, CELLS), FAR)
    np.fill_diagonal(lengths, 0)
    for (start, to_next), cost in zip(steps, costs, strict=True):
        lengths[start, start + to_next] = cost
    for via in range(CELLS):  # Floyd and Warshall's algorithm.
        np.minimum(lengths, lengths[:, via, None] + lengths[via], out=lengths)
    candidates = np.full((len(STEPS), CELLS, CELLS), FAR)
    for by_step, (start, to_next), cost in zip(candidates, steps, costs, strict=True):
        by_step[:, start] = lengths[:, start + to_next] + cost
    ways: Grid = candidates.argmin(axis=0).astype(np.uint8)
    ways[candidates.min(axis=0) >= FAR] = UNREACHABLE
    return ways


def _open_cells(wall: npt.NDArray[np.bool_], step: Cell) -> npt.NDArray[np.intp]:
    """The cells from which that step can be taken."""
    dx, dy = step
    blocked = wall[1:-1, 1:-1].copy()
    for across, along in ((dx, dy), (dx, 0), (0, dy)):
        blocked |= wall[1 + along : 17 + along, 1 + across : 17 + across]
    return np.flatnonzero(~blocked)


def _nearest(passable: npt.NDArray[np.bool_]) -> Grid:
    rows, columns = np.nonzero(passable)
    if not len(rows):
        return np.zeros(CELLS, np.uint8)
    all_rows, all_columns = np.divmod(np.arange(CELLS), GROUND_CELLS)
    distances = (all_rows[:, None] - rows) ** 2 + (all_columns[:, None] - columns) ** 2
    best = distances.argmin(axis=1)
    cells: Grid = (rows[best] * GROUND_CELLS + columns[best]).astype(np.uint8)
    return cells


def _free_place(
    stream: Stream,
    land: npt.NDArray[np.bool_],
    base: Cell,
    distances: tuple[int, int],
    taken: set[Cell],
) -> Place:
    """The middle of a cell of land at about that distance, in cells, from a keep."""
    near, far = distances
    while True:
        cell = (
            min(max(base[0] + stream.below(2 * far + 1) - far, 0), GROUND_CELLS - 1),
            min(max(base[1] + stream.below(2 * far + 1) - far, 0), GROUND_CELLS - 1),
        )
        apart = max(abs(cell[0] - base[0]), abs(cell[1] - base[1]))
        mirrored = (15 - cell[0], 15 - cell[1])
        free = cell not in taken and mirrored not in taken and cell != mirrored
        if free and near <= apart <= far and land[cell[1], cell[0]] and _is_own_half(cell, base):
            taken |= {cell, mirrored}
            return _middle(cell)


def _is_own_half(cell: Cell, base: Cell) -> bool:
    """Whether it is nearer to its own keep than to the one opposite."""
    other = (15 - base[0], 15 - base[1])
    own = (cell[0] - base[0]) ** 2 + (cell[1] - base[1]) ** 2
    return own < (cell[0] - other[0]) ** 2 + (cell[1] - other[1]) ** 2


def _middle(cell: Cell) -> Place:
    return cell[0] * CELL + CELL // 2, cell[1] * CELL + CELL // 2


def _unit_places(base: Cell, player: int) -> tuple[Place, ...]:
    """The ship lies on the lake."""
    return (*_beside(base), (6 * CELL + 12 + 10 * player, 6 * CELL + 12))


def _beside(base: Cell) -> tuple[Place, ...]:
    """Two rows beside the keep, for all units but the ship."""
    x, y = _middle(base)
    return tuple((x - 40 + 26 * (n % 4), y + 46 + 24 * (n // 4)) for n in range(UNITS - 1))
