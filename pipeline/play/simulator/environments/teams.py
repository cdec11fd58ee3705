"""The game as a parallel environment of PettingZoo: two teams, an agent for every player."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from pipeline.play.simulator.environments.episodes import (
    POINTS_A_REWARD,
    action_space,
    new_seeds,
    observation_space,
    to_actions,
)
from pipeline.play.simulator.environments.perspective import actions_of_player, observe_as_first
from pipeline.play.simulator.environments.single import TICKS_PER_STEP, Observation
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.rules import SIDES, TICKS_A_SECOND, Result

Agents = dict[str, Any]


class SkirmishParallelEnv(ParallelEnv):  # type: ignore[misc]
    """A whole game an episode, in which every player is an agent, called `player_0` and so on.

    With two a side, `player_0` and `player_1` play against `player_2` and `player_3`. Everybody
    sees and acts as if it were the first player (`perspective`), so that one network plays for all:
    observations and actions are those of `episodes.observation_space` and `episodes.action_space`
    for so many players. The players of a side share one reward, as `episodes.Episodes.step` gives
    it: a hundredth of the points by which their lead grows, and 1 for winning or -1 for losing.
    All agents stay until the game ends; none is truncated.

    Args:
        players_a_side: 1 to 4.
        ticks_per_step: of the game, of which a second has 20.
        render_mode: "rgb_array" for images of 320 by 256 pixels, or None.

    Raises:
        GameError: there is no such mode, or no such number of players or ticks.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "outpost_skirmish_v0",
        "render_modes": ["rgb_array"],
        "render_fps": TICKS_A_SECOND // TICKS_PER_STEP,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        players_a_side: int = 1,
        ticks_per_step: int = TICKS_PER_STEP,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise GameError(
                f"A game cannot be rendered as '{render_mode}'.", "Use rgb_array, or None."
            )
        if ticks_per_step < 1:
            raise GameError("A step must last a tick at least.", "Set ticks_per_step to 1 or more.")
        self.render_mode = render_mode
        self.players_a_side = players_a_side
        self._ticks = ticks_per_step
        self._games = Games.start([0], players_a_side)
        self.possible_agents = [f"player_{n}" for n in range(self._games.player_count)]
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: observation_space(players_a_side) for agent in self.possible_agents
        }
        self.action_spaces = {agent: action_space(players_a_side) for agent in self.possible_agents}
        self._random = seeding.np_random()[0]

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What an agent is told, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What an agent can do, always the same object."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 - as PettingZoo declares it
    ) -> tuple[dict[str, Observation], dict[str, Agents]]:
        """A new game; with a seed, always the same ones."""
        if seed is not None:
            self._random = seeding.np_random(seed)[0]
        self._games = Games.start(new_seeds(self._random, 1), self.players_a_side)
        self.agents = list(self.possible_agents)
        return self._observations(), self._infos()

    def step(
        self, actions: dict[str, npt.NDArray[np.int64]]
    ) -> tuple[dict[str, Observation], Agents, dict[str, bool], dict[str, bool], dict[str, Agents]]:
        """Observations, rewards, which agents' game has ended, none truncated, infos: by agent."""
        agents, before = self.agents, self._lead()
        self._games.step(self._chosen(actions), self._ticks)
        result = Result(int(self._games.clocks["result"][0]))
        outcome = (result == Result.FIRST_SIDE) - (result == Result.SECOND_SIDE)
        reward = (self._lead() - before) / POINTS_A_REWARD + outcome
        rewards = {agent: reward * (1 if self._side(agent) == 0 else -1) for agent in agents}
        told, infos = self._observations(), self._infos()
        has_ended = result != Result.RUNNING
        if has_ended:
            self.agents = []
        ended, truncated = dict.fromkeys(agents, has_ended), dict.fromkeys(agents, False)
        return told, rewards, ended, truncated, infos

    def render(self) -> npt.NDArray[np.uint8] | None:
        """What the first player sees around its units, uint8 [256, 320, 3]; None without a mode."""
        from pipeline.play.simulator.view import camera_of, render

        if self.render_mode is None:
            return None
        return render(self._games, 0, camera_of(self._games, 0, 0), 0).image

    def state(self) -> npt.NDArray[np.int32]:
        """Everything of the game, for learners that see more than the players: int32 [numbers]."""
        return np.frombuffer(self._games.to_bytes(0), np.int32).copy()

    def _chosen(self, actions: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.int32]:
        chosen = self._games.no_actions()
        for agent, action in actions.items():
            if agent not in self.agents or not self.action_spaces[agent].contains(action):
                raise GameError(
                    f"{action} is no action of {agent}.",
                    "Take one of the environment's space, for agents of a game that goes on.",
                )
            player = self.possible_agents.index(agent)
            chosen[:, player] = actions_of_player(to_actions(action), self._games, player)
        return chosen

    def _lead(self) -> int:
        scores = self._games.players["score"][0].reshape(SIDES, -1).sum(axis=1)
        return int(scores[0]) - int(scores[1])

    def _side(self, agent: str) -> int:
        return self.possible_agents.index(agent) // self.players_a_side

    def _observations(self) -> dict[str, Observation]:
        told = {}
        for agent in self.agents:
            known = observe_as_first(self._games, self.possible_agents.index(agent))
            told[agent] = {
                "entities": known.entities[0],
                "status": known.status[0],
                "ground": known.ground[0],
            }
        return told

    def _infos(self) -> dict[str, Agents]:
        result = Result(int(self._games.clocks["result"][0])).name
        return {agent: {"result": result} for agent in self.agents}
