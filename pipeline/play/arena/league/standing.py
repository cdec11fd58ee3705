"""Who is how strong, and how exploitable: what a league has come to, as records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from pipeline.evaluation.metrics.intervals import Interval
from pipeline.manifests import Record
from pipeline.play.arena.exploitability.pool_gaps import nemesis_gap
from pipeline.play.arena.exploitability.trained_responses import TrainedResponse
from pipeline.play.arena.league.matches import PlayedMatch
from pipeline.play.arena.ratings.bradley_terry import BradleyTerryRating, bradley_terry
from pipeline.play.arena.ratings.elo import BASELINE_RATINGS, EloRegistry
from pipeline.play.arena.ratings.results import PairResult

STANDING_FILE = "standing.json"
MATRIX_FILE = "league-matrix.svg"
CURVES_FILE = "league-curves.svg"
MATCHES_FOLDER = "matches"
"""In the folder of a league."""
ORDERS = 10
"""In which games are rated by Elo."""
POINTS = (1.0, 0.5, 0.0)


class LeagueRound(Record):
    """A policy of a league: what it began as, or what a round of training has made it."""

    number: int = Field(ge=0, description="0 is what the policy began as.")
    name: str
    steps: int = Field(ge=0, description="Of training so far, as asked for.")
    policy: str = Field(description="Its file, relative to the league's folder, with slashes.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    response: TrainedResponse = Field(description="Of who was trained against it.")


class EloRange(Record):
    """Where Elo's rating of a player ends, by the order of the games."""

    player: str
    rating: float = Field(description="Mean over some orders.")
    lowest: float
    highest: float


class LeagueStanding(Record):
    """What a league has come to after some rounds."""

    settings: str = Field(description="Digest of how it is played.")
    rounds: tuple[LeagueRound, ...]
    matches: tuple[PlayedMatch, ...] = Field(description="Of every two players.")
    bradley_terry: tuple[BradleyTerryRating, ...] = Field(description="The strongest first.")
    elo: tuple[EloRange, ...] = Field(description="By name.")
    proxies: dict[str, float] = Field(
        description="By policy: `nash_exploitability_proxy` in the pool of all others so far."
    )

    @property
    def players(self) -> tuple[str, ...]:
        """Policies in the order of rounds, then players by script."""
        policies = [one.name for one in self.rounds]
        others = {name for match in self.matches for name in (match.first, match.second)}
        return (*policies, *sorted(others - set(policies)))

    def match_of(self, first: str, second: str) -> PlayedMatch | None:
        """The match of two players, whoever of them is the first in it."""
        pair = {first, second}
        return next((one for one in self.matches if {one.first, one.second} == pair), None)


def standing_of(
    settings: str, rounds: Sequence[LeagueRound], matches: Sequence[PlayedMatch]
) -> LeagueStanding:
    """Rate all players by all matches.

    Who has won or lost every game is rated, too: everybody is taken to have drawn one game against
    a player of average strength.
    """
    results = [match.pair_result for match in matches]
    return LeagueStanding(
        settings=settings,
        rounds=tuple(rounds),
        matches=tuple(matches),
        bradley_terry=bradley_terry(results, anchors=BASELINE_RATINGS, prior_draws=1),
        elo=elo_ranges(matches),
        proxies=proxies_of([one.name for one in rounds], matches),
    )


def proxies_of(policies: Sequence[str], matches: Sequence[PlayedMatch]) -> dict[str, float]:
    """By policy: the largest share of games not won against another, less the mean over all.

    All are measured against the same pool, so that they can be compared; none where there are
    fewer than two others.
    """
    found: dict[str, float] = {}
    for policy in policies:
        played = {
            number: match.seen_by(policy)
            for number, match in enumerate(matches)
            if policy in (match.first, match.second)
            and match.first in policies
            and match.second in policies
        }
        if len(played) > 1:
            found[policy] = nemesis_gap(played)
    return found


def elo_ranges(matches: Sequence[PlayedMatch]) -> tuple[EloRange, ...]:
    """Elo's ratings of the same games in some orders, for it depends on the order."""
    games = [game for match in matches for game in _single_games(match)]
    names = sorted({name for match in matches for name in (match.first, match.second)})
    ends: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(ORDERS):
        registry = EloRegistry(None)
        for number in np.random.default_rng(seed).permutation(len(games)):
            game = games[number]
            registry.update_both(game.first, game.second, game.points)
        for name in names:
            ends[name].append(registry.get_rating(name))
    return tuple(
        EloRange(
            player=name,
            rating=round(sum(found) / ORDERS, 2),
            lowest=round(min(found), 2),
            highest=round(max(found), 2),
        )
        for name, found in ends.items()
    )


def interval_of(standing: LeagueStanding, player: str) -> tuple[float, Interval]:
    """A player's rating by Bradley-Terry, and its interval."""
    found = next(one for one in standing.bradley_terry if one.player == player)
    return found.rating, found.interval


def _single_games(match: PlayedMatch) -> list[PairResult]:
    return [
        PairResult(first=match.first, second=match.second, points=points, games=1)
        for points, count in zip(POINTS, match.result, strict=True)
        for _game in range(count)
    ]
