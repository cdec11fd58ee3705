"""How far a figure would move if other frames had been drawn.

Objects of one frame stand and fall together, so frames are resampled, not objects.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics.counts import Counts, f1_of
from pipeline.manifests import Record

REPLICATES = 2000
LEVEL = 0.95
NORMAL_QUANTILE = 1.959963984540054
"""Two-sided, for `LEVEL`."""

STORED_DIGITS = 6
"""Decimals that are kept; sums of floats differ in the last bits between machines."""


class Interval(Record):
    """An interval of confidence at the level of 95%."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"

    @property
    def signed(self) -> str:
        """The text of an interval of a difference."""
        return f"{self.low:+.3f} to {self.high:+.3f}"


def bootstrap_f1(frames: Counts, seed: int) -> Interval:
    """Percentile bootstrap of the micro-F1.

    Args:
        frames: int64 [frames, 3], counts of each frame over all classes; at least one frame.
        seed: of the resampling.
    """
    return _percentiles(f1_of(_resampled(frames, seed)))


def bootstrap_f1_gap(first: Counts, second: Counts, seed: int) -> Interval:
    """Percentile bootstrap of the difference in micro-F1, `first` less `second`, of other frames.

    Not paired: each replicate takes frames of both, each at random.

    Args:
        first, second: int64 [frames, 3] over different frames; at least one frame each.
        seed: of the resampling.
    """
    return _percentiles(f1_of(_resampled(first, seed)) - f1_of(_resampled(second, seed + 1)))


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's interval of a proportion; the whole range without trials."""
    if trials == 0:
        return Interval(low=0.0, high=1.0)
    share, z2 = successes / trials, NORMAL_QUANTILE**2
    scale = 1 + z2 / trials
    centre = share + z2 / (2 * trials)
    margin = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(
        low=round(max((centre - margin) / scale, 0.0), STORED_DIGITS),
        high=round(min((centre + margin) / scale, 1.0), STORED_DIGITS),
    )


def difference_interval(
    first: tuple[int, int], second: tuple[int, int], factor: float = 1.0
) -> Interval:
    """Of one proportion less `factor` times another, of other trials.

    From Wilson's intervals of both, by the square-and-add rule: Newcombe's hybrid score interval
    where the factor is 1 (Newcombe 1998, method 10), and its generalization by Zou and Donner 2008.

    Args:
        first, second: successes and trials; at least one trial each.
        factor: 0 or more.
    """
    shares = [successes / trials for successes, trials in (first, second)]
    own, other = wilson(*first), wilson(*second)
    down = math.hypot(shares[0] - own.low, factor * (other.high - shares[1]))
    up = math.hypot(own.high - shares[0], factor * (shares[1] - other.low))
    difference = shares[0] - factor * shares[1]
    return Interval(
        low=round(difference - down, STORED_DIGITS), high=round(difference + up, STORED_DIGITS)
    )


def _resampled(frames: Counts, seed: int) -> Counts:
    """Total counts of every replicate, int64 [replicates, 3]; equal seeds draw equal frames."""
    rng = np.random.default_rng([seed])
    size = len(frames)
    replicates = range(REPLICATES)
    return np.array([frames[rng.integers(size, size=size)].sum(axis=0) for _ in replicates])


def _percentiles(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=round(float(low), STORED_DIGITS), high=round(float(high), STORED_DIGITS))
