"""How much a model would learn from the labels of a frame, and how many boxes that takes.

A frame's value is the sum over what was detected in it:

    weight of the class * uncertainty  +  DISAGREEMENT * weight of the class * disagreement

Uncertainty of one place is how unsure the model is whether something is there, `4 p (1 - p)` of
its best score p, or between which classes, `2 q` of the best score q of another class there,
whichever is more; both reach from 0 to 1. Disagreement is by how much the score changes in the
flipped or in the downscaled image. Only additions, products and square roots: the same on every
machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.annotation.annotation_batch import Reason
from pipeline.annotation.augmented_inference import AugmentedDetections, Detections
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box, iou_matrix

SAME_PLACE = 0.5
"""Overlap from which two boxes are of one thing."""
UNCERTAIN_FROM = 0.1
"""Lower scores are noise: of them any frame has many."""
DISAGREEMENT = 0.5
LEAST_WEIGHT, MOST_WEIGHT = 1 / 3, 3.0
"""Of a class; a class that was never labelled would else be all that is looked for."""
MOST_REASONS = 6
"""Of a frame, those that weigh most."""
DIGITS = 4


@dataclass(frozen=True)
class ScoringRules:
    """What the value of a frame depends on beside what is detected in it.

    Attributes:
        class_names: a box's class id is an index into it.
        thresholds: for each class, the score from which a detection counts.
        weights: of each class; see `class_weights`.
        labelled: boxes of each class that are labelled already.
        boxes_per_detection: how many boxes a labelled frame really has for each that counts.
    """

    class_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    weights: tuple[float, ...]
    labelled: tuple[int, ...]
    boxes_per_detection: float = 1.0


@dataclass(frozen=True)
class Rating:
    """What labels of a frame are worth.

    Attributes:
        value: without unit, 0 or more.
        expected_boxes: that a person will draw or correct, at least 1.
        reasons: heaviest first.
    """

    value: float
    expected_boxes: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class _Location:
    """Where something may be: the best detection there, and the best of another class."""

    best: ScoredBox
    rival: ScoredBox | None


def class_weights(labelled: Sequence[int]) -> tuple[float, ...]:
    """A weight for each class: the square root of how much rarer than the mean it is.

    Args:
        labelled: boxes of each class on real frames. Where there are none at all, all weigh 1.
    """
    mean = sum(labelled) / max(1, len(labelled))
    raw = (float(np.sqrt((mean + 1) / (count + 1))) for count in labelled)
    return tuple(round(min(max(one, LEAST_WEIGHT), MOST_WEIGHT), DIGITS) for one in raw)


def rate_uncertainty(found: AugmentedDetections, rules: ScoringRules) -> Rating:
    """How uncertain detections in a frame are, and where its augmented detections disagree."""
    reasons = [*_uncertainties(found.original, rules), *_disagreements(found, rules)]
    return _rating(reasons, found.original, rules)


def rate_confusion(
    found: AugmentedDetections, rules: ScoringRules, groups: Sequence[Collection[int]]
) -> Rating:
    """Where detections of named classes compete.

    Args:
        groups: ids of classes that are taken for one another.
    """
    reasons = [
        reason
        for group in groups
        for place in _places([one for one in found.original if one.class_id in group])
        for reason in _confusions(place, rules)
    ]
    return _rating(reasons, found.original, rules)


def expected_boxes(original: Detections, rules: ScoringRules) -> float:
    """About how many boxes a person will leave in a frame: what counts there, calibrated."""
    counting = sum(found.score >= rules.thresholds[found.class_id] for found in original)
    return round(max(1.0, counting * rules.boxes_per_detection), 2)


def _rating(reasons: Sequence[Reason], original: Detections, rules: ScoringRules) -> Rating:
    ordered = sorted(reasons, key=lambda one: (-one.value, one.kind, one.text, one.box or ()))
    value = round(sum(one.value for one in ordered), DIGITS)
    return Rating(value, expected_boxes(original, rules), tuple(ordered[:MOST_REASONS]))


def _uncertainties(original: Detections, rules: ScoringRules) -> Iterator[Reason]:
    for place in _places([found for found in original if found.score >= UNCERTAIN_FROM]):
        best, rival = place.best, place.rival
        presence = 4 * best.score * (1 - best.score)
        between = min(1.0, 2 * rival.score) if rival is not None else 0.0
        weight = rules.weights[best.class_id]
        text = f"{_scored(best, rules)}: is there one?"
        if rival is not None and between >= presence:
            weight = max(weight, rules.weights[rival.class_id])
            text = f"{_scored(best, rules)} or {_scored(rival, rules)}?"
        yield _reason("uncertainty", text, weight * max(presence, between), best, rules)


def _disagreements(found: AugmentedDetections, rules: ScoringRules) -> Iterator[Reason]:
    for name, augmented in found.augmented:
        factor = DISAGREEMENT / len(found.augmented)
        for one, other in ((found.original, augmented), (augmented, found.original)):
            for scored, change in _changes(one, other, rules):
                if one is augmented:
                    text = f"{_scored(scored, rules)} in {name} alone"
                else:
                    left = round(scored.score - change, 2)
                    text = f"{_scored(scored, rules)}, but {left:g} in {name}"
                weight = rules.weights[scored.class_id]
                yield _reason("disagreement", text, factor * weight * change, scored, rules)


def _changes(
    one: Detections, other: Detections, rules: ScoringRules
) -> Iterator[tuple[ScoredBox, float]]:
    """Detections that count in one image, and how much less the other gives them.

    What counts in both comes from the image in which it scores more, so that it comes once.
    """
    counting = [found for found in one if found.score >= rules.thresholds[found.class_id]]
    overlaps = iou_matrix((a.box for a in counting), (b.box for b in other)) >= SAME_PLACE
    for found, row in zip(counting, overlaps, strict=True):
        same = (b.score for b, near in zip(other, row, strict=True) if near and _same(found, b))
        change = found.score - max(same, default=0.0)
        if change > 0:
            yield found, change


def _same(one: ScoredBox, other: ScoredBox) -> bool:
    return one.class_id == other.class_id


def _confusions(place: _Location, rules: ScoringRules) -> Iterator[Reason]:
    best, rival = place.best, place.rival
    if rival is not None:
        text = f"{_scored(best, rules)} or {_scored(rival, rules)}?"
        yield _reason("confusion", text, min(1.0, 2 * rival.score), best, rules)
    elif best.score >= UNCERTAIN_FROM:
        # Half: nothing says for what else it might be taken.
        text = f"{_scored(best, rules)}: hardly known"
        yield _reason("confusion", text, 2 * best.score * (1 - best.score), best, rules)


def _places(found: Sequence[ScoredBox]) -> list[_Location]:
    """Detections by place: the best first, with the best of another class that overlaps it."""
    overlaps = iou_matrix((a.box for a in found), (b.box for b in found)) >= SAME_PLACE
    free = np.ones(len(found), np.bool_)
    places = []
    for index in sorted(range(len(found)), key=lambda i: (-found[i].score, i)):
        if not free[index]:
            continue
        here = np.flatnonzero(overlaps[index] & free)
        free[here] = False
        free[index] = False
        best = found[index]
        rivals = [found[other] for other in here.tolist() if found[other].class_id != best.class_id]
        places.append(_Location(best, max(rivals, key=lambda one: one.score, default=None)))
    return places


def _reason(kind: str, text: str, value: float, about: ScoredBox, rules: ScoringRules) -> Reason:
    weight, count = rules.weights[about.class_id], rules.labelled[about.class_id]
    rare = f"; {count} labelled so far" if weight > 1 and kind != "confusion" else ""
    return Reason(
        kind=kind,
        text=f"{text}{rare}",
        value=round(value, DIGITS),
        class_name=rules.class_names[about.class_id],
        box=Box(*about.box),
    )


def _scored(found: ScoredBox, rules: ScoringRules) -> str:
    return f"{rules.class_names[found.class_id]} {found.score:.2f}"


def ids_of_groups(
    groups: Sequence[Sequence[str]], class_groups: Mapping[str, str], class_names: Sequence[str]
) -> tuple[frozenset[int], ...]:
    """Class ids of named confusions.

    Args:
        groups: names of classes, or of groups of them, that are taken for one another.
        class_groups: the group of each class.
    """
    return tuple(
        frozenset(
            index
            for index, name in enumerate(class_names)
            if name in group or class_groups[name] in group
        )
        for group in groups
    )
