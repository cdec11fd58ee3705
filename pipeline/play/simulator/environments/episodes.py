"""Games of one learning player against scripted ones: what both environments are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from pipeline.play.simulator.games import Actions, GameError, Games
from pipeline.play.simulator.observation import (
    STATUS,
    UNKNOWN_GROUND,
    Column,
    Observations,
    observe,
)
from pipeline.play.simulator.rules import (
    ACTION_SIZE,
    FIGURES,
    FOG_CELLS,
    MAP_SIDE,
    MAX_TICKS,
    SIDES,
    SLOTS,
    Act,
    Key,
    Kind,
    Order,
    Result,
)
from pipeline.play.simulator.scripted import ScriptedPlayers

PLAYER = 0
"""Who learns; the opponent is the other one."""
POINTS_A_REWARD = 100
"""Points of score that are worth as much as winning."""


def action_space(players_a_side: int = 1) -> spaces.MultiDiscrete:
    """What a player can do in one step: `rules.Act`, entity, x, y, `rules.Key`.

    Entity 0 is none, and x and y are then a point of the map in pixels; others are an id and one
    more, and x and y are the place beside it, moved by half the map so that they begin at zero.
    """
    entities = SIDES * SLOTS * players_a_side + 1
    return spaces.MultiDiscrete([len(Act), entities, MAP_SIDE, MAP_SIDE, len(Key)])


def observation_space(players_a_side: int = 1) -> spaces.Dict:
    """`observation.Observations` of one game."""
    slots = SIDES * SLOTS * players_a_side
    high = {
        Column.ID: slots - 1,
        Column.KIND: len(Kind) - 1,
        Column.OWNER: 3,
        Column.X: MAP_SIDE - 1,
        Column.Y: MAP_SIDE - 1,
        Column.HIT_POINTS: max(figures.hit_points for figures in FIGURES.values()),
        Column.CARRIES: max(figures.capacity for figures in FIGURES.values()),
        Column.KNOWN: 2,
        Column.SELECTED: 1,
        Column.ORDER: len(Order) - 1,
        Column.AGE: MAX_TICKS,
        Column.HEADING: 15,
    }
    low = np.zeros((slots, len(Column)), np.int32)
    low[:, Column.ID] = -1
    highest = np.tile(np.array([high[column] for column in Column], np.int32), (slots, 1))
    status = np.array([MAX_TICKS, 1 << 20, 1 << 20, len(Result) - 1], np.int32)
    return spaces.Dict(
        {
            "entities": spaces.Box(low, highest, dtype=np.int32),
            "status": spaces.Box(np.zeros(len(STATUS), np.int32), status, dtype=np.int32),
            "ground": spaces.Box(0, UNKNOWN_GROUND, (FOG_CELLS, FOG_CELLS), np.uint8),
        }
    )


def to_actions(chosen: npt.NDArray[np.integer[Any]]) -> Actions:
    """Actions of the space as the game takes them, int32 [games, 5] both."""
    actions = np.array(chosen, np.int32).reshape(-1, ACTION_SIZE)
    actions[:, 1] -= 1
    actions[actions[:, 1] >= 0, 2:4] -= MAP_SIDE // 2
    return actions


def to_choice(actions: Actions) -> npt.NDArray[np.int64]:
    """The reverse of `to_actions`, for learning from players who do not choose from the space."""
    chosen = actions.astype(np.int64).reshape(-1, ACTION_SIZE)
    chosen[chosen[:, 1] >= 0, 2:4] += MAP_SIDE // 2
    chosen[:, 1] += 1
    return chosen


@dataclass
class Episodes:
    """Games in a batch, each with its opponent; begun again one by one.

    Attributes:
        opponent: name of a scripted player.
        ticks: of the game in one step.
    """

    games: Games
    players: ScriptedPlayers
    opponent: str
    ticks: int

    @classmethod
    def start(cls, seeds: Sequence[int], opponent: str, ticks: int) -> Episodes:
        """New games.

        Raises:
            GameError: no such opponent, or steps of no ticks.
        """
        if ticks < 1:
            raise GameError("A step must last a tick at least.", "Set ticks_per_step to 1 or more.")
        players = ScriptedPlayers.start(seeds, (None, opponent))
        return cls(Games.start(seeds), players, opponent, ticks)

    def restart(self, chosen: npt.NDArray[np.intp], seeds: Sequence[int]) -> None:
        """Begin some of the games again."""
        self.games.put(chosen, Games.start(seeds))
        fresh = ScriptedPlayers.start(seeds, (None, self.opponent))
        self.players.scripts[chosen] = fresh.scripts

    def step(self, chosen: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """One step of all games.

        Args:
            chosen: of `action_space`, one a game; done in the first tick.

        Returns:
            Rewards, float64 [games]: a hundredth for every point by which the lead in score grows,
            and 1 for winning, -1 for losing.
        """
        before, running = self._leads(), self.games.clocks["result"] == Result.RUNNING
        actions = self.games.no_actions()
        actions[:, PLAYER] = to_actions(chosen)
        for _tick in range(self.ticks):
            self.games.step(self.players.act(self.games, actions))
            actions = self.games.no_actions()
        result = self.games.clocks["result"]
        outcome = (result == Result.FIRST_SIDE).astype(float) - (result == Result.SECOND_SIDE)
        rewards: npt.NDArray[np.float64] = (
            self._leads() - before
        ) / POINTS_A_REWARD + outcome * running
        return rewards

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """Which games have ended."""
        return np.asarray(self.games.clocks["result"] != Result.RUNNING)

    def observe(self) -> Observations:
        """What the learning player knows."""
        return observe(self.games, PLAYER)

    def _leads(self) -> npt.NDArray[np.int64]:
        score = self.games.players["score"].astype(np.int64)
        return np.asarray(score[:, 0] - score[:, 1])


def new_seeds(rng: np.random.Generator, count: int) -> list[int]:
    """Seeds of games from a stream."""
    return [int(seed) for seed in rng.integers(0, 1 << 62, count)]
