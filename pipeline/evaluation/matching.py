"""Which detection found which true object.

The rule of record: detections take their turn by score, highest first (equal scores by their best
overlap, then by index); each takes the free true box that it overlaps most (equal overlaps by
index), if that is enough; nothing is taken twice. Within classes this is how COCO matches at one
overlap; what is left over is then matched regardless of class, which shows what was taken for what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.labels.boxes import Box, LabelledBox, iou_matrix

MIN_IOU = 0.5
"""Least overlap of a detection and what it found."""


@dataclass(frozen=True)
class ScoredBox:
    """A detection: class id, score in 0..1, and its box in pixels of the image."""

    class_id: int
    score: float
    box: Box


@dataclass(frozen=True)
class Matching:
    """Indices of true boxes and of the detections that found them, in the order of their matching,
    and the indices that are left over, ascending."""

    matches: tuple[tuple[int, int], ...]
    missed_truths: tuple[int, ...]
    false_detections: tuple[int, ...]


def match_within_classes(
    truths: Sequence[LabelledBox], detections: Sequence[ScoredBox]
) -> Matching:
    """Match boxes of the same class."""
    same = _classes(truths)[:, None] == _classes(detections)[None, :]
    return _match(np.where(same, _overlaps(truths, detections), 0.0), detections)


def match_across_classes(
    truths: Sequence[LabelledBox], detections: Sequence[ScoredBox]
) -> Matching:
    """Match boxes of the same class, then what is left over whatever its class.

    So whatever is told by it, of a class or of all, has the counts of `match_within_classes`.
    """
    first = match_within_classes(truths, detections)
    left = [truths[index] for index in first.missed_truths]
    spare = [detections[index] for index in first.false_detections]
    second = _match(_overlaps(left, spare), spare)
    return Matching(
        matches=(
            *first.matches,
            *((first.missed_truths[i], first.false_detections[j]) for i, j in second.matches),
        ),
        missed_truths=tuple(first.missed_truths[index] for index in second.missed_truths),
        false_detections=tuple(first.false_detections[index] for index in second.false_detections),
    )


def _match(overlaps: npt.NDArray[np.float64], detections: Sequence[ScoredBox]) -> Matching:
    """Greedy one-to-one matching; `overlaps` is [truths, detections]."""
    truth_count, detection_count = overlaps.shape
    best = overlaps.max(axis=0, initial=0.0)
    turns = sorted(range(detection_count), key=lambda i: (-detections[i].score, -best[i], i))
    free = np.ones(truth_count, dtype=bool)
    matches = []
    for detection in turns:
        candidates = np.where(free, overlaps[:, detection], 0.0)
        if not candidates.any():
            continue
        truth = int(candidates.argmax())
        if candidates[truth] >= MIN_IOU:
            free[truth] = False
            matches.append((truth, detection))
    used = {detection for _, detection in matches}
    return Matching(
        matches=tuple(matches),
        missed_truths=tuple(int(index) for index in np.flatnonzero(free)),
        false_detections=tuple(index for index in range(detection_count) if index not in used),
    )


def _classes(boxes: Sequence[LabelledBox] | Sequence[ScoredBox]) -> npt.NDArray[np.int64]:
    return np.array([box.class_id for box in boxes], dtype=np.int64)


def _overlaps(
    truths: Sequence[LabelledBox], detections: Sequence[ScoredBox]
) -> npt.NDArray[np.float64]:
    return iou_matrix((truth.box for truth in truths), (found.box for found in detections))
