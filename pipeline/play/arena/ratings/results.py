"""Who played whom, and with what score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.manifests import Record


class RatingError(OutpostError, ValueError):
    """Games that cannot be rated, or ratings that cannot be read."""


class PairResult(Record):
    """Games of two players against each other."""

    first: str
    second: str
    points: float = Field(ge=0, description="Of the first: 1 for a win, 0.5 for a draw.")
    games: int = Field(ge=1)

    def plus(self, other: PairResult) -> PairResult:
        """These games and others of the same two, in the same order."""
        return self.model_copy(
            update={"points": self.points + other.points, "games": self.games + other.games}
        )


def with_result(results: Sequence[PairResult], fresh: PairResult) -> tuple[PairResult, ...]:
    """The results with one more, added to the earlier ones of the same two."""
    pair = (fresh.first, fresh.second)
    if pair not in {(one.first, one.second) for one in results}:
        return (*results, fresh)
    return tuple(one.plus(fresh) if (one.first, one.second) == pair else one for one in results)


def points_matrix(results: Iterable[PairResult], names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Points of each player (row) against each other (column), float64 [players, players]."""
    place = {name: number for number, name in enumerate(names)}
    points = np.zeros((len(names), len(names)))
    for one in results:
        first, second = place[one.first], place[one.second]
        points[first, second] += one.points
        points[second, first] += one.games - one.points
    return points
