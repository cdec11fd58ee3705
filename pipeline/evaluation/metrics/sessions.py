"""How far a figure would move if other sessions had been captured.

Frames of one session stand and fall together, so what is drawn anew is sessions. Two models are
compared on the same sessions, pair by pair: what makes a session hard for both cancels out.

With few sessions, the percentiles of a bootstrap are far too narrow: with 5 of them they held the
true difference in 83 of 100 simulated comparisons instead of 95. Hence

- from `FEW_SESSIONS` on, a symmetric studentized bootstrap (Efron and Tibshirani, An Introduction
  to the Bootstrap, 1993, section 12.5; Hall, The Bootstrap and Edgeworth Expansion, 1992, section
  3.6). Each replicate is measured in its own standard error, that of a ratio of sums over sessions
  (Cochran, Sampling Techniques, 1977, section 6.4);
- with fewer, with so many that the two are the same, and for figures that are no ratio of sums,
  the jackknife that leaves out a session, and Student's t with one degree of freedom less than
  there are effective sessions (Kish, Survey Sampling, 1965, section 11.7: sessions of unequal size
  count for fewer).

`outpost bench evaluation` tells how often either holds what is true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.evaluation.metrics.counts import Counts
from pipeline.evaluation.metrics.intervals import LEVEL, STORED_DIGITS, Interval
from pipeline.manifests import Record

RESAMPLES = 2000
FEW_SESSIONS = 5
"""From so many on the bootstrap is used: fewer can be drawn in too few different ways."""
MANY_SESSIONS = 200
"""Up to so many: thousands of drawn images, each a session of its own, would take its memory."""
POWER = 0.8
"""How often a difference should be found by as many sessions as are said to be needed."""
NOTHING = 1e-6
"""F1 less than which is lost in the sums of squares that its error is computed from."""
MOST_SESSIONS_NEEDED = 1000
"""Nobody captures more."""
MOST_FOLDS = 5

Floats = npt.NDArray[np.float64]


class Estimate(Record):
    """A figure, or a difference of two, and how far other sessions would move it."""

    value: float
    interval: Interval | None = Field(description="At 95%; None with a single session.")
    standard_error: float | None = Field(description="Over sessions; None with a single one.")
    sessions: int = Field(description="What was resampled: with one session, its frames.")

    @property
    def text(self) -> str:
        """Of a difference, for people: the figure, then its interval."""
        figure = f"{self.value:+.3f}"
        return figure if self.interval is None else f"{figure} ({self.interval.signed})"


def totals_by_session(frames: Counts, sessions: Sequence[str]) -> Counts:
    """Counts of every session, int64 [sessions, 3], in the order of the sessions' names.

    Args:
        frames: int64 [frames, 3].
        sessions: of each frame.
    """
    names, index = np.unique(np.array(sessions, dtype=np.str_), return_inverse=True)
    totals = np.zeros((len(names), 3), dtype=np.int64)
    np.add.at(totals, index, frames)
    return totals


def folds_of(sessions: int) -> npt.NDArray[np.int64]:
    """Which of up to five folds each session is dealt into, int64 [sessions]."""
    dealt: npt.NDArray[np.int64] = np.arange(sessions) % MOST_FOLDS
    return dealt


def f1_over_sessions(totals: Counts, seed: int) -> Estimate:
    """Micro-F1 with its interval.

    Args:
        totals: int64 [sessions, 3] of at least one session.
        seed: of the resampling.
    """
    return _signed_f1([totals], np.array([1.0]), seed, (0.0, 1.0))


def f1_difference(first: Counts, second: Counts, seed: int) -> Estimate:
    """The difference in micro-F1, `first` less `second`, with its interval.

    Args:
        first, second: int64 [sessions, 3] of the same sessions in the same order, at least one.
        seed: of the resampling.
    """
    if first.shape != second.shape:
        raise ValueError(f"counts of different sessions: {first.shape} and {second.shape}")
    return _signed_f1([first, second], np.array([1.0, -1.0]), seed, (-1.0, 1.0))


def jackknife(
    value: float, without: Sequence[float], sizes: Sequence[float], bounds: tuple[float, float]
) -> Estimate:
    """A figure of any kind with its interval.

    Args:
        value: of all sessions.
        without: of all sessions but one, for each of them.
        sizes: true objects of each session, in the same order; what counts for effective ones.
        bounds: least and largest value that the figure can have.
    """
    count = len(without)
    if count < 2:
        return _estimate(value, None, None, count, bounds)
    left = np.array(without, dtype=np.float64)
    error = math.sqrt((count - 1) / count * float(((left - left.mean()) ** 2).sum()))
    return _estimate(value, error, _student(_degrees_of_freedom(sizes)), count, bounds)


def sessions_needed(difference: Estimate) -> int | None:
    """Sessions that would tell the two apart, in four of five such comparisons.

    Provided that the difference stays what it is, and that further sessions are like these. None
    where it is 0, where there is one session, or where it would take more than 1,000.
    """
    if difference.standard_error is None or difference.value == 0:
        return None
    spread = difference.standard_error * math.sqrt(difference.sessions)
    for count in range(2, MOST_SESSIONS_NEEDED + 1):
        quantiles = _student(count - 1) + _student(count - 1, POWER)
        if quantiles * spread / math.sqrt(count) <= abs(difference.value):
            return count
    return None


def _signed_f1(
    models: Sequence[Counts], signs: Floats, seed: int, bounds: tuple[float, float]
) -> Estimate:
    """The sum of each model's F1 times its sign.

    F1 is a ratio of sums: twice the true positives to that and all errors.
    """
    parts = np.stack([np.stack(_ratio_parts(totals), axis=-1) for totals in models], axis=1)
    count = len(parts)
    whole = parts.sum(axis=0)
    value = float(_ratios(whole) @ signs)
    without: Floats = _ratios(whole - parts) @ signs
    plain = jackknife(value, without.tolist(), parts[:, :, 1].sum(axis=1).tolist(), bounds)
    if not FEW_SESSIONS <= count <= MANY_SESSIONS:
        return plain
    error = float(_ratio_errors(np.ones((1, count)), parts, signs)[0])
    draws = np.random.default_rng([seed]).multinomial(count, [1 / count] * count, RESAMPLES)
    times = draws.astype(np.float64)
    away = np.abs(_ratios(_drawn(times, parts)) @ signs - value)
    errors = _ratio_errors(times, parts, signs)
    # A replicate whose sessions are all alike has no error to be measured in.
    measured = np.divide(away, errors, out=np.full(RESAMPLES, np.inf), where=errors > NOTHING)
    measured[away < NOTHING] = 0.0
    quantile = float(np.quantile(measured, LEVEL, method="higher"))
    # All sessions but one or two are alike: many replicates have no error to be measured in.
    return _estimate(value, error, quantile, count, bounds) if math.isfinite(quantile) else plain


def _ratio_parts(totals: Counts) -> tuple[Floats, Floats]:
    """What F1 divides by what, float64 [sessions] each."""
    true_positives, false_positives, false_negatives = totals.astype(np.float64).T
    return 2 * true_positives, 2 * true_positives + false_positives + false_negatives


def _drawn(times: Floats, parts: Floats) -> Floats:
    """Sums of [sessions, models, 2] by how often each session was drawn, [rows, models, 2]."""
    return (times @ parts.reshape(len(parts), -1)).reshape(len(times), *parts.shape[1:])


def _ratio_errors(times: Floats, parts: Floats, signs: Floats) -> Floats:
    """The standard error under each row of multiplicities, float64 [rows], by linearization."""
    sessions = parts.shape[0]
    sums = _drawn(times, parts)
    weight = np.divide(signs, sums[..., 1], out=np.zeros(sums.shape[:2]), where=sums[..., 1] > 0)
    linear = np.stack([weight, -weight * _ratios(sums)], axis=-1).reshape(len(times), -1)
    flat = parts.reshape(sessions, -1)
    products = (flat[:, :, None] * flat[:, None, :]).reshape(sessions, -1)
    drawn = (times @ products).reshape(len(times), flat.shape[1], flat.shape[1])
    variances = np.einsum("ri,rj,rij->r", linear, linear, drawn) * sessions / (sessions - 1)
    errors: Floats = np.sqrt(np.maximum(variances, 0.0))
    return errors


def _ratios(sums: Floats) -> Floats:
    """Numerators by denominators along the last axis; 0 where there is nothing to divide by."""
    whole = sums[..., 1]
    return np.divide(sums[..., 0], whole, out=np.zeros(whole.shape), where=whole > 0)


def _degrees_of_freedom(sizes: Sequence[float]) -> float:
    """One less than effective sessions; at least one."""
    weights = np.asarray(sizes, dtype=np.float64)
    squares = float((weights**2).sum())
    effective = float(weights.sum()) ** 2 / squares if squares else float(len(weights))
    return max(effective - 1, 1.0)


def _student(degrees: float, share: float = (1 + LEVEL) / 2) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, share))


def _estimate(
    value: float,
    error: float | None,
    quantile: float | None,
    sessions: int,
    bounds: tuple[float, float],
) -> Estimate:
    interval = None
    if error is not None and quantile is not None:
        # An error of 0 stays one, whatever the quantile.
        margin = error * quantile if error > 0 else 0.0
        interval = Interval(
            low=round(max(value - margin, bounds[0]), STORED_DIGITS),
            high=round(min(value + margin, bounds[1]), STORED_DIGITS),
        )
    return Estimate(
        value=round(value, STORED_DIGITS),
        interval=interval,
        standard_error=None if error is None else round(error, STORED_DIGITS),
        sessions=sessions,
    )
