"""Intervals over sessions; how often they hold what is true is told by `outpost bench`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.evaluation.metrics.counts import Counts, f1_of
from pipeline.evaluation.metrics.sessions import (
    Estimate,
    f1_difference,
    f1_over_sessions,
    jackknife,
    sessions_needed,
    totals_by_session,
)


def simulated(sessions: int, seed: int) -> Counts:
    """Sessions of a hundred objects of which about six in ten are found."""
    rng = np.random.default_rng([seed])
    hits = rng.binomial(100, rng.uniform(0.4, 0.8, sessions))
    return np.stack([hits, rng.poisson(20, sessions), 100 - hits], axis=1).astype(np.int64)


def width(estimate: Estimate) -> float:
    assert estimate.interval is not None
    return estimate.interval.high - estimate.interval.low


COUNTS = st.lists(st.tuples(*(st.integers(0, 30) for _ in range(6))), min_size=2, max_size=12).map(
    lambda rows: np.array(rows, dtype=np.int64)
)


@settings(deadline=None, max_examples=60)
@given(COUNTS)
def test_an_interval_holds_its_figure_and_lies_in_range(rows: Counts) -> None:
    first, second = rows[:, :3], rows[:, 3:]
    for found, low, high in (
        (f1_over_sessions(first, 1), 0, 1),
        (f1_difference(first, second, 1), -1, 1),
    ):
        assert low <= found.interval.low <= found.value + 1e-6
        assert found.value - 1e-6 <= found.interval.high <= high


@settings(deadline=None, max_examples=30)
@given(COUNTS)
def test_a_difference_turned_round_is_its_negative(rows: Counts) -> None:
    first, second = rows[:, :3], rows[:, 3:]
    there, back = f1_difference(first, second, 1), f1_difference(second, first, 1)
    assert there.value == -back.value
    assert there.interval.low == pytest.approx(-back.interval.high, abs=2e-6)


def test_pairing_cancels_what_is_hard_for_both() -> None:
    counts = simulated(12, 3)
    better = counts + np.array([5, 0, -5])
    assert f1_difference(better, counts, 42).interval.low > 0
    assert width(f1_difference(better, counts, 42)) < width(f1_over_sessions(counts, 42)) / 4


@pytest.mark.parametrize("count", [3, 30, 300])
def test_the_three_ways_agree_with_the_t_interval_of_a_mean(count: int) -> None:
    # Sessions of equal size with errors of one kind: F1 is the mean over sessions.
    hits = np.random.default_rng(count).integers(40, 80, count)
    counts = np.stack([hits, 100 - hits, 100 - hits], axis=1).astype(np.int64)
    found = f1_over_sessions(counts, 7)
    low, high = stats.t.interval(
        0.95, count - 1, loc=(hits / 100).mean(), scale=stats.sem(hits / 100)
    )
    assert found.value == pytest.approx((hits / 100).mean(), abs=1e-6)
    assert width(found) == pytest.approx(high - low, rel=0.1)


def test_the_interval_narrows_with_more_sessions_and_one_session_has_none() -> None:
    assert width(f1_over_sessions(simulated(100, 1), 4)) < width(
        f1_over_sessions(simulated(10, 1), 4)
    )
    alone = f1_over_sessions(simulated(1, 1), 4)
    assert (alone.interval, alone.standard_error, alone.sessions) == (None, None, 1)


def test_a_session_of_most_objects_leaves_more_doubt_than_equal_ones() -> None:
    left = [0.5, 0.52, 0.48, 0.51]
    even = jackknife(0.5, left, [10, 10, 10, 10], (0, 1))
    uneven = jackknife(0.5, left, [100, 5, 5, 5], (0, 1))
    assert width(uneven) > 1.5 * width(even)


def test_a_difference_that_rests_on_one_of_many_equal_sessions_is_not_told() -> None:
    first = np.array([[50, 10, 50]] * 6)
    second = first.copy()
    second[0] = (40, 10, 60)
    found = f1_difference(first, second, 1)
    assert found.interval.low < 0 < found.value


def test_a_difference_in_every_session_is_told_though_all_but_one_are_alike() -> None:
    first = np.array([[80, 10, 20]] * 8)
    second = np.array([[50, 10, 50]] * 8)
    first[0] = (78, 10, 22)
    assert f1_difference(first, second, 1).interval.low > 0.1


def test_the_same_seed_gives_the_same_interval() -> None:
    counts = simulated(9, 2)
    assert f1_over_sessions(counts, 5) == f1_over_sessions(counts, 5)
    assert f1_over_sessions(counts, 5) != f1_over_sessions(counts, 6)


def test_equal_sessions_leave_no_doubt() -> None:
    for count in (3, 9, 300):
        interval = f1_over_sessions(np.array([[3, 1, 2]] * count), 42).interval
        assert interval.low == interval.high == pytest.approx(6 / 9, abs=1e-6)


def test_sessions_without_anything_are_no_trouble() -> None:
    nothing = np.zeros((6, 3), dtype=np.int64)
    assert f1_over_sessions(nothing, 1).value == 0
    assert f1_difference(nothing, nothing, 1).interval.high == 0


def test_more_sessions_are_needed_for_a_smaller_difference() -> None:
    def needed(value: float) -> int | None:
        return sessions_needed(
            Estimate(value=value, interval=None, standard_error=0.02, sessions=8)
        )

    # Worked out with the noncentral t of a paired test: scipy 1.17, power 0.8 within one session.
    assert needed(0.04) == 18
    assert needed(0.02) > 50
    assert (needed(0.0), needed(0.0001)) == (None, None)


def test_counts_of_frames_are_summed_by_session() -> None:
    frames = np.array([[1, 2, 3], [10, 20, 30], [4, 5, 6]])
    assert totals_by_session(frames, ["b", "a", "b"]).tolist() == [[10, 20, 30], [5, 7, 9]]
    assert f1_of(totals_by_session(frames, ["a"] * 3)).shape == (1,)


def test_counts_of_different_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="different sessions"):
        f1_difference(simulated(9, 1), simulated(8, 1), 42)
