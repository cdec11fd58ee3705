"""The learner's games for other programs: one for Gymnasium, a batch for Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from pipeline.play.arena.learner.episodes import REWARD_PARTS, LearnerEpisodes
from pipeline.play.arena.learner.features import Features
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.simulator.rules import TICKS_A_SECOND, Result

MOST = 50.0
"""No feature is larger."""


def observation_space() -> spaces.Box:
    """What `features_kernel` writes."""
    return spaces.Box(-1.0, MOST, (layout_of(0).width,), np.float32)


def choice_space() -> spaces.Discrete[np.int64]:
    """What `layout.Layout` lets one choose from."""
    return spaces.Discrete(layout_of(0).choices)


class SkirmishChoiceEnv(gymnasium.Env[Features, np.int64]):
    """One game an episode, as the learner sees it; none is truncated.

    Args:
        rivals: whom it may meet.
        seed: of the games, until `reset` gives another one.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, rivals: Sequence[Rival] = (Rival("scripted_l3"),), seed: int = 0) -> None:
        # Its values are of the type that the environment has, which a `Box` cannot say.
        self.observation_space = cast("spaces.Space[Features]", observation_space())
        self.action_space = choice_space()
        self.render_mode = None
        self._episodes = LearnerEpisodes.start(1, rivals, seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        """A new game; with a seed, always the same ones."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._episodes.chance = np.random.default_rng(seed)
        self._episodes.restart(np.array([0]))
        return self._episodes.features()[0], {}

    def step(self, action: np.int64) -> tuple[Features, float, bool, bool, dict[str, Any]]:
        """Features, reward, whether the game has ended, never truncated, info."""
        reward = self._episodes.step(np.array([action]))
        ended = bool(self._episodes.ended[0])
        return self._episodes.features()[0], float(reward[0]), ended, False, {}


class SkirmishVecEnv(VecEnv):
    """Games in a batch, for Stable-Baselines3: one compiled loop steps all of them.

    A game that has ended has begun again in what `step` returns; its `info` has the last features
    (`terminal_observation`), its sum of rewards and steps (`episode`), the parts of these rewards
    (`reward_parts`), how it ended for the learner (`outcome`: 1, 0 or -1) and against whom
    (`rival`, a number).
    """

    def __init__(self, episodes: LearnerEpisodes) -> None:
        self.episodes = episodes
        self._choices: npt.NDArray[np.int64] = np.zeros(len(episodes), np.int64)
        super().__init__(len(episodes), observation_space(), choice_space())

    def reset(self) -> Features:
        """New games."""
        if self._seeds[0] is not None:
            self.episodes.chance = np.random.default_rng(self._seeds[0])
        self._reset_seeds()
        self.episodes.restart(np.arange(self.num_envs))
        return self.episodes.features()

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """What is done next."""
        self._choices = actions

    def step_wait(
        self,
    ) -> tuple[Features, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Do it."""
        rewards = self.episodes.step(self._choices).astype(np.float32)
        ended = self.episodes.ended
        features = self.episodes.features()
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        over = np.flatnonzero(ended)
        if len(over):
            for game in over.tolist():
                infos[game] = self._ending(game, features[game])
            self.episodes.restart(over)
            features[over] = self._begun(over)
        return features, rewards, ended, infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same for all games."""
        if attr_name == "render_mode":
            return [None for _game in self._get_indices(indices)]
        return [getattr(self, attr_name) for _game in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ARG002
        """Of all games at once."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *_args: Any, **_options: Any) -> list[Any]:
        """There are no games that could be asked alone."""
        raise AttributeError(f"games in a batch have no method '{method_name}' of their own")

    def env_is_wrapped(self, _wrapper_class: Any, indices: Any = None) -> list[bool]:
        """None is."""
        return [False for _game in self._get_indices(indices)]

    def _ending(self, game: int, features: Features) -> dict[str, Any]:
        episodes = self.episodes
        parts = episodes.parts[game]
        ticks = int(episodes.games.clocks["tick"][game])
        return {
            "terminal_observation": features.copy(),
            "episode": {
                "r": float(parts.sum()),
                "l": int(episodes.steps[game]),
                "t": ticks / TICKS_A_SECOND,
            },
            "reward_parts": dict(zip(REWARD_PARTS, parts.tolist(), strict=True)),
            "outcome": int(episodes.outcomes[game]),
            "result": Result(int(episodes.games.clocks["result"][game])).name,
            "rival": int(episodes.met[game]),
        }

    def _begun(self, games: npt.NDArray[np.intp]) -> Features:
        """Features of games that have just begun."""
        return self.episodes.features()[games]
