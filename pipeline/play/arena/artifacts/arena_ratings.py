"""Ratings of a league's policies beside all players by script, as an artifact."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json, write_text
from pipeline.manifests import Record
from pipeline.play.arena.artifacts.arena_league import ArenaLeague
from pipeline.play.arena.league.matches import LeaguePlayer, PlayedMatch, play_matches
from pipeline.play.arena.league.standing import EloRange, elo_ranges
from pipeline.play.arena.ratings.bradley_terry import BradleyTerryRating, bradley_terry
from pipeline.play.arena.ratings.drawing import ratings_svg
from pipeline.play.arena.ratings.elo import BASELINE_RATINGS, expected_score
from pipeline.play.simulator.scripted import SKILLS
from pipeline.progress import Report, silent
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

RATINGS_FILE, CHART_FILE, CURVES_FILE = "ratings.json", "ratings.svg", "rating-curves.svg"
SURPRISE = 0.15
"""By which the score of a match may differ from what the ratings of its players expect."""
MATERIALIZE = "Materialize arena/ratings again."


class ArenaRatingsError(OutpostError):
    """A folder that does not hold ratings."""


class RatedPlayers(Record):
    """What `ratings.json` holds."""

    policies: tuple[str, ...] = Field(description="Of the league, in the order of rounds.")
    games: int = Field(ge=2, description="Of every two.")
    matches: tuple[PlayedMatch, ...] = Field(description="Of every two, each once.")
    bradley_terry: tuple[BradleyTerryRating, ...] = Field(description="The strongest first.")
    elo: tuple[EloRange, ...] = Field(description="By name.")

    @classmethod
    def of(
        cls, policies: Sequence[str], games: int, matches: Sequence[PlayedMatch]
    ) -> RatedPlayers:
        """Rate everybody by all matches; the mean of the players by script is what is known."""
        return cls(
            policies=tuple(policies),
            games=games,
            matches=tuple(matches),
            bradley_terry=_rated(matches),
            elo=elo_ranges(matches),
        )

    @property
    def by_name(self) -> Mapping[str, BradleyTerryRating]:
        """The rating of each player."""
        return {one.player: one for one in self.bradley_terry}

    def expected(self, match: PlayedMatch) -> float:
        """The score of the first player that the ratings expect, 0 to 1."""
        first, second = (self.by_name[name].rating for name in (match.first, match.second))
        return expected_score(first, second)


@dataclass(frozen=True)
class ArenaRatings:
    """The artifact of `arena/ratings`.

    ratings.json        all matches, Bradley-Terry with intervals, and Elo over some orders
    ratings.svg         everybody's rating with its interval
    rating-curves.svg   ratings over the rounds of the league, with intervals
    """

    folder: Path
    rated: RatedPlayers

    @classmethod
    def open(cls, folder: Path) -> ArenaRatings:
        """Read what `write` wrote.

        Raises:
            ArenaRatingsError: a file is missing or damaged.
        """
        for name in (CHART_FILE, CURVES_FILE):
            if not (folder / name).is_file():
                raise _damaged(folder / name, FileNotFoundError("there is no such file"))
        return cls(folder, read_json(folder / RATINGS_FILE, RatedPlayers, _damaged))

    @classmethod
    def write(
        cls, folder: Path, league: ArenaLeague, games: int, work: Path, report: Report = silent
    ) -> ArenaRatings:
        """Play what has not been played, and rate everybody into an empty folder.

        Args:
            games: of every two; with as many as in the league, none of its matches is played again.
            work: where matches are kept, and gone on with.

        Raises:
            SnapshotError: a policy cannot be read.
            OSError: a match cannot be kept, as on a full disk.
        """
        shutil.copytree(league.matches, work, dirs_exist_ok=True)
        rounds = league.standing.rounds
        policies = [LeaguePlayer(one.name, league.policy_of(one)) for one in rounds]
        everybody = [*policies, *(LeaguePlayer(name) for name in SKILLS)]
        matches = play_matches(everybody, games, work, report)
        return cls.keep(folder, RatedPlayers.of([one.name for one in rounds], games, matches))

    @classmethod
    def keep(cls, folder: Path, rated: RatedPlayers) -> ArenaRatings:
        """Write ratings and their images into an empty folder."""
        write_json(folder / RATINGS_FILE, rated.model_dump(mode="json"))
        ranges = {one.player: (one.lowest, one.highest) for one in rated.elo}
        write_text(folder / CHART_FILE, ratings_svg(rated.bradley_terry, ranges))
        write_text(folder / CURVES_FILE, curves_svg(rated))
        return cls(folder, rated)

    @property
    def chart(self) -> str:
        """Everybody's rating with its interval, as the text of an SVG."""
        return (self.folder / CHART_FILE).read_text(encoding="utf-8")

    @property
    def curves(self) -> str:
        """Ratings over the rounds, as the text of an SVG."""
        return (self.folder / CURVES_FILE).read_text(encoding="utf-8")


def curves_svg(rated: RatedPlayers) -> str:
    """Ratings of the policies over the rounds, with intervals, and Elo; the text of an SVG."""
    found = [rated.by_name[name] for name in rated.policies]
    ranges = {one.player: one for one in rated.elo}
    elo = [ranges[name] for name in rated.policies]
    lows = [one.interval.low for one in found] + [one.lowest for one in elo]
    highs = [one.interval.high for one in found] + [one.highest for one in elo]
    title = f"rating over rounds 0 to {len(found) - 1} (dashed: 95%)"
    panel = CurvePanel(title, (
        Curve("Bradley-Terry", COLOURS[0], tuple(one.rating for one in found)),
        Curve("", COLOURS[0], tuple(one.interval.low for one in found), "3 2"),
        Curve("", COLOURS[0], tuple(one.interval.high for one in found), "3 2"),
        Curve("Elo", COLOURS[1], tuple(one.rating for one in elo)),
    ), floor=min(lows) - 20, ceiling=max(highs) + 20)  # fmt: skip
    return draw_panels((panel,), [])


def agreement_problems(ratings: ArenaRatings) -> list[str]:
    """Where ratings are not those of the recorded matches, or matches are missing or there twice.

    They are computed again.
    """
    rated = ratings.rated
    names = sorted({name for match in rated.matches for name in (match.first, match.second)})
    problems = list(_pair_problems(rated, names))
    again = {one.player: one for one in _rated(rated.matches)}
    for name in sorted({*again, *rated.by_name}):
        kept, made = rated.by_name.get(name), again.get(name)
        if kept != made:
            told = [f"{one.rating:.1f}" if one else "none" for one in (kept, made)]
            problems.append(f"the rating of {name} is {told[0]}, and by its matches {told[1]}")
    return problems


def surprise_problems(ratings: ArenaRatings) -> list[str]:
    """Matches that one number a player does not tell: the score is far from the expected one."""
    rated = ratings.rated
    problems = []
    for match in rated.matches:
        score, expected = match.result.score, rated.expected(match)
        if abs(score - expected) > SURPRISE:
            problems.append(
                f"{match.first} scores {score:.0%} against {match.second}, and by their ratings "
                f"should score {expected:.0%}"
            )
    return problems


def _pair_problems(rated: RatedPlayers, names: Sequence[str]) -> Iterator[str]:
    pairs = [frozenset((one.first, one.second)) for one in rated.matches]
    for pair in combinations(names, 2):
        if (count := pairs.count(frozenset(pair))) != 1:
            yield f"{' and '.join(pair)} have {count} matches, and should have one"


def _rated(matches: Sequence[PlayedMatch]) -> tuple[BradleyTerryRating, ...]:
    """Who has won or lost every game is rated, too: one more game of everybody is drawn."""
    results = [match.pair_result for match in matches]
    return bradley_terry(results, anchors=BASELINE_RATINGS, prior_draws=1)


def _damaged(file: Path, why: Exception) -> ArenaRatingsError:
    return ArenaRatingsError(f"{file} cannot be read: {why}", MATERIALIZE)
