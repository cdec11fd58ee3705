"""Ratings from all games at once, with intervals: the model of Bradley and Terry.

Of two players with the strengths a and b, the first is expected to score 1 / (1 + exp(b - a))
(Bradley and Terry, "Rank Analysis of Incomplete Block Designs", 1952). The strengths are those that
make the results most likely, a draw counting as half a win of each. Intervals come from the
observed information: as draws vary less than wins and losses, they are rather too wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.evaluation.metrics.intervals import NORMAL_QUANTILE, Interval
from pipeline.manifests import Record
from pipeline.play.arena.ratings.results import PairResult, RatingError, points_matrix

POINTS_A_UNIT = 400 / math.log(10)
"""Points of Elo's scale in a unit of strength."""
AVERAGE = 1000.0
"""The mean rating where no player's is known."""
STEPS, PRECISION = 100, 1e-10
"""Of Newton's method; how small its last step is, in units of strength."""
LONGEST_STEP = 1.0

Floats = npt.NDArray[np.float64]


class BradleyTerryRating(Record):
    """How strong one player is."""

    player: str
    rating: float = Field(description="On Elo's scale.")
    interval: Interval = Field(description="Of the rating, at 95%, beside the mean of the anchors.")
    games: int


def bradley_terry(
    results: Sequence[PairResult],
    *,
    anchors: Mapping[str, float] = {},
    prior_draws: float = 0.0,
) -> tuple[BradleyTerryRating, ...]:
    """Rate players by their games.

    Args:
        anchors: ratings that are known. The mean of those of them who have played stays as it is;
            without any, the mean of all ratings is AVERAGE.
        prior_draws: games that each player is taken to have drawn against one of average strength.
            With a few, a player who has won all games has a rating, too.

    Returns:
        The strongest first, players of equal rating by name.

    Raises:
        RatingError: no games; or, without draws beforehand, some players have won all their games
            against all others, or lost them all, so that no rating is high or low enough.
    """
    names = sorted({name for one in results for name in (one.first, one.second)})
    if not names:
        raise RatingError("There are no games to rate players by.", "Play some first.")
    points = points_matrix(results, names)
    games = (points.sum(axis=1) + points.sum(axis=0)).round().astype(int)
    if prior_draws > 0:
        points = _with_average_player(points, prior_draws)
    else:
        _check_connected(points, names)
    strengths, covariance = _fit(points)
    known = [number for number, name in enumerate(names) if name in anchors]
    zero = np.zeros(len(points))
    zero[known or range(len(names))] = 1 / len(known or names)
    mean = float(np.mean([anchors[names[number]] for number in known])) if known else AVERAGE
    # A row for each player: how far it is from the mean of the anchors.
    contrasts = np.eye(len(points))[: len(names)] - zero
    ratings = mean + POINTS_A_UNIT * contrasts @ strengths
    variances = np.einsum("ij,jk,ik->i", contrasts, covariance, contrasts)
    margins = NORMAL_QUANTILE * POINTS_A_UNIT * np.sqrt(np.maximum(variances, 0.0))
    rated = [
        BradleyTerryRating(
            player=name,
            rating=round(float(rating), 2),
            interval=Interval(
                low=round(float(rating - margin), 2), high=round(float(rating + margin), 2)
            ),
            games=int(count),
        )
        for name, rating, margin, count in zip(names, ratings, margins, games, strict=True)
    ]
    return tuple(sorted(rated, key=lambda one: (-one.rating, one.player)))


def _with_average_player(points: Floats, draws: float) -> Floats:
    """Points with those of one more player, against whom everybody has drawn."""
    whole = np.full((len(points) + 1, len(points) + 1), draws / 2)
    whole[:-1, :-1] = points
    whole[-1, -1] = 0
    return whole


def _check_connected(points: Floats, names: Sequence[str]) -> None:
    """Ratings are finite where a chain of wins leads from each player to each other.

    (Ford, "Solution of a Ranking Problem from Binary Comparisons", 1957.)
    """
    from scipy.sparse.csgraph import connected_components

    count, groups = connected_components(points > 0, directed=True, connection="strong")
    if count == 1:
        return
    smallest = min(range(count), key=lambda group: ((groups == group).sum(), group))
    apart = ", ".join(name for name, group in zip(names, groups, strict=True) if group == smallest)
    raise RatingError(
        f"No rating is high or low enough for {apart}: against all others, either every game was "
        "won, or every game was lost, or none was played.",
        "Let them play more games, or rate with prior_draws=1.",
    )


def _fit(points: Floats) -> tuple[Floats, Floats]:
    """Strengths whose sum is 0, and their covariance, by Newton's method."""
    games = points + points.T
    strengths = np.zeros(len(points))
    for _step in range(STEPS):
        expected = 1 / (1 + np.exp(strengths[None] - strengths[:, None]))
        slope = (points - games * expected).sum(axis=1)
        weights = games * expected * (1 - expected)
        covariance = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights, hermitian=True)
        step = covariance @ slope
        strengths += step * min(1.0, LONGEST_STEP / max(np.abs(step).max(), PRECISION))
        if np.abs(step).max() < PRECISION:
            break
    return strengths, np.asarray(covariance, np.float64)
