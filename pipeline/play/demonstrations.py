"""Play as something to learn from: what a player knew before each tick, and what it did in it.

Recordings and scripted players both become demonstrations, and policies learn from nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import STATUS, Column, observe
from pipeline.play.simulator.rules import ACTION_SIZE, MAX_TICKS, SIDES, Result
from pipeline.play.simulator.scripted import ScriptedPlayers

UNSTATED = -1
"""A goal of which nothing is known."""


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One player's play of one game, a twentieth of a second a row.

    Attributes:
        name: of the session; what is learned and what is held out are split by it.
        player: who acted, as `scripted.SKILLS` or a recording names it.
        entities: int16 [ticks, slots, 12], as `observation.Observations` before each tick.
        status: int32 [ticks, 4], as there.
        actions: int32 [ticks, 5], as `Games.step` takes them.
        goals: int8 [ticks], `scripted.Goal` or UNSTATED.
        targets: int16 [ticks], slot of whom the player fights, or -1.
        scores: int32 [ticks + 1, 2]: of the player and of its opponent, also after the last tick.
        outcome: 1 won, 0 a draw or not played to the end, -1 lost.
    """

    name: str
    player: str
    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    goals: npt.NDArray[np.int8]
    targets: npt.NDArray[np.int16]
    scores: npt.NDArray[np.int32]
    outcome: int

    def __len__(self) -> int:
        return len(self.actions)


def demonstrate(player: str, opponent: str, seeds: Sequence[int]) -> list[Demonstration]:
    """Let a scripted player play, on the first side in games of even number, and watch it.

    Args:
        player, opponent: names in `scripted.SKILLS`.
        seeds: one a game.

    Returns:
        One a game, which ends with its last tick; 4 MB each.

    Raises:
        GameError: no such player, or a seed out of range.
    """
    sides = np.arange(len(seeds)) % SIDES
    names = ((player, opponent), (opponent, player))
    scripts = np.concatenate(
        [
            ScriptedPlayers.start([seed], names[side]).scripts
            for seed, side in zip(seeds, sides, strict=True)
        ]
    )
    games, players = Games.start(seeds), ScriptedPlayers(scripts)
    return _watch(games, players, sides, [f"{player}-{opponent}-{seed}" for seed in seeds])


def _watch(
    games: Games, players: ScriptedPlayers, sides: npt.NDArray[np.int_], names: Sequence[str]
) -> list[Demonstration]:
    count, slots = len(games), games.slot_count
    every = np.arange(count)
    entities = np.zeros((MAX_TICKS, count, slots, len(Column)), np.int16)
    status = np.zeros((MAX_TICKS, count, len(STATUS)), np.int32)
    actions = np.zeros((MAX_TICKS, count, ACTION_SIZE), np.int32)
    goals = np.zeros((MAX_TICKS, count), np.int8)
    targets = np.zeros((MAX_TICKS, count), np.int16)
    scores = np.zeros((MAX_TICKS + 1, count, SIDES), np.int32)
    ticks = np.full(count, MAX_TICKS)
    order = np.stack([sides, 1 - sides], axis=1)
    for tick in range(MAX_TICKS):
        seen = [observe(games, side) for side in range(SIDES)]
        entities[tick] = np.stack([view.entities for view in seen])[sides, every]
        status[tick] = np.stack([view.status for view in seen])[sides, every]
        chosen = players.act(games)
        actions[tick] = chosen[every, sides]
        goals[tick] = players.scripts["goal"][every, sides]
        targets[tick] = players.scripts["target"][every, sides]
        running = games.clocks["result"] == Result.RUNNING
        games.step(chosen)
        scores[tick + 1] = np.take_along_axis(games.players["score"], order, axis=1)
        ended = games.clocks["result"] != Result.RUNNING
        ticks[running & ended] = tick + 1
        if ended.all():
            break
    return [
        Demonstration(
            names[game],
            names[game].split("-", 1)[0],
            entities[: ticks[game], game],
            status[: ticks[game], game],
            actions[: ticks[game], game],
            goals[: ticks[game], game],
            targets[: ticks[game], game],
            scores[: ticks[game] + 1, game],
            outcome_of(int(games.clocks["result"][game]), int(sides[game])),
        )
        for game in range(count)
    ]


def outcome_of(result: int, side: int) -> int:
    """How a game has ended for a side: 1 won, 0 neither, -1 lost."""
    outcomes: dict[Any, tuple[int, int]] = {Result.FIRST_SIDE: (1, -1), Result.SECOND_SIDE: (-1, 1)}
    return outcomes.get(Result(result), (0, 0))[side]
