"""Whether a class would score better from another confidence on, told without fooling oneself.

The confidence that is best on some frames looks better there than it is: with 20 objects, an F1 of
0.41 reads as 0.48. So it is cross-fitted: sessions are dealt into folds, the confidence for each
fold is chosen on all others, and what all folds then score together is compared with what the
shipped confidence scores, paired over sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.counts import Counts, count, f1_of, judge
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.scores import CURVE, Judgement
from pipeline.evaluation.metrics.sessions import Estimate, f1_difference, folds_of
from pipeline.manifests import Record

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

    @property
    def explanation(self) -> str:
        """Whether to adopt it, or why not."""
        if self.is_justified:
            return "better"
        if self.truths < ENOUGH_TO_FIT:
            return f"fewer than {ENOUGH_TO_FIT} objects"
        return "gain may be chance"


class OverallChange(Record):
    """What all classes score together once the justified confidences are adopted."""

    classes: tuple[str, ...] = Field(description="Those that get another confidence.")
    f1: float = Field(description="Micro-F1 at the shipped confidences.")
    cross_fitted_f1: float = Field(
        description="With those of `classes` chosen on other sessions. Which classes these are was "
        "decided on all sessions."
    )
    gain: Estimate


class ThresholdFit(Record):
    """Other confidences of the single classes, and of all that are justified together."""

    classes: tuple[FittedThreshold, ...] = Field(description="Those with true objects, by id.")
    overall: OverallChange | None = Field(description="None where nothing is justified.")


def fit_thresholds(frames: Sequence[JudgedFrame], judgement: Judgement) -> ThresholdFit:
    """Cross-fit the confidence of every class with objects; nothing with a single session.

    Args:
        frames: with all detections, also those of low score; each of a session.
        judgement: classes, the shipped confidences, and the seed of intervals.
    """
    names = sorted({frame.session or frame.name for frame in frames})
    if len(names) < 2:
        return ThresholdFit(classes=(), overall=None)
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
    crossed = _cross_fitted(candidates)
    fitted = tuple(_fitted(shipped, candidates, crossed, judgement))
    return ThresholdFit(classes=fitted, overall=_overall(fitted, shipped, crossed, judgement))


def _fitted(
    shipped: Counts, candidates: Counts, crossed: Counts, judgement: Judgement
) -> Iterator[FittedThreshold]:
    """int64 [sessions, classes, 3]; `candidates` is [confidences, sessions, classes, 3]."""
    for class_id, name in enumerate(judgement.class_names):
        now, then = shipped[:, class_id], crossed[:, class_id]
        truths = int(now[:, [0, 2]].sum())
        if truths == 0:
            continue
        yield FittedThreshold(
            name=name,
            truths=truths,
            shipped=judgement.thresholds[class_id],
            fitted=CURVE[_best(candidates[:, :, class_id])],
            f1=_f1(now),
            cross_fitted_f1=_f1(then),
            gain=f1_difference(then, now, judgement.seed),
        )


def _overall(
    fitted: Sequence[FittedThreshold], shipped: Counts, crossed: Counts, judgement: Judgement
) -> OverallChange | None:
    """Counts are int64 [sessions, classes, 3]."""
    adopted = [one.name for one in fitted if one.is_justified]
    if not adopted:
        return None
    changed = shipped.copy()
    ids = [judgement.class_names.index(name) for name in adopted]
    changed[:, ids] = crossed[:, ids]
    before, after = shipped.sum(axis=1), changed.sum(axis=1)
    return OverallChange(
        classes=tuple(adopted),
        f1=_f1(before),
        cross_fitted_f1=_f1(after),
        gain=f1_difference(after, before, judgement.seed),
    )


def _f1(sessions: Counts) -> float:
    """Of all sessions together; int64 [sessions, 3]."""
    return round(float(f1_of(sessions.sum(axis=0))), STORED_DIGITS)


def _cross_fitted(candidates: Counts) -> Counts:
    """Counts of every session at the confidences that are best on the other folds.

    Args:
        candidates: int64 [confidences, sessions, classes, 3].

    Returns:
        int64 [sessions, classes, 3].
    """
    crossed: Counts = np.zeros_like(candidates[0])
    sessions, classes = crossed.shape[:2]
    folds = folds_of(sessions)
    for fold in np.unique(folds):
        held = folds == fold
        for class_id in range(classes):
            best = _best(candidates[:, ~held, class_id])
            crossed[held, class_id] = candidates[best, held, class_id]
    return crossed


def _best(candidates: Counts) -> int:
    """Index of the confidence with the best F1; of equal ones that in the middle."""
    scores = f1_of(candidates.sum(axis=1))
    equal = np.flatnonzero(scores >= scores.max() - 1e-9)
    return int(equal[len(equal) // 2])
