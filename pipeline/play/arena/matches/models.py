"""Whatever has learned in the environments, as a player of many games."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.play.simulator.environments.episodes import action_space, to_actions
from pipeline.play.simulator.environments.perspective import actions_of_player, observe_as_first
from pipeline.play.simulator.environments.single import TICKS_PER_STEP
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.rules import ACTION_SIZE, SIDES, Result


class ModelError(OutpostError):
    """A model that does not answer as the environments ask."""


@runtime_checkable
class Model(Protocol):
    """A policy as Stable-Baselines3 has it."""

    def predict(
        self, observation: Mapping[str, npt.NDArray[Any]], *, deterministic: bool
    ) -> tuple[Any, Any]:
        """Actions for many games, and a state that nobody reads.

        Args:
            observation: `entities`, `status` and `ground` as `observation.Observations`.

        Returns:
            int [games, 5], of the environments' action space.
        """


@dataclass(eq=False)
class ModelSide:
    """A model at play on one side of many games, for every player of it.

    Each sees and acts as if it were the first player, at the pace of the environments.

    Attributes:
        sides: int [games], on which it plays.
        deterministic: whether it does what it deems best, or draws.
        ticks_per_step: from one action to the next.
    """

    model: Model
    sides: npt.NDArray[np.int_]
    deterministic: bool = True
    ticks_per_step: int = TICKS_PER_STEP
    _tick: int = field(default=0, init=False)

    def act(self, games: Games, actions: Actions | None = None) -> Actions:
        """As `simulator.matches.Player`."""
        chosen = games.no_actions() if actions is None else actions
        if self._tick % self.ticks_per_step == 0:
            a_side = games.player_count // SIDES
            for player in range(games.player_count):
                mine = (self.sides == player // a_side) & (games.clocks["result"] == Result.RUNNING)
                if mine.any():
                    numbers = np.flatnonzero(mine)
                    chosen[numbers, player] = self._ask(games.rows(numbers), player)
        self._tick += 1
        return chosen

    def _ask(self, games: Games, player: int) -> Actions:
        known = observe_as_first(games, player)
        told: dict[str, npt.NDArray[Any]] = {
            "entities": known.entities,
            "status": known.status,
            "ground": known.ground,
        }
        answer = np.asarray(self.model.predict(told, deterministic=self.deterministic)[0])
        most = action_space(games.player_count // SIDES).nvec
        is_whole = answer.shape == (len(games), ACTION_SIZE) and answer.dtype.kind in "iu"
        if not is_whole or (answer < 0).any() or (answer >= most).any():
            raise ModelError(
                f"The model answers {len(games)} games with {answer.dtype} {list(answer.shape)}, "
                "or with what is no action.",
                "Let it choose from the environment's action space, in whole numbers.",
            )
        return actions_of_player(to_actions(answer), games, player)
