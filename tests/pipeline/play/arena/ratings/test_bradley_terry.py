"""Ratings of all games at once are the judge's, and their intervals hold what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.play.arena.ratings.bradley_terry import AVERAGE, BradleyTerryRating, bradley_terry
from pipeline.play.arena.ratings.results import PairResult, RatingError, with_result

NAMES = ("ann", "ben", "cleo", "dan")
PAIRS = [(first, second) for first in NAMES for second in NAMES if first < second]
Strengths = tuple[float, ...]


def ratings_of(rated: Sequence[BradleyTerryRating]) -> dict[str, float]:
    return {one.player: one.rating for one in rated}


def drawn_results(strengths: Strengths, games: int, seed: int) -> list[PairResult]:
    """Results of players of whom the true strengths are known."""
    rng = np.random.default_rng(seed)
    strength = dict(zip(NAMES, strengths, strict=True))
    results = []
    for first, second in PAIRS:
        chance = 1 / (1 + math.exp(strength[second] - strength[first]))
        wins = int(rng.binomial(games, chance))
        results.append(PairResult(first=first, second=second, points=wins, games=games))
    return results


counts = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 10))


@settings(deadline=None, max_examples=40)
@given(st.lists(counts, min_size=len(PAIRS), max_size=len(PAIRS)))
def test_strengths_are_those_of_evalica(games: list[tuple[int, int, int]]) -> None:
    results, xs, ys, winners = [], [], [], []
    for (first, second), (won, lost, drawn) in zip(PAIRS, games, strict=True):
        total = won + lost + drawn
        results.append(PairResult(first=first, second=second, points=won + drawn / 2, games=total))
        xs += [first] * total
        ys += [second] * total
        winners += [evalica.Winner.X] * won + [evalica.Winner.Y] * lost
        winners += [evalica.Winner.Draw] * drawn
    judged = evalica.bradley_terry(xs, ys, winners, tolerance=1e-12, limit=10_000)
    expected = 400 * np.log10(judged.scores / np.exp(np.log(judged.scores).mean()))

    rated = ratings_of(bradley_terry(results))

    assert rated == pytest.approx({n: AVERAGE + expected[n] for n in NAMES}, abs=0.02)


def test_intervals_hold_the_truth_about_95_times_of_100() -> None:
    truth = np.array([0.8, 0.2, -0.3, -0.7])
    points = AVERAGE + 400 / math.log(10) * (truth - truth.mean())
    held = [
        one.interval.low <= points[NAMES.index(one.player)] <= one.interval.high
        for seed in range(150)
        for one in bradley_terry(drawn_results(tuple(truth), 60, seed))
    ]
    # 600 intervals, four at a time of the same games: two standard errors and some more.
    assert 0.92 <= np.mean(held) <= 0.98


def test_intervals_are_as_wide_as_the_ratings_of_other_games_differ() -> None:
    truth = (0.8, 0.2, -0.3, -0.7)
    rated = [ratings_of(bradley_terry(drawn_results(truth, 60, seed))) for seed in range(150)]
    spread = {name: np.std([one[name] for one in rated]) for name in NAMES}
    for one in bradley_terry(drawn_results(truth, 60, 0)):
        width = (one.interval.high - one.interval.low) / 2 / 1.96
        assert width == pytest.approx(spread[one.player], rel=0.25)


def test_the_order_of_games_moves_nothing() -> None:
    results = drawn_results((0.5, 0.1, 0.0, -0.6), 30, 1)
    single = [
        PairResult(first=one.first, second=one.second, points=float(won), games=1)
        for one in results
        for won in [1] * int(one.points) + [0] * (one.games - int(one.points))
    ]
    rng = np.random.default_rng(0)
    for _ in range(3):
        kept: tuple[PairResult, ...] = ()
        for number in rng.permutation(len(single)):
            kept = with_result(kept, single[number])
        assert bradley_terry(kept) == bradley_terry(results)


def test_anchors_keep_their_mean_and_need_no_games_of_all() -> None:
    results = drawn_results((1.0, 0.5, 0.0, -1.0), 40, 2)
    free = ratings_of(bradley_terry(results))
    anchors = {"ben": 700.0, "dan": 500.0, "nobody": 9000.0}
    rated = ratings_of(bradley_terry(results, anchors=anchors))

    assert (rated["ben"] + rated["dan"]) / 2 == pytest.approx(600, abs=0.02)
    for name in NAMES:
        assert rated[name] - rated["ben"] == pytest.approx(free[name] - free["ben"], abs=0.03)


def test_who_has_won_all_games_is_rated_with_draws_beforehand() -> None:
    results = [
        PairResult(first="ann", second="ben", points=5, games=5),
        PairResult(first="ben", second="cleo", points=3, games=5),
    ]
    with pytest.raises(RatingError, match="high or low enough for ann") as caught:
        bradley_terry(results)
    assert isinstance(caught.value, ValueError)

    rated = bradley_terry(results, prior_draws=1)
    assert [one.player for one in rated] == ["ann", "ben", "cleo"]
    assert [one.games for one in rated] == [5, 10, 5]
    widths = [one.interval.high - one.interval.low for one in rated]
    assert widths[0] > widths[1], "of whom less is known, the interval is wider"
    more = bradley_terry(results, prior_draws=4)
    assert more[0].rating - more[2].rating < rated[0].rating - rated[2].rating


def test_no_games_give_no_ratings() -> None:
    with pytest.raises(RatingError, match="no games"):
        bradley_terry([])
