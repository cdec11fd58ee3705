"""Counts of judged frames, their F1, and what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox, match_within_classes
from pipeline.evaluation.verdicts import verdicts_on

Counts = npt.NDArray[np.int64]
"""Columns of the last axis: true positives, false positives, false negatives."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Every detection of a set of frames with whether it found an object of its class.

    Attributes:
        frame: int64 [n], index of the detection's frame.
        class_id: int64 [n].
        score: float64 [n].
        hit: bool [n].
        truths: int64 [frames, classes], true objects.
    """

    frame: npt.NDArray[np.int64]
    class_id: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    hit: npt.NDArray[np.bool_]
    truths: npt.NDArray[np.int64]


def judge(frames: Sequence[JudgedFrame], class_count: int) -> Outcomes:
    """Match every frame within classes.

    All detections are matched at once. Cutting them off at a threshold afterwards gives the same
    matches as before, because a match never depends on detections with lower scores.
    """
    truths = np.zeros((len(frames), class_count), dtype=np.int64)
    rows: list[tuple[int, int, float, bool]] = []
    for index, frame in enumerate(frames):
        np.add.at(truths[index], [truth.class_id for truth in frame.truths], 1)
        matches = match_within_classes(frame.truths, frame.detections).matches
        hits = {detection for _, detection in matches}
        rows += [
            (index, found.class_id, found.score, number in hits)
            for number, found in enumerate(frame.detections)
        ]
    return Outcomes(
        frame=np.array([row[0] for row in rows], dtype=np.int64),
        class_id=np.array([row[1] for row in rows], dtype=np.int64),
        score=np.array([row[2] for row in rows], dtype=np.float64),
        hit=np.array([row[3] for row in rows], dtype=np.bool_),
        truths=truths,
    )


def count(outcomes: Outcomes, thresholds: Sequence[float]) -> Counts:
    """Counts of every frame and class, int64 [frames, classes, 3].

    Args:
        outcomes: of all detections.
        thresholds: for each class, the score from which a detection counts.
    """
    counts = np.zeros((*outcomes.truths.shape, 3), dtype=np.int64)
    kept = outcomes.score >= np.asarray(thresholds, dtype=np.float64)[outcomes.class_id]
    for column, chosen in enumerate((kept & outcomes.hit, kept & ~outcomes.hit)):
        np.add.at(counts[..., column], (outcomes.frame[chosen], outcomes.class_id[chosen]), 1)
    counts[..., 2] = outcomes.truths - counts[..., 0]
    return counts


def f1_of(counts: Counts) -> npt.NDArray[np.float64]:
    """F1 of counts [..., 3], float64 [...]; 0 where there is neither an object nor a detection."""
    true_positives, false_positives, false_negatives = np.moveaxis(counts, -1, 0)
    total = 2 * true_positives + false_positives + false_negatives
    f1: npt.NDArray[np.float64] = np.divide(
        2.0 * true_positives, total, out=np.zeros(total.shape), where=total > 0
    )
    return f1


def confusion(frames: Sequence[JudgedFrame], thresholds: Sequence[float]) -> npt.NDArray[np.int64]:
    """What was taken for what, int64 [classes + 1, classes + 1].

    Rows are true classes, columns detected ones; the last row holds detections where nothing is,
    the last column objects that were missed. Boxes of one class are matched first, so that the
    diagonal holds the true positives.
    """
    background = len(thresholds)
    table = np.zeros((background + 1, background + 1), dtype=np.int64)
    for frame in frames:
        for verdict in verdicts_on(frame.truths, counting(frame.detections, thresholds)):
            row = background if verdict.truth is None else verdict.truth
            column = background if verdict.found is None else verdict.found
            table[row, column] += 1
    return table


def counting(detections: Sequence[ScoredBox], thresholds: Sequence[float]) -> tuple[ScoredBox, ...]:
    """The detections that reach the threshold of their class."""
    return tuple(found for found in detections if found.score >= thresholds[found.class_id])
