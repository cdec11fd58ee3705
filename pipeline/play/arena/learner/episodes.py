"""Games of a learning policy against a mixture of rivals, in a batch, begun again one by one.

In the first half of the games it plays on the first side, in the others on the second. All of the
state is in flat arrays and in one stream of chance, so that a training goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.arena.learner.features import Features, features_of, halves_of, known_to
from pipeline.play.arena.learner.layout import Layout, layout_of
from pipeline.play.arena.learner.rivals import Rival, draw_rivals
from pipeline.play.simulator.environments.episodes import POINTS_A_REWARD, new_seeds
from pipeline.play.simulator.environments.single import TICKS_PER_STEP
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.hand_made.scenarios import Scenario, start_games
from pipeline.play.simulator.rules import SIDES, Result
from pipeline.play.simulator.scripted import ScriptedPlayers

REWARD_PARTS = (
    "brought_home", "destroyed", "enemy_brought_home", "enemy_destroyed", "outcome"
)  # fmt: skip
"""What a reward is the sum of."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(eq=False)
class LearnerEpisodes:
    """Games in a batch, as they stand.

    Attributes:
        rivals: whom the learner meets.
        chance: of seeds, of whom it meets, and of what rivals choose.
        met: int64 [games], number of the rival in each.
        parts: float64 [games, 5], of the reward so far, by `REWARD_PARTS`.
        steps: int64 [games], so far.
        scenarios: set-ups that games begin with; those of their seeds alone without any.
    """

    rivals: Sequence[Rival]
    chance: np.random.Generator
    games: Games
    scripts: ScriptedPlayers
    met: npt.NDArray[np.int64]
    parts: npt.NDArray[np.float64]
    steps: npt.NDArray[np.int64]
    scenarios: Sequence[Scenario] = ()

    @classmethod
    def start(
        cls, count: int, rivals: Sequence[Rival], seed: int, scenarios: Sequence[Scenario] = ()
    ) -> LearnerEpisodes:
        """New games.

        Raises:
            GameError: no games, no rivals, or no scripted player of a name.
        """
        if count < 1 or not rivals:
            raise GameError(
                f"{count} games against {len(rivals)} opponents cannot be played.",
                "Ask for at least one of each.",
            )
        seeds = [0] * count
        episodes = cls(
            tuple(rivals),
            np.random.default_rng(seed),
            Games.start(seeds),
            ScriptedPlayers.start(seeds, (None, None)),
            np.zeros(count, np.int64),
            np.zeros((count, len(REWARD_PARTS))),
            np.zeros(count, np.int64),
            tuple(scenarios),
        )
        episodes.restart(np.arange(count))
        return episodes

    def __len__(self) -> int:
        return len(self.games)

    @property
    def sides(self) -> npt.NDArray[np.int64]:
        """On which side the learner plays, int64 [games]."""
        return (np.arange(len(self)) >= len(self) // 2).astype(np.int64)

    def meet(self, rivals: Sequence[Rival]) -> None:
        """Meet others from now on, in games to come.

        Running games against a policy that is no longer one of them go on against those who are
        new, or against any policy of them. Players by script must stay.
        """
        places = {rival.player: number for number, rival in enumerate(rivals)}
        known = {rival.player for rival in self.rivals}
        moved = np.array([places.get(rival.player, -1) for rival in self.rivals])
        policies = [n for n, one in enumerate(rivals) if not isinstance(one.player, str)]
        fresh = [n for n in policies if rivals[n].player not in known] or policies
        self.rivals, self.met[...] = tuple(rivals), moved[self.met]
        gone = np.flatnonzero(self.met < 0)
        if len(gone):
            drawn = draw_rivals([rivals[number] for number in fresh], len(gone), self.chance)
            self.met[gone] = np.array(fresh)[drawn]

    def restart(self, chosen: npt.NDArray[np.intp]) -> None:
        """Begin some of the games again."""
        seeds = new_seeds(self.chance, len(chosen))
        met = draw_rivals(self.rivals, len(chosen), self.chance)
        self.games.put(chosen, start_games(seeds, self.scenarios))
        for game, seed, number, side in zip(
            chosen.tolist(), seeds, met.tolist(), self.sides[chosen].tolist(), strict=True
        ):
            player = self.rivals[number].player
            name = player if isinstance(player, str) else None
            names = (name, None) if side else (None, name)
            self.scripts.scripts[game] = ScriptedPlayers.start([seed], names).scripts[0]
        self.met[chosen] = met
        self.parts[chosen], self.steps[chosen] = 0.0, 0

    def step(self, choices: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """One step of all games.

        Args:
            choices: of the learner, as `layout.Layout` counts them, int [games]; done in the first
                tick.

        Returns:
            Rewards, float64 [games], as those of `SkirmishVectorEnv`.
        """
        every, sides = np.arange(len(self)), self.sides
        actions = self.games.no_actions()
        actions[every, sides] = self._actions(choices)
        self._add_policies(actions)
        for _tick in range(TICKS_PER_STEP):
            self.games.step(self.scripts.act(self.games, actions))
            actions = self.games.no_actions()
        before = self.parts.sum(axis=1)
        self.parts[...] = self._totals()
        self.steps += 1
        return np.asarray(self.parts.sum(axis=1) - before)

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """Which games have ended."""
        return np.asarray(self.games.clocks["result"] != Result.RUNNING)

    @property
    def outcomes(self) -> npt.NDArray[np.int64]:
        """1 for games that the learner has won, -1 lost, 0 neither or not yet: int64 [games]."""
        result = self.games.clocks["result"].astype(np.int64)
        first = (result == Result.FIRST_SIDE).astype(np.int64) - (result == Result.SECOND_SIDE)
        return np.asarray(np.where(self.sides == 1, -first, first))

    def features(self) -> Features:
        """What the learner is given, float32 [games, width]."""
        return self._seen(mine=True)

    def arrays(self) -> Arrays:
        """All of the state but the stream of chance, by name."""
        games = {field.name: getattr(self.games, field.name) for field in fields(Games)}
        return {
            **games,
            "scripts": self.scripts.scripts,
            "met": self.met,
            "parts": self.parts,
            "steps": self.steps,
        }

    def _actions(self, choices: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
        half = len(self) // 2
        first, second = layout_of(0).actions, layout_of(1).actions
        return np.concatenate([first[choices[:half]], second[choices[half:]]])

    def _add_policies(self, actions: npt.NDArray[np.int32]) -> None:
        """What rivals do that are policies."""
        numbers = [n for n, rival in enumerate(self.rivals) if not isinstance(rival.player, str)]
        if not numbers:
            return
        # All games draw: what one does depends on no other.
        draws = self.chance.random(len(self))
        features, sides = self._seen(mine=False), self.sides
        for number in numbers:
            games = np.flatnonzero(self.met == number)
            player = self.rivals[number].player
            if isinstance(player, str) or not len(games):
                continue
            choices = player.choose(features[games], draws[games])
            on_first = layout_of(0).actions[choices]
            done = np.where(sides[games, None] == 1, on_first, layout_of(1).actions[choices])
            actions[games, 1 - sides[games]] = done

    def _seen(self, mine: bool) -> Features:
        """What the learner, or its rival, is given in all games."""
        width = layout_of(0).width
        features = np.empty((len(self), width), np.float32)
        for side, (part, games) in enumerate(halves_of(self.games)):
            if not len(games):
                continue
            layout: Layout = layout_of(side if mine else SIDES - 1 - side)
            entities, status = known_to(games, layout.player)
            features[part] = features_of(entities, status, layout)
        return features

    def _totals(self) -> npt.NDArray[np.float64]:
        """What has been gained and lost so far, as parts of a reward."""
        every, sides = np.arange(len(self)), self.sides
        players = self.games.players
        stock = players["stock"].astype(np.float64) / POINTS_A_REWARD
        destroyed = players["score"].astype(np.float64) / POINTS_A_REWARD - stock
        return np.stack(
            [
                stock[every, sides],
                destroyed[every, sides],
                -stock[every, 1 - sides],
                -destroyed[every, 1 - sides],
                self.outcomes.astype(np.float64),
            ],
            axis=1,
        )
