"""Many games as one vector environment of Gymnasium: one compiled loop steps all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from pipeline.play.simulator.environments.episodes import (
    Episodes,
    action_space,
    new_seeds,
    observation_space,
)
from pipeline.play.simulator.environments.single import TICKS_PER_STEP, Observation
from pipeline.play.simulator.games import GameError

Flags = npt.NDArray[np.bool_]


class SkirmishVectorEnv(VectorEnv[Observation, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """Games in a batch, each as `single.SkirmishEnv` has one.

    A game that has ended begins again in the next step, whose action is not done there and whose
    reward is zero (`AutoresetMode.NEXT_STEP`).

    Args:
        num_envs: games at the same time.
        opponent: name of a scripted player (`scripted.SKILLS`).
        ticks_per_step: of the game, of which a second has 20.

    Raises:
        GameError: there is no such opponent.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as Gymnasium declares it
        "autoreset_mode": AutoresetMode.NEXT_STEP
    }

    def __init__(
        self,
        num_envs: int,
        opponent: str = "scripted_l3",
        ticks_per_step: int = TICKS_PER_STEP,
    ) -> None:
        self.num_envs = num_envs
        self.single_action_space = action_space()
        self.single_observation_space = observation_space()
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._episodes = Episodes.start(range(num_envs), opponent, ticks_per_step)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """New games; with a seed, always the same ones."""
        super().reset(seed=seed, options=options)
        everyone = np.arange(self.num_envs)
        self._episodes.restart(everyone, new_seeds(self.np_random, self.num_envs))
        return self._observation(), self._info()

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observation, npt.NDArray[Any], Flags, Flags, dict[str, Any]]:
        """Observations, rewards, which games have ended, none truncated, info; one entry a game."""
        if np.shape(actions) != self.action_space.shape:
            raise GameError(
                f"Actions have the shape {list(np.shape(actions))}.",
                f"Give one of five numbers for each of the {self.num_envs} games.",
            )
        ended_before = np.flatnonzero(self._episodes.ended)
        rewards = self._episodes.step(actions)
        if len(ended_before):
            seeds = new_seeds(self.np_random, len(ended_before))
            self._episodes.restart(ended_before, seeds)
        ended = self._episodes.ended
        return self._observation(), rewards, ended, np.zeros_like(ended), self._info()

    def _observation(self) -> Observation:
        known = self._episodes.observe()
        return {"entities": known.entities, "status": known.status, "ground": known.ground}

    def _info(self) -> dict[str, Any]:
        return {"result": self._episodes.games.clocks["result"].copy()}
