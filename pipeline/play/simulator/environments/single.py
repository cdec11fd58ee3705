"""The game as an environment of Gymnasium: one player against a scripted one."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from pipeline.play.simulator.environments.episodes import (
    PLAYER,
    Episodes,
    action_space,
    new_seeds,
    observation_space,
)
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import TICKS_A_SECOND, Result

TICKS_PER_STEP = 4
"""A fifth of a second: five decisions a second."""

Observation = dict[str, npt.NDArray[Any]]


class SkirmishEnv(gymnasium.Env[Observation, npt.NDArray[np.int64]]):
    """A whole game an episode. Games end by themselves, so that none is truncated.

    Observations are those of `observation.Observations` of one game, actions of
    `episodes.action_space`, rewards of `episodes.Episodes.step`. `info` says how the game stands
    (`rules.Result`).

    Args:
        opponent: name of a scripted player (`scripted.SKILLS`).
        ticks_per_step: of the game, of which a second has 20.
        render_mode: "rgb_array" for images of 320 by 256 pixels, or None.

    Raises:
        GameError: there is no such opponent, or no such mode.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as Gymnasium declares it
        "render_modes": ["rgb_array"],
        "render_fps": TICKS_A_SECOND // TICKS_PER_STEP,
    }

    def __init__(
        self,
        opponent: str = "scripted_l3",
        ticks_per_step: int = TICKS_PER_STEP,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise GameError(
                f"A game cannot be rendered as '{render_mode}'.", "Use rgb_array, or None."
            )
        self.render_mode = render_mode
        self.action_space = action_space()
        # Its values are of the type that the environment has, which a `Dict` cannot say.
        self.observation_space = cast("spaces.Space[Observation]", observation_space())
        self._episodes = Episodes.start([0], opponent, ticks_per_step)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new game; with a seed, always the same ones."""
        super().reset(seed=seed, options=options)
        self._episodes.restart(np.array([0]), new_seeds(self.np_random, 1))
        return self._observation(), self._info()

    def step(
        self, action: npt.NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Observation, reward, whether the game has ended, never truncated, info."""
        if not self.action_space.contains(action):
            raise GameError(f"{action} is no action.", "Take one of the environment's space.")
        reward = self._episodes.step(action)
        ended = bool(self._episodes.ended[0])
        return self._observation(), float(reward[0]), ended, False, self._info()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """What the player sees around its units, uint8 [256, 320, 3]; None without a mode."""
        from pipeline.play.simulator.view import camera_of, render

        if self.render_mode is None:
            return None
        games = self._episodes.games
        return render(games, 0, camera_of(games, 0, PLAYER), PLAYER).image

    def _observation(self) -> Observation:
        known = self._episodes.observe()
        return {
            "entities": known.entities[0],
            "status": known.status[0],
            "ground": known.ground[0],
        }

    def _info(self) -> dict[str, Any]:
        return {"result": Result(int(self._episodes.games.clocks["result"][0])).name}
