"""Games of policies that learn meanwhile, against a scripted player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import Numbers
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.online.online import Online, Seat
from pipeline.play.online.own_play import OwnTick
from pipeline.play.policies.judging import PlayedGames, play_policies
from pipeline.progress import Report, silent

CHAMPION, CANDIDATE = "champion", "candidate"


class LearningPlayer(PolicyPlayer):
    """Policies at play, whose trainer sees what they are given and what they do."""

    def __init__(self, online: Online, seat: Seat, sessions: Sequence[str], seed: int) -> None:
        super().__init__(seat.networks, len(sessions), seed)
        self._online = online
        self._sessions = sessions

    def act(self, entities: Numbers, status: Numbers, running: Any = None) -> npt.NDArray[np.int32]:
        """As `PolicyPlayer.act`."""
        actions = super().act(entities, status, running)
        played = range(len(self._sessions)) if running is None else np.asarray(running).tolist()
        seen, known = entities.astype(np.int16), status.astype(np.int32)
        for game in played:
            self._online.watch(
                OwnTick(
                    self._sessions[game],
                    seen[game],
                    known[game],
                    actions[game],
                    int(self.goals[game]),
                    int(self.targets[game]),
                ),
                patient=True,
            )
        return actions


def play_round(
    online: Online, opponent: str, seeds: Sequence[int], report: Report = silent
) -> dict[str, PlayedGames]:
    """Let the champion and the candidate play the same games, two for each seed, and learn.

    Both draw the same chances. The guard is told of the mean of the two games of each seed, so that
    what it is told is independent.

    Returns:
        By who played: CHAMPION, and CANDIDATE where there is one.

    Raises:
        GameError: there is no such opponent.
    """
    games = (opponent, seeds)
    candidate, champion = online.candidate, online.champion
    played = {CHAMPION: _play(online, CHAMPION, champion, games, report)}
    if candidate is not champion:  # Which would play the very same games again.
        played[CANDIDATE] = _play(online, CANDIDATE, candidate, games, report)
        _compare(online, candidate, played)
    # After the comparison, which is of the weights that have played, not of those that learn of it.
    for name in played:
        for session in _sessions(name, seeds):
            online.end(session)
    online.settle()
    return played


def _compare(online: Online, candidate: Seat, played: dict[str, PlayedGames]) -> None:
    """Tell the guard of each map; both games of it count as one."""
    means = [played[name].returns.reshape(2, -1).mean(axis=0) for name in (CHAMPION, CANDIDATE)]
    for returns in zip(*(mean.tolist() for mean in means), strict=True):
        online.compare(candidate, *returns)


def _play(
    online: Online, name: str, seat: Seat, games: tuple[str, Sequence[int]], report: Report
) -> PlayedGames:
    opponent, seeds = games
    player = LearningPlayer(online, seat, _sessions(name, seeds), seeds[0])
    return play_policies(seat.networks, opponent, seeds, report, player)


def _sessions(name: str, seeds: Sequence[int]) -> list[str]:
    return [f"{name}-{side}-{seed}" for side in range(2) for seed in seeds]
