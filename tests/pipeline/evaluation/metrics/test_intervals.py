from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.metrics.counts import Counts, f1_of
from pipeline.evaluation.metrics.intervals import bootstrap_f1, difference_interval, wilson


def simulated(frames: int, seed: int) -> Counts:
    """Frames of ten objects of which about six are found, with a few false alarms."""
    rng = np.random.default_rng([seed])
    hits = rng.binomial(10, rng.uniform(0.3, 0.9, frames))
    return np.stack([hits, rng.poisson(2, frames), 10 - hits], axis=1).astype(np.int64)


def test_the_interval_holds_the_figure_and_narrows_with_more_frames() -> None:
    widths = []
    for frames in (20, 200):
        counts = simulated(frames, 1)
        interval = bootstrap_f1(counts, seed=42)
        assert interval.low < float(f1_of(counts.sum(axis=0))) < interval.high
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_true_figure_about_as_often_as_it_says() -> None:
    truth = float(f1_of(simulated(200_000, 7).sum(axis=0)))
    intervals = [bootstrap_f1(simulated(60, 100 + n), seed=n) for n in range(60)]
    covered = sum(interval.low <= truth <= interval.high for interval in intervals)
    assert 50 <= covered <= 60


def test_the_same_seed_gives_the_same_interval() -> None:
    counts = simulated(30, 2)
    assert bootstrap_f1(counts, 5) == bootstrap_f1(counts, 5)
    assert bootstrap_f1(counts, 5) != bootstrap_f1(counts, 6)


def test_equal_frames_leave_no_doubt() -> None:
    interval = bootstrap_f1(np.array([[3, 1, 2]] * 9), 42)
    assert interval.low == interval.high == pytest.approx(6 / 9, abs=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Worked out by hand elsewhere: 5 of 10 and 25 of 50 are textbook values.
    [(5, 10, 0.237, 0.763), (25, 50, 0.366, 0.634), (0, 10, 0.0, 0.278), (0, 0, 0.0, 1.0)],
)
def test_wilson_gives_the_textbook_values(
    successes: int, trials: int, low: float, high: float
) -> None:
    interval = wilson(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-3)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_in_range(counts: tuple[int, int]) -> None:
    interval = wilson(*counts)
    share = counts[0] / counts[1]
    assert 0 <= interval.low <= share + 1e-6
    assert share - 1e-6 <= interval.high <= 1


def test_a_difference_of_proportions_has_the_published_interval():
    # Newcombe 1998, table II, method 10: 56 of 70 and 48 of 80; 9 of 10 and 3 of 10.
    published = {((56, 70), (48, 80)): (0.0524, 0.3339), ((9, 10), (3, 10)): (0.1705, 0.8090)}
    for pair, (low, high) in published.items():
        interval = difference_interval(*pair)
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert difference_interval((4, 8), (8, 8), 0.0).low == wilson(4, 8).low
