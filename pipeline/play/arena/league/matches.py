"""Everybody against everybody: each match is played once, and kept.

A match is known by what its players are, byte by byte, and by its games. So a league that was
killed plays those that are missing, and none is counted twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.files import read_json, replacing, write_json
from pipeline.manifests import Record, digest_of, sha256_of
from pipeline.play.arena.matches.evaluation import EvaluationResult, run_episodes_with_model
from pipeline.play.arena.matches.players import Contestant
from pipeline.play.arena.ratings.results import PairResult
from pipeline.progress import Progress, Report, silent

FIRST_SEED = 3_000_000
"""Of the games of a match: none that a policy was trained or chosen by."""


class DamagedMatchError(OutpostError):
    """The record of a match that cannot be read."""


@dataclass(frozen=True)
class LeaguePlayer:
    """Somebody who plays in a league.

    Attributes:
        file: of the policy; None of a player by script, who is known by the name.
    """

    name: str
    file: Path | None = None

    @property
    def identity(self) -> str:
        """The digest of the policy's bytes, or the name of the script."""
        return self.name if self.file is None else sha256_of(self.file)


class PlayedMatch(Record):
    """How the games of two players have ended for the first."""

    first: str
    second: str
    wins: int
    draws: int
    losses: int

    @property
    def result(self) -> EvaluationResult:
        """As of an evaluation of the first player."""
        return EvaluationResult(self.wins, self.draws, self.losses)

    @property
    def reversed_result(self) -> EvaluationResult:
        """As of an evaluation of the second."""
        return EvaluationResult(self.losses, self.draws, self.wins)

    @property
    def pair_result(self) -> PairResult:
        """As it is rated."""
        played = self.result
        points = played.wins + played.draws / 2
        return PairResult(
            first=self.first, second=self.second, points=points, games=played.n_episodes
        )

    def seen_by(self, player: str) -> EvaluationResult:
        """For one of the two."""
        return self.result if player == self.first else self.reversed_result

    def win_interval(self, player: str) -> Interval:
        """Of the share of games that one of them wins (Wilson, 95%)."""
        played = self.seen_by(player)
        return wilson(played.wins, played.n_episodes)


def play_matches(
    players: Sequence[LeaguePlayer], games: int, folder: Path, report: Report = silent
) -> tuple[PlayedMatch, ...]:
    """Let every two play, but for those that have played already.

    Args:
        players: of two, the earlier one is the first.
        games: of every two.
        folder: where matches are kept.

    Raises:
        SnapshotError: a policy cannot be read.
        OSError: a match cannot be kept, as on a full disk.
    """
    pairs, began = list(combinations(players, 2)), time.monotonic()
    played = []
    for number, (first, second) in enumerate(pairs, start=1):
        played.append(play_match(first, second, games, folder))
        report(Progress("play matches", number, len(pairs), time.monotonic() - began))
    return tuple(played)


def play_match(first: LeaguePlayer, second: LeaguePlayer, games: int, folder: Path) -> PlayedMatch:
    """One match, as it was played before or is played now; errors as of `play_matches`."""
    identity = {
        "players": [first.identity, second.identity],
        "games": games,
        "first_seed": FIRST_SEED,
    }
    file = folder / f"{digest_of(identity)[:32]}.json"
    if file.is_file() and (known := _known(file, games)) is not None:
        # The same policies may have had other names.
        return known.model_copy(update={"first": first.name, "second": second.name})
    played = play_games(first, second, games, FIRST_SEED)
    match = PlayedMatch(
        first=first.name,
        second=second.name,
        wins=played.wins,
        draws=played.draws,
        losses=played.losses,
    )
    with replacing(file) as fresh:
        write_json(fresh, match.model_dump(mode="json"))
    return match


def play_games(
    first: LeaguePlayer, second: LeaguePlayer, games: int, seed: int
) -> EvaluationResult:
    """Games in which both draw what they do, as they have learned to.

    Raises:
        SnapshotError: a policy cannot be read.
    """
    # Two of the same do not draw alike.
    players = _ready(first, seed=0), _ready(second, seed=1)
    return run_episodes_with_model(*players, n_episodes=games, deterministic=False, seed=seed)


def _ready(player: LeaguePlayer, seed: int) -> Contestant:
    from pipeline.play.arena.learner.model import LearnedModel, load_model

    if player.file is None:
        return player.name
    return LearnedModel(load_model(player.file).network, seed)


def _known(file: Path, games: int) -> PlayedMatch | None:
    """A match that was kept; None where its file is damaged, so that it is played again."""
    try:
        match = read_json(file, PlayedMatch, _damaged)
    except DamagedMatchError:
        return None
    return match if match.result.n_episodes == games else None


def _damaged(file: Path, error: Exception) -> DamagedMatchError:
    return DamagedMatchError(
        f"{file} is no record of a match: {error}", "Remove it: the match is played again."
    )
