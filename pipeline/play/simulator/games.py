"""The state of many games as flat arrays, one row a game.

Nothing of a game is anywhere else: rows that are copied are the game saved, and rows written back
are the game restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.play.simulator.maps import (
    CELLS,
    MAPS,
    GameMap,
    Place,
    Stream,
    map_count,
    map_of,
    opposite,
)
from pipeline.play.simulator.records import (
    CLOCK_DTYPE,
    ENTITY_DTYPE,
    MEMORY_DTYPE,
    PLAYER_DTYPE,
)
from pipeline.play.simulator.rules import (
    ACTION_SIZE,
    FIGURES,
    FOG_CELLS,
    MAP_SIDE,
    NOBODY,
    NOTHING,
    PLAYER_RESOURCES,
    PLAYER_UNITS,
    SIDES,
    SLOTS,
    SUBPIXELS,
    Kind,
    Order,
    damage_table,
    figures_table,
    sight_masks,
)

MOST_PLAYERS_A_SIDE = 4

Records = npt.NDArray[np.void]
Actions = npt.NDArray[np.int32]


class GameError(OutpostError):
    """A game that cannot be set up, restored or played so."""


@dataclass(frozen=True, eq=False)
class Games:
    """Games in progress or at their end. `step` changes them in place.

    Players are numbered over both sides: with two a side, 0 and 1 are the first side's. Slots of
    entities are ordered: units of each player, keeps, resources of each player, what units leave
    behind when they fall (in their own order), sheep.

    Attributes:
        entities: `ENTITY_DTYPE` [games, slots].
        players: `PLAYER_DTYPE` [games, players].
        memory: `MEMORY_DTYPE` [games, 2, slots]: what each side knows.
        in_sight, explored: uint32 [games, 2, 32]: cells of the fog that each side sees, and has
            ever seen; a word a row, the lowest bit on the left.
        clocks: `CLOCK_DTYPE` [games].
    """

    entities: Records
    players: Records
    memory: Records
    in_sight: npt.NDArray[np.uint32]
    explored: npt.NDArray[np.uint32]
    clocks: Records

    @classmethod
    def start(cls, seeds: Sequence[int], players_a_side: int = 1) -> Games:
        """New games; each follows from its seed and the actions alone.

        Args:
            seeds: one a game, 0 to 2**63 - 1.

        Raises:
            GameError: no seeds, one out of range, or more than four players a side.
        """
        if not 1 <= players_a_side <= MOST_PLAYERS_A_SIDE:
            raise GameError(
                f"{players_a_side} players a side cannot play.",
                f"Choose 1 to {MOST_PLAYERS_A_SIDE}.",
            )
        if not len(seeds) or not all(0 <= seed < 1 << 63 for seed in seeds):
            raise GameError(
                "Games need a seed each, from 0 to 2**63 - 1.", "Pass seeds in that range."
            )
        draws = [Stream(int(seed)) for seed in seeds]
        numbers = [stream.below(MAPS) for stream in draws]
        rows = [_first_rows(number, players_a_side) for number in numbers]
        games = cls(*(np.stack([row[part] for row in rows]) for part in range(len(fields(cls)))))
        games.clocks["random"] = [1 + stream.below((1 << 63) - 1) for stream in draws]
        games.clocks["map"] = numbers
        return games

    def __len__(self) -> int:
        return len(self.clocks)

    @property
    def player_count(self) -> int:
        """Players of both sides."""
        return int(self.players.shape[1])

    @property
    def slot_count(self) -> int:
        """Entities that a game can have."""
        return int(self.entities.shape[1])

    def copy(self) -> Games:
        """The same games, changed by nobody else."""
        return Games(*(array.copy() for array in self._arrays()))

    def rows(self, chosen: npt.ArrayLike) -> Games:
        """Some of the games, by number, changed by nobody else."""
        return Games(*(array[np.asarray(chosen)] for array in self._arrays()))

    def put(self, chosen: npt.ArrayLike, games: Games) -> None:
        """Write games over some of these, by number."""
        for array, fresh in zip(self._arrays(), games._arrays(), strict=True):
            array[np.asarray(chosen)] = fresh

    def to_bytes(self, game: int) -> bytes:
        """One game's whole state."""
        return b"".join(array[game].tobytes() for array in self._arrays())

    @classmethod
    def from_bytes(cls, states: Iterable[bytes], players_a_side: int = 1) -> Games:
        """Games as `to_bytes` gave them.

        Raises:
            GameError: a state has another length or speaks of a map that there is not.
        """
        restored = [_from_bytes(state, players_a_side) for state in states]
        if not restored:
            raise GameError("There is no state to restore.", "Pass at least one.")
        games = (game._arrays() for game in restored)
        return cls(*(np.concatenate(parts) for parts in zip(*games, strict=True)))

    def no_actions(self) -> Actions:
        """Actions in which nobody does anything: int32 [games, players, 5], for `step`."""
        actions = np.zeros((len(self), self.player_count, ACTION_SIZE), np.int32)
        actions[..., 1] = NOTHING
        return actions

    def step(self, actions: Actions, ticks: int = 1) -> None:
        """Go on by some ticks, in place; a game that has ended stays as it is.

        Args:
            actions: int32 [games, players, 5]: what (`rules.Act`), entity or -1, x and y, key
                (`rules.Key`). With an entity, x and y are pixels from where the player last saw it;
                without one they are a point of the map. They are done in the first tick. What means
                nothing is as if nothing had been done.
            ticks: a twentieth of a second each.

        Raises:
            GameError: actions of another shape.
        """
        from pipeline.play.simulator.tick_kernel import step_games

        if actions.shape != (len(self), self.player_count, ACTION_SIZE):
            raise GameError(
                f"Actions have the shape {list(actions.shape)}.",
                f"Give one of {ACTION_SIZE} numbers for each of {len(self)} games and "
                f"{self.player_count} players.",
            )
        tables = kernel_tables()
        tables.load_maps(self.clocks["map"])
        step_games(
            self.entities,
            self.players,
            self.memory,
            self.in_sight,
            self.explored,
            self.clocks,
            np.ascontiguousarray(actions, np.int32),
            ticks,
            tables.ways,
            tables.nearest,
            tables.figures,
            tables.damage,
            tables.masks,
        )

    def _arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


class KernelTables:
    """What the compiled loops read beside the games: maps, by number, and the rules' figures."""

    def __init__(self) -> None:
        maps = map_count()
        self.ground = np.zeros((maps, CELLS), np.uint8)
        self.ways = np.zeros((maps, 2, CELLS, CELLS), np.uint8)
        self.nearest = np.zeros((maps, 2, CELLS), np.uint8)
        self.figures = figures_table()
        self.damage = damage_table()
        self.masks = sight_masks()
        self._loaded = np.zeros(maps, bool)

    def load_maps(self, numbers: npt.NDArray[np.int32]) -> None:
        """Make the maps of these numbers ready, where they are not."""
        for number in np.unique(numbers[~self._loaded[numbers]]).tolist():
            game_map = map_of(number)
            self.ground[number] = game_map.ground.ravel()
            self.ways[number] = game_map.ways
            self.nearest[number] = game_map.nearest
            self._loaded[number] = True


@cache
def kernel_tables() -> KernelTables:
    """The tables of this process."""
    return KernelTables()


def _from_bytes(state: bytes, players_a_side: int) -> Games:
    game = Games.start([0], players_a_side)
    arrays = game._arrays()
    expected = sum(array.nbytes for array in arrays)
    if len(state) != expected:
        raise GameError(
            f"A saved game has {len(state)} bytes in place of {expected}.",
            "Restore it with as many players a side as it was saved with.",
        )
    start = 0
    for array in arrays:
        part = np.frombuffer(state, array.dtype, array.size, start)
        array[...] = part.reshape(array.shape)
        start += array.nbytes
    if not _is_sound(game, players_a_side):
        raise GameError("A saved game is damaged.", "Play it again from its seed.")
    return game


def _is_sound(game: Games, players_a_side: int) -> bool:
    """Whether a game can be stepped: the compiled loops look at no index twice."""
    number = int(game.clocks["map"][0])
    # Drawn maps are for one against one.
    if not 0 <= number < (map_count() if players_a_side == 1 else MAPS):
        return False
    first, slots = _first_rows(number, players_a_side)[0], game.slot_count
    side = MAP_SIDE * SUBPIXELS
    entities = game.entities[0]
    for name in ("kind", "owner"):
        if (entities[name] != first[name]).any():
            return False
    places = [entities[name] for name in ("x", "y", "goal_x", "goal_y", "way_x", "way_y")]
    places += [game.memory["x"], game.memory["y"]]
    aimed = np.isin(entities["order"], (Order.ATTACK, Order.GATHER))
    return all(
        (
            all(((place >= 0) & (place < side)).all() for place in places),
            np.isin(entities["order"], list(Order)).all(),
            (entities["target"] >= np.where(aimed, 0, NOTHING)).all(),
            (entities["target"] < slots).all(),
            ((entities["job"] >= NOTHING) & (entities["job"] < slots)).all(),
            game.clocks["random"][0] != 0,
        )
    )


class FirstThing(NamedTuple):
    """An entity as a game begins.

    Attributes:
        owner: number of the player, NOBODY for what belongs to none.
        place: in pixels of the map; None for what is not there yet, or never.
        hit_points: those of its kind, if left out.
        holds: of what belongs to nobody; as much as its kind can, if left out.
    """

    kind: Kind
    owner: int
    place: Place | None
    hit_points: int | None = None
    holds: int | None = None


@cache
def _first_rows(number: int, players_a_side: int) -> tuple[npt.NDArray[Any], ...]:
    return first_rows(first_things(map_of(number), players_a_side), SIDES * players_a_side)


def first_rows(things: Sequence[FirstThing], players: int) -> tuple[npt.NDArray[Any], ...]:
    """The beginning of a game, with what both sides see; each part without the axis of games.

    Args:
        things: in the order of the slots.
        players: of both sides.
    """
    from pipeline.play.simulator.tick_kernel import look

    slots = players * SLOTS
    entities = np.zeros(slots, ENTITY_DTYPE)
    for name in ("owner", "target", "job"):
        entities[name] = NOTHING
    for slot, thing in enumerate(things):
        _place(entities[slot], thing)
    memory = np.zeros((SIDES, slots), MEMORY_DTYPE)
    memory["tick"] = -1
    in_sight, explored = np.zeros((2, SIDES, FOG_CELLS), np.uint32)
    clock = np.zeros((), CLOCK_DTYPE)
    tables = kernel_tables()
    tick: Any = clock["tick"][()]
    look(entities, memory, in_sight, explored, tick, players, tables.figures, tables.masks)
    return (entities, np.zeros(players, PLAYER_DTYPE), memory, in_sight, explored, clock)


def _place(entity: Any, thing: FirstThing) -> None:
    """Write an entity's record."""
    figures, present = FIGURES[thing.kind], thing.place is not None
    x, y = thing.place or (0, 0)
    entity["present"], entity["kind"], entity["owner"] = present, thing.kind, thing.owner
    for name in ("x", "goal_x", "way_x"):
        entity[name] = x * SUBPIXELS
    for name in ("y", "goal_y", "way_y"):
        entity[name] = y * SUBPIXELS
    full, most = figures.hit_points, figures.capacity
    entity["hit_points"] = full if thing.hit_points is None else thing.hit_points
    holds = most if thing.holds is None else thing.holds
    entity["carries"] = holds if present and thing.owner == NOBODY else 0
    entity["heading"] = 4


def first_things(game_map: GameMap, players_a_side: int = 1) -> list[FirstThing]:
    """Everything that a map begins with, in the order of the slots."""

    def places(of_first: Sequence[Place | None], side: int) -> list[Place | None]:
        return [opposite(place) if side and place else place for place in of_first]

    def by_player() -> Iterable[tuple[int, int, int]]:
        for player in range(SIDES * players_a_side):
            yield player, player // players_a_side, player % players_a_side

    things: list[FirstThing] = []
    for player, side, number in by_player():
        for kind, place in zip(PLAYER_UNITS, places(game_map.units[number], side), strict=True):
            things.append(FirstThing(kind, player, place))
    for player, side, number in by_player():
        things.append(FirstThing(Kind.KEEP, player, places([game_map.keeps[number]], side)[0]))
    for _player, side, number in by_player():
        resources = places(game_map.resources[number], side)
        for kind, place in zip(PLAYER_RESOURCES, resources, strict=True):
            things.append(FirstThing(kind, NOBODY, place))
    for _ in by_player():
        things += [FirstThing(Kind.SHEEP, NOBODY, None)] * len(PLAYER_UNITS)
    for _player, side, number in by_player():
        sheep = places(game_map.sheep[number], side)
        things += [FirstThing(Kind.SHEEP, NOBODY, at) for at in sheep]
    return things
