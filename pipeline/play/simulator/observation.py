"""What a player knows of a game: a set of entities, each in sight or remembered.

Nothing else of a game reaches a player. What is out of sight is where, and as, its side last saw
it; an entity whose remembered place is in sight and empty is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.games import Games, kernel_tables
from pipeline.play.simulator.rules import FOG_CELLS, SIDES

UNKNOWN_GROUND = 3
"""Ground where a side has never looked; all else is `rules.Ground`."""


class Column(IntEnum):
    """What the numbers of an entity are."""

    ID = 0
    """Its slot, the same for the whole game; -1 in a row that is empty."""
    KIND = 1
    OWNER = 2
    """0 the player, 1 an ally, 2 an enemy, 3 nobody."""
    X = 3
    Y = 4
    """Pixels of the map."""
    HIT_POINTS = 5
    CARRIES = 6
    """Also what a mine, bush or sheep holds."""
    KNOWN = 7
    """0 not at all, 1 in sight, 2 remembered."""
    SELECTED = 8
    ORDER = 9
    """`rules.Order` of the player's own units, else 0."""
    AGE = 10
    """Ticks since it was last seen."""
    HEADING = 11
    """Sixteenths of a turn from the right, downwards; 0 for what is remembered."""


STATUS = ("tick", "stock", "score", "result")
"""What a player knows beside entities: of the game, and of itself."""


@dataclass(frozen=True, eq=False)
class Observations:
    """What one player knows in each of many games.

    Attributes:
        entities: int32 [games, slots, 12], by `Column`; what is not known is a row of zeros with
            the id -1.
        status: int32 [games, 4], as `STATUS`.
        ground: uint8 [games, 32, 32]: `rules.Ground` by cell of the fog, or UNKNOWN_GROUND.
    """

    entities: npt.NDArray[np.int32]
    status: npt.NDArray[np.int32]
    ground: npt.NDArray[np.uint8]


def observe(games: Games, player: int) -> Observations:
    """What a player knows in all of the games.

    Args:
        player: 0 up to the number of players of both sides.
    """
    from pipeline.play.simulator.player_kernel import observe_games

    entities = np.zeros((len(games), games.slot_count, len(Column)), np.int32)
    status = np.zeros((len(games), len(STATUS)), np.int32)
    observe_games(
        games.entities, games.players, games.memory, games.clocks, player, entities, status
    )
    return Observations(entities, status, known_ground(games, side_of(games, player)))


def side_of(games: Games, player: int) -> int:
    """0 or 1."""
    return player * SIDES // games.player_count


def known_ground(games: Games, side: int) -> npt.NDArray[np.uint8]:
    """The ground as far as a side has explored it, uint8 [games, 32, 32]."""
    tables = kernel_tables()
    tables.load_maps(games.clocks["map"])
    shape = (len(games), FOG_CELLS // 2, 1, FOG_CELLS // 2, 1)
    ground = tables.ground[games.clocks["map"]].reshape(shape)
    whole = np.broadcast_to(ground, (len(games), 16, 2, 16, 2)).reshape(-1, FOG_CELLS, FOG_CELLS)
    return np.where(lit_cells(games.explored[:, side]), whole, np.uint8(UNKNOWN_GROUND))


def lit_cells(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Bits of the fog's words as cells: [..., 32] to bool [..., 32, 32]."""
    bits = words[..., None] >> np.arange(FOG_CELLS, dtype=np.uint32)
    return (bits & np.uint32(1)).astype(bool)
