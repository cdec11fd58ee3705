"""Play of policies, with what the strategist was told and chose; and corrections of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import Numbers
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import STRATEGIST_TICKS, PolicyPlayer

from pipeline.play.corrections.correctors import Corrector
from pipeline.play.corrections.lines import GOALS, Correction, states_of
from pipeline.play.policies.examples import UNLABELLED, Examples, joined
from pipeline.play.policies.judging import PlayedGames, play_policies
from pipeline.play.simulator.rules import ACTION_SIZE
from pipeline.progress import Report, silent, track


@dataclass(frozen=True, eq=False)
class WatchedGames:
    """How games went, and every moment in which a goal was chosen; `goals` are the chosen ones."""

    played: PlayedGames
    moments: Examples


class WatchedPlayer(PolicyPlayer):
    """Policies at play, as always, with what their strategist was told and chose."""

    def __init__(self, networks: PolicyNetworks, games: int, seed: int) -> None:
        super().__init__(networks, games, seed)
        self.moments: list[Examples] = []

    def act(self, entities: Numbers, status: Numbers, running: Any = None) -> npt.NDArray[np.int32]:
        """As `PolicyPlayer.act`."""
        asked, deeds = self._tick % STRATEGIST_TICKS == 0, self._deeds
        actions = super().act(entities, status, running)
        if asked:
            played = np.arange(len(self.goals)) if running is None else np.asarray(running)
            played = played[(entities[played, :, 0] >= 0).any(axis=1)]
            count = len(played)
            self.moments.append(
                Examples(
                    entities[played].astype(np.int16),
                    status[played].astype(np.int32),
                    deeds.rows(played),
                    self.goals[played].astype(np.int8),
                    np.full(count, UNLABELLED, np.int16),
                    np.zeros((count, ACTION_SIZE), np.int32),
                )
            )
        return actions


def watch_policies(
    networks: PolicyNetworks, opponent: str, seeds: Sequence[int], report: Report = silent
) -> WatchedGames:
    """Let policies play, two games for each seed, and keep what the strategist chose.

    Raises:
        GameError: there is no such opponent.
    """
    player = WatchedPlayer(networks, 2 * len(seeds), seeds[0])
    played = play_policies(networks, opponent, seeds, report, player)
    return WatchedGames(played, joined(player.moments, "strategist"))


def correct_moments(
    moments: Examples, corrector: Corrector, report: Report = silent
) -> Iterator[Correction]:
    """Ask about each moment in turn; a correction is there as soon as it is made."""
    states = track(states_of(moments), len(moments), "ask for corrections", report)
    for state, goal in zip(states, moments.goals.tolist(), strict=True):
        action = GOALS[goal]
        objection = corrector.correct(state, action)
        if objection is not None:
            yield Correction(
                state=state,
                action=action,
                correction=objection.correction,
                reason=objection.reason,
                confidence=objection.confidence,
            )
