"""What the arrays of games hold. The compiled loops read and fill these records, each of which is
declared once: a class has the fields, and the type that numpy keeps in an array follows from it.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar, get_type_hints, overload

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.rules import ACTION_SIZE

Numbers: TypeAlias = npt.NDArray[np.int32]
Row = TypeVar("Row", covariant=True)
STORED = {
    int: np.dtype(np.int32),
    np.uint64: np.dtype(np.uint64),
    Numbers: np.dtype((np.int32, (ACTION_SIZE,))),
}
"""How numpy keeps the fields of a record."""


class RecordRows(Protocol[Row]):
    """An array of records, each of which reads and writes the array."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Row: ...


class RecordTable(Protocol[Row]):
    """An array of records with two axes."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @overload
    def __getitem__(self, row: int, /) -> RecordRows[Row]: ...

    @overload
    def __getitem__(self, place: tuple[int, int], /) -> Row: ...


class EntityRecord(Protocol):
    """An entity of a game.

    Attributes:
        present: 1 while it is on the map.
        kind, owner: `rules.Kind`; number of the player, -1 for nobody.
        x, y: where it is, in `rules.SUBPIXELS`, as its other places.
        carries: also what a mine, bush or sheep holds.
        order: `rules.Order`.
        target: slot of what it attacks or gathers from, or -1.
        goal_x, goal_y: where it goes.
        way_x, way_y: the point it walks to next, on the way to its goal.
        job: slot of where a worker goes back to, or -1.
        cooldown: ticks until it can strike or gather again.
        heading: sixteenths of a turn from the right, downwards.
    """

    present: int
    kind: int
    owner: int
    x: int
    y: int
    hit_points: int
    carries: int
    order: int
    target: int
    goal_x: int
    goal_y: int
    way_x: int
    way_y: int
    job: int
    cooldown: int
    heading: int


class MemoryRecord(Protocol):
    """What a side remembers of an entity; `tick` is when it was last seen, or -1."""

    tick: int
    x: int
    y: int
    hit_points: int
    carries: int


class PlayerRecord(Protocol):
    """A player: `selected` has a bit for each unit; `stock` is what was brought home."""

    selected: int
    stock: int
    score: int


class ClockRecord(Protocol):
    """A game as a whole.

    Attributes:
        random: the state of the game's own stream of chance.
        result: `rules.Result`.
        map: number of its map.
    """

    random: np.uint64
    tick: int
    result: int
    map: int


class ScriptRecord(Protocol):
    """A scripted player's own record.

    Attributes:
        random: the state of its stream of chance.
        level: its place in `scripted.SKILLS`, -1 for none.
        next: the tick of its next decision.
        due: the tick in which `action` is done.
        goal: `scripted.Goal`.
        target: slot of whom it fights, or -1.
        action: int32 [5], as one of `Games.step`.
    """

    random: np.uint64
    level: int
    next: int
    due: int
    goal: int
    target: int
    action: Numbers


def _stored(record: type) -> np.dtype[np.void]:
    """The type of an array of such records."""
    return np.dtype([(name, STORED[kind]) for name, kind in get_type_hints(record).items()])


ENTITY_DTYPE, MEMORY_DTYPE = _stored(EntityRecord), _stored(MemoryRecord)
PLAYER_DTYPE, CLOCK_DTYPE = _stored(PlayerRecord), _stored(ClockRecord)
SCRIPT_DTYPE = _stored(ScriptRecord)
