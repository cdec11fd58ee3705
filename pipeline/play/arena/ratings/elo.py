"""Elo ratings in a file that several processes write.

A rating moves by k times the score less the expected score, which is a logistic curve over the
difference of the ratings: ten to one for 400 points (Elo, "The Rating of Chessplayers", 1978). How
k falls with the number of games is FIDE's rule of 40, 20 and 10. The order of games moves these
ratings: `bradley_terry` rates all games at once, and says how sure that is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock
from pydantic import Field

from pipeline.files import make_room, read_json, replacing, write_json
from pipeline.manifests import Record
from pipeline.play.arena.ratings.bradley_terry import BradleyTerryRating, bradley_terry
from pipeline.play.arena.ratings.results import PairResult, RatingError, with_result

DEFAULT_RATING = 1000.0
SCALE = 400.0
"""Points between two of whom one is expected to score ten times as much."""
K_FACTORS = ((30, 40.0), (100, 20.0))
"""Games below which k is so much."""
LEAST_K = 10.0

BASELINE_RATINGS: Mapping[str, float] = MappingProxyType(
    {
        "random": 767.0,
        "scripted_l1": 871.0,
        "scripted_l2": 894.0,
        "scripted_l3": 984.0,
        "scripted_l4": 1154.0,
        "scripted_l5": 1331.0,
    }
)
"""Of players by script, by Bradley and Terry's model; the mean is DEFAULT_RATING.

`docs/rate_players.py` finds them, and `docs/explanation/arena.md` tells their intervals.
"""
TEAM_BASELINE_RATINGS: Mapping[str, float] = MappingProxyType(
    {
        "random_team": 601.0,
        "scripted_team_l1": 746.0,
        "scripted_team_l2": 876.0,
        "scripted_team_l3": 1066.0,
        "scripted_team_l4": 1311.0,
        "scripted_team_l5": 1400.0,
    }
)
"""The same of teams of two by one script."""

KFactor = Callable[[int], float]


def expected_score(rating: float, opponent: float) -> float:
    """The share of points that a player is expected to get, 0 to 1."""
    return float(1 / (1 + 10 ** ((opponent - rating) / SCALE)))


def k_factor(games: int) -> float:
    """How far a game moves the rating of a player who has played so many."""
    return next((k for below, k in K_FACTORS if games < below), LEAST_K)


class EloTable(Record):
    """What the file holds."""

    ratings: dict[str, float] = Field({}, description="By player.")
    game_counts: dict[str, int] = Field({}, description="Rated games, by player.")
    results: tuple[PairResult, ...] = ()
    matches: dict[str, tuple[float, float]] = Field(
        {}, description="By the id of a match: by how much it moved its two players."
    )


class EloRegistry:
    """Ratings and numbers of games by player.

    Players by script have fixed ratings. All changes go to the file at once; those of other
    processes are there with the next question.
    """

    baselines: Mapping[str, float] = BASELINE_RATINGS

    def __init__(
        self,
        path: Path | str | None = "checkpoints/elo_registry.json",
        k_factor: KFactor = k_factor,
    ) -> None:
        """
        Args:
            path: need not exist yet; None keeps the ratings in memory.
            k_factor: of the number of games that a player has played.

        Raises:
            RatingError: the file is no such registry.
        """
        self.path = None if path is None else Path(path)
        self._k_factor = k_factor
        self._table = EloTable()
        self._table = self._read()

    @property
    def can_save(self) -> bool:
        """Whether there is a file."""
        return self.path is not None

    def get_rating(self, name: str) -> float:
        """The rating of a player; DEFAULT_RATING of one who has not played."""
        return self._rating(self._read(), name)

    def get_game_count(self, name: str) -> int:
        """How many rated games a player has played; players by script count none."""
        return self._read().game_counts.get(name, 0)

    def all_ratings(self) -> dict[str, float]:
        """The ratings of all who have played, but for players by script."""
        return dict(self._read().ratings)

    def results(self) -> tuple[PairResult, ...]:
        """Who played whom, and with what score."""
        return self._read().results

    def bradley_terry(self, prior_draws: float = 0.0) -> tuple[BradleyTerryRating, ...]:
        """Ratings from all games at once, in whatever order they were played, with intervals.

        The players by script among them have the mean of their fixed ratings.

        Raises:
            RatingError: as `bradley_terry.bradley_terry`.
        """
        return bradley_terry(self.results(), anchors=self.baselines, prior_draws=prior_draws)

    def update(
        self,
        agent: str,
        opponent: str,
        outcome: float,
        n_games: int = 1,
        *,
        match_id: str | None = None,
    ) -> float:
        """Rate some games of an agent; the rating of its opponent stays.

        All of them move the rating once, by their mean, with the k that held before them.

        Args:
            outcome: mean score of the agent, 0 to 1: 1 for a win, 0.5 for a draw.
            match_id: of these games. What was rated under it is not rated again, as when somebody
                who was interrupted does not know how far it came.

        Returns:
            By how much the rating of the agent has moved.

        Raises:
            RatingError: an outcome or number of games that cannot be, or an agent whose rating is
                fixed or who is its own opponent; or the file is damaged.
            OSError: the file cannot be written; it is then as it was.
        """
        if agent in self.baselines:
            raise RatingError(
                f"The rating of '{agent}' is fixed.", "Rate another player against it."
            )
        return self._rate(_result(agent, opponent, outcome, n_games), {agent}, match_id)[0]

    def update_both(
        self,
        first: str,
        second: str,
        outcome: float,
        n_games: int = 1,
        *,
        match_id: str | None = None,
    ) -> tuple[float, float]:
        """Rate some games of two players, of which both ratings move unless they are fixed.

        Args and errors as of `update`; the outcome is the first player's.

        Returns:
            By how much the ratings of the two have moved.
        """
        moving = {first, second} - set(self.baselines)
        return self._rate(_result(first, second, outcome, n_games), moving, match_id)

    def save(self) -> None:
        """Write the file where nothing has been rated yet; all else is in it already.

        Raises:
            RatingError: there is no path.
        """
        if self.path is None:
            raise RatingError(
                "These ratings have no file to be saved to.", "Make the registry with a path."
            )
        with self._changing():
            pass

    def _rate(
        self, result: PairResult, moving: Collection[str], match_id: str | None
    ) -> tuple[float, float]:
        with self._changing() as table:
            if match_id is not None and match_id in table.matches:
                return table.matches[match_id]
            deltas = self._deltas(table, result, moving)
            ratings, counts = dict(table.ratings), dict(table.game_counts)
            for name, delta in zip((result.first, result.second), deltas, strict=True):
                if name in moving:
                    ratings[name] = self._rating(table, name) + delta
                    counts[name] = counts.get(name, 0) + result.games
            matches = table.matches if match_id is None else {**table.matches, match_id: deltas}
            self._table = EloTable(
                ratings=ratings,
                game_counts=counts,
                results=with_result(table.results, result),
                matches=matches,
            )
        return deltas

    def _deltas(
        self, table: EloTable, result: PairResult, moving: Collection[str]
    ) -> tuple[float, float]:
        """By how much both move, from the ratings and games before."""
        ratings = [self._rating(table, name) for name in (result.first, result.second)]
        surprise = result.points / result.games - expected_score(*ratings)
        first, second = (
            self._k_factor(table.game_counts.get(name, 0)) if name in moving else 0.0
            for name in (result.first, result.second)
        )
        return first * surprise, -second * surprise

    def _rating(self, table: EloTable, name: str) -> float:
        return self.baselines.get(name, table.ratings.get(name, DEFAULT_RATING))

    @contextmanager
    def _changing(self) -> Iterator[EloTable]:
        """The ratings as they are now, changed by nobody else; `_table` is written at the end."""
        if self.path is None:
            yield self._table
            return
        make_room(self.path)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            self._table = self._read()
            yield self._table
            with replacing(self.path) as fresh:
                write_json(fresh, self._table.model_dump(mode="json"))

    def _read(self) -> EloTable:
        if self.path is None:
            return self._table
        return read_json(self.path, EloTable, _damaged) if self.path.exists() else EloTable()


class TeamEloRegistry(EloRegistry):
    """Ratings of teams: beside single players by script, teams of them have fixed ratings."""

    baselines = MappingProxyType({**BASELINE_RATINGS, **TEAM_BASELINE_RATINGS})


def _result(first: str, second: str, outcome: float, games: int) -> PairResult:
    if not 0 <= outcome <= 1 or games < 1 or first == second:
        raise RatingError(
            f"A mean score of {outcome} in {games} games of '{first}' against '{second}' cannot be "
            "rated.",
            "Give a mean score from 0 to 1, in at least one game, of two players.",
        )
    return PairResult(first=first, second=second, points=outcome * games, games=games)


def _damaged(file: Path, error: Exception) -> RatingError:
    return RatingError(
        f"{file} is no registry of ratings: {error}",
        "Move it away: a new one begins with the next games.",
    )
