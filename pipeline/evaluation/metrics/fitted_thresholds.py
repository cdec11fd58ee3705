"""Whether a class would score better from another confidence on, told without fooling oneself.

The confidence that is best on some frames looks better there than it is: with 20 objects, an F1 of
0.41 reads as 0.48. So it is cross-fitted: sessions are dealt into folds, the confidence for each
fold is chosen on all others, and what all folds then score together is compared with what the
shipped confidence scores, paired over sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.counts import Counts, count, f1_of, judge
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.scores import CURVE, Judgement
from pipeline.evaluation.metrics.sessions import Estimate, f1_difference
from pipeline.manifests import Record

MOST_FOLDS = 5
ENOUGH_TO_FIT = 50
"""True objects from which a class gets a confidence of its own: with fewer, the best is chance."""


class FittedThreshold(Record):
    """What another confidence would change for one class."""

    name: str
    truths: int
    shipped: float
    fitted: float = Field(description="The best on all frames.")
    f1: float = Field(description="At the shipped confidence.")
    cross_fitted_f1: float = Field(description="At confidences chosen on other sessions.")
    gain: Estimate = Field(description="Of the cross-fitted F1 over that of the shipped one.")

    @property
    def is_justified(self) -> bool:
        """Whether the gain is more than chance, and rests on enough objects."""
        interval = self.gain.interval
        return self.truths >= ENOUGH_TO_FIT and interval is not None and interval.low > 0


def fit_thresholds(
    frames: Sequence[JudgedFrame], judgement: Judgement
) -> tuple[FittedThreshold, ...]:
    """Cross-fit the confidence of every class with objects; nothing with a single session.

    Args:
        frames: with all detections, also those of low score; each of a session.
        judgement: classes, the shipped confidences, and the seed of intervals.
    """
    names = sorted({frame.session or frame.name for frame in frames})
    if len(names) < 2:
        return ()
    number = {name: index for index, name in enumerate(names)}
    of_frame = np.array([number[frame.session or frame.name] for frame in frames])
    outcomes = judge(frames, len(judgement.class_names))

    def counted(thresholds: Sequence[float]) -> Counts:
        totals = np.zeros((len(names), len(judgement.class_names), 3), dtype=np.int64)
        np.add.at(totals, of_frame, count(outcomes, thresholds))
        return totals

    classes = len(judgement.class_names)
    shipped = counted(judgement.thresholds)
    candidates = np.stack([counted([confidence] * classes) for confidence in CURVE])
    return tuple(_fitted(shipped, candidates, judgement))


def _fitted(shipped: Counts, candidates: Counts, judgement: Judgement) -> Iterator[FittedThreshold]:
    """Args are int64 [sessions, classes, 3] and [confidences, sessions, classes, 3]."""
    folds = np.arange(len(shipped)) % min(MOST_FOLDS, len(shipped))
    for class_id, name in enumerate(judgement.class_names):
        now, others = shipped[:, class_id], candidates[:, :, class_id]
        truths = int(now[:, [0, 2]].sum())
        if truths == 0:
            continue
        crossed = _cross_fitted(others, folds)
        gain = f1_difference(crossed, now, judgement.seed)
        yield FittedThreshold(
            name=name,
            truths=truths,
            shipped=judgement.thresholds[class_id],
            fitted=CURVE[_best(others)],
            f1=round(float(f1_of(now.sum(axis=0))), STORED_DIGITS),
            cross_fitted_f1=round(float(f1_of(crossed.sum(axis=0))), STORED_DIGITS),
            gain=gain,
        )


def _cross_fitted(candidates: Counts, folds: npt.NDArray[np.int64]) -> Counts:
    """Counts of every session at the confidence that is best on the other folds, [sessions, 3]."""
    crossed: Counts = np.zeros_like(candidates[0])
    for fold in np.unique(folds):
        held = folds == fold
        crossed[held] = candidates[_best(candidates[:, ~held]), held]
    return crossed


def _best(candidates: Counts) -> int:
    """Index of the confidence with the best F1; of equal ones that in the middle."""
    scores = f1_of(candidates.sum(axis=1))
    equal = np.flatnonzero(scores >= scores.max() - 1e-9)
    return int(equal[len(equal) // 2])
