"""What each player knows and does, as if it were the first player.

The map is the same from both sides, half a turn apart. Seen so, a network that learns for one
player plays for every other: its own units have the first ids, its allies' the next, and its keep
lies where the first player's does.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import (
    STATUS,
    Column,
    Observations,
    observe,
    side_of,
)
from pipeline.play.simulator.rules import (
    MAP_SIDE,
    NOTHING,
    PLAYER_RESOURCES,
    SHEEP,
    SIDES,
    UNITS,
    Result,
)

BLOCKS = (UNITS, 1, len(PLAYER_RESOURCES), UNITS, SHEEP)
"""Slots of each player in the parts of a game's slots, as `games.Games` orders them."""
IN_SIGHT = 1
"""As `observation.Column.KNOWN` says."""
HALF_A_TURN, TURN = 8, 16
FROM_OTHER_SIDE = np.array(
    [Result.RUNNING, Result.SECOND_SIDE, Result.FIRST_SIDE, Result.DRAW], np.int32
)
"""A result as the other side would number it."""


def observe_as_first(games: Games, player: int) -> Observations:
    """What a player knows in all of the games, as if it were the first player.

    Args:
        player: 0 up to the number of players of both sides.
    """
    seen = observe(games, player)
    known = seen.entities[:, slots_as_first(games.player_count, player)]
    is_known = known[..., Column.ID] >= 0
    known[..., Column.ID] = np.where(is_known, np.arange(games.slot_count), NOTHING)
    status, ground = seen.status, seen.ground
    if side_of(games, player) == 1:
        places = known[..., [Column.X, Column.Y]]
        turned = np.where(is_known[..., None], MAP_SIDE - 1 - places, places)
        known[..., [Column.X, Column.Y]] = turned
        headings = (known[..., Column.HEADING] + HALF_A_TURN) % TURN
        sighted = is_known & (known[..., Column.KNOWN] == IN_SIGHT)
        known[..., Column.HEADING] = np.where(sighted, headings, known[..., Column.HEADING])
        status[:, STATUS.index("result")] = FROM_OTHER_SIDE[status[:, STATUS.index("result")]]
        ground = np.ascontiguousarray(ground[:, ::-1, ::-1])
    return Observations(known, status, ground)


def actions_of_player(actions: Actions, games: Games, player: int) -> Actions:
    """What a player does who has chosen as if it were the first.

    Args:
        actions: int32 [games, 5], as of the first player.

    Returns:
        int32 [games, 5], as `games.Games.step` takes them of that player.
    """
    slots = slots_as_first(games.player_count, player)
    entities, places = actions[:, 1], actions[:, 2:4]
    is_pointed = entities >= 0
    chosen = actions.copy()
    chosen[:, 1] = np.where(is_pointed, slots[np.maximum(entities, 0)], NOTHING)
    if side_of(games, player) == 1:
        chosen[:, 2:4] = np.where(is_pointed[:, None], -places, MAP_SIDE - 1 - places)
    return chosen


@cache
def slots_as_first(player_count: int, player: int) -> npt.NDArray[np.int_]:
    """Which slots a player finds in the place of each of the first player's: int [slots]."""
    a_side = player_count // SIDES
    side = player // a_side
    own = range(side * a_side, (side + 1) * a_side)
    others = range((1 - side) * a_side, (2 - side) * a_side)
    order = [player, *(ally for ally in own if ally != player), *others]
    parts, begin = [], 0
    for width in BLOCKS:
        parts += [begin + other * width + np.arange(width) for other in order]
        begin += player_count * width
    slots = np.concatenate(parts)
    slots.setflags(write=False)
    return slots
