"""What kinds of errors there are at the thresholds, and how objects of each size fare.

Errors are told apart as TIDE does (Bolya et al., A General Toolbox for Identifying Object Detection
Errors, 2020, section 2.2), at the thresholds alone: what becomes of detections below them is no
concern of anybody who plays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import MIN_IOU, ScoredBox, match_within_classes
from pipeline.evaluation.metrics.counts import counting
from pipeline.evaluation.metrics.intervals import STORED_DIGITS, Interval, wilson
from pipeline.labels.boxes import Box, LabelledBox, iou_matrix
from pipeline.manifests import Record

TOUCHING_IOU = 0.1
"""Least overlap of a detection with what it may have meant."""
SIZES = (("small", 0.0, 32.0), ("medium", 32.0, 96.0), ("large", 96.0, float("inf")))
"""COCO's: the side of a square of the box's area, in pixels of the frame; from and below."""


class ErrorKind(StrEnum):
    """What is wrong with a detection, or with an object that no detection found."""

    WRONG_CLASS = "wrong class"
    WRONG_PLACE = "wrong place"
    BOTH = "wrong class and place"
    DOUBLE = "found before"
    BACKGROUND = "nothing there"
    MISSED = "missed"


class SizeScore(Record):
    """How many of the objects of one size are found, by a detection of their class."""

    name: str
    truths: int
    found: int
    recall: float | None = Field(description="None without objects.")
    recall_interval: Interval = Field(description="Wilson, at 95%.")


def count_errors(frames: Sequence[JudgedFrame], thresholds: Sequence[float]) -> dict[str, int]:
    """How many errors of each kind there are.

    An object is missed where no detection that counts lies on it, not even one of the wrong class
    or place: one cause is one error. All others of these are false detections.
    """
    counts: Counter[ErrorKind] = Counter()
    for frame in frames:
        counts.update(_errors(frame.truths, counting(frame.detections, thresholds)))
    return {kind.value: counts[kind] for kind in ErrorKind}


def score_sizes(
    frames: Sequence[JudgedFrame], thresholds: Sequence[float]
) -> tuple[SizeScore, ...]:
    """Recall of small, medium and large objects."""
    totals: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for frame in frames:
        names = [size_of(truth.box) for truth in frame.truths]
        totals.update(names)
        counted = counting(frame.detections, thresholds)
        found.update(
            names[index] for index, _ in match_within_classes(frame.truths, counted).matches
        )
    return tuple(
        SizeScore(
            name=name,
            truths=totals[name],
            found=found[name],
            recall=round(found[name] / totals[name], STORED_DIGITS) if totals[name] else None,
            recall_interval=wilson(found[name], totals[name]),
        )
        for name, _, _ in SIZES
    )


def size_of(box: Box) -> str:
    """The name of a box's size."""
    side = box.area**0.5
    return next(name for name, low, high in SIZES if low <= side < high)


def _errors(truths: Sequence[LabelledBox], detections: Sequence[ScoredBox]) -> Iterator[ErrorKind]:
    matching = match_within_classes(truths, detections)
    overlaps = iou_matrix((truth.box for truth in truths), (found.box for found in detections))
    classes = np.array([truth.class_id for truth in truths], dtype=np.int64)
    missed = set(matching.missed_truths)
    for index in matching.false_detections:
        same = np.where(classes == detections[index].class_id, overlaps[:, index], 0.0)
        kind = _kind(same, overlaps[:, index])
        yield kind
        if kind in (ErrorKind.WRONG_CLASS, ErrorKind.WRONG_PLACE, ErrorKind.BOTH):
            meant = same if kind is ErrorKind.WRONG_PLACE else overlaps[:, index]
            missed.discard(int(meant.argmax()))
    yield from (ErrorKind.MISSED for _ in missed)


def _kind(same: npt.NDArray[np.float64], every: npt.NDArray[np.float64]) -> ErrorKind:
    """The error of a false detection, by its overlaps with objects of its class and with all."""
    best_same, best = same.max(initial=0.0), every.max(initial=0.0)
    if best_same >= MIN_IOU:
        return ErrorKind.DOUBLE
    if best >= MIN_IOU:
        return ErrorKind.WRONG_CLASS
    if best_same >= TOUCHING_IOU:
        return ErrorKind.WRONG_PLACE
    return ErrorKind.BOTH if best >= TOUCHING_IOU else ErrorKind.BACKGROUND
