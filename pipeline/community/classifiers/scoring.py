"""How good a classifier is on images of people from whom it has learned nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.community.classifiers.answers import ClassifierAnswers
from pipeline.community.classifiers.split import Example
from pipeline.evaluation.metrics.counts import Counts
from pipeline.evaluation.metrics.intervals import STORED_DIGITS, Interval, wilson
from pipeline.evaluation.metrics.sessions import Estimate, f1_over_sessions, totals_by_session
from pipeline.manifests import Record

Basis = Literal["contributors", "groups"]
BINS = 10
SEED = 42
"""Of the resampling."""
SHOWN = 24
"""Images of mistakes, and of what is unsure, that are kept."""


class ReliabilityBin(Record):
    """Answers of about one confidence, and how many of them are right."""

    images: int
    confidence: float = Field(description="Mean, 0 to 1.")
    accuracy: float = Field(description="0 to 1; where both are equal, confidence means something.")


class NameScore(Record):
    """How one name fares."""

    name: str
    trained_on: int = Field(description="Images.")
    images: int = Field(description="That judge it; 0 where all are needed to train.")
    right: int
    interval: Interval = Field(description="Of the share of right answers (Wilson).")


class ConfusedNames(Record):
    """Images of one name that were taken for another."""

    truth: str
    answer: str
    images: int


class JudgedImage(Record):
    """One image that judges."""

    sha256: str
    truth: str
    answer: str = Field(description="The most likely name, whether or not it counts as known.")
    confidence: float


class ClassifierScores(Record):
    """How good a classifier is; figures are None where no image judges."""

    images: int
    names: int = Field(description="That are judged.")
    over: Basis = Field(description="What was resampled for the intervals.")
    accuracy: Estimate | None
    images_of_new_groups: int = Field(description="Whose near duplicates were not trained on.")
    accuracy_of_new_groups: Estimate | None
    unknown: float | None = Field(description="Share of answers that are 'I don't know'.")
    accuracy_of_known: Estimate | None = Field(description="Of all other answers.")
    calibration_error_before: float | None = Field(description="Without the temperature.")
    calibration_error: float | None = Field(
        description="Expected calibration error in ten bins (Naeini et al., 2015), 0 to 1."
    )
    reliability: tuple[ReliabilityBin, ...]
    per_name: tuple[NameScore, ...] = Field(description="The worst first.")
    confusions: tuple[ConfusedNames, ...] = Field(description="The most frequent first.")
    mistakes: tuple[JudgedImage, ...] = Field(description="The surest wrong answers first.")
    unsure: tuple[JudgedImage, ...] = Field(description="The least sure answers first.")


def score_answers(
    answers: ClassifierAnswers,
    examples: Sequence[Example],
    is_new_group: NDArray[np.bool_],
    trained_on: Counter[str],
) -> ClassifierScores:
    """Judge what a classifier says of images.

    Args:
        examples: the images, in the order of the answers.
        is_new_group: bool [n].
        trained_on: images by name.
    """
    truths = [example.label for example in examples]
    right, known, confidence = answers.right(truths), answers.known, answers.confidence
    over, units = resampling_units(examples)
    judged = [
        JudgedImage(
            sha256=example.sha256,
            truth=example.label,
            answer=name,
            confidence=round(float(sure), STORED_DIGITS),
        )
        for example, name, sure in zip(examples, answers.names, confidence, strict=True)
    ]
    wrong = [one for one, fits in zip(judged, right, strict=True) if not fits]
    confused = Counter((one.truth, one.answer) for one in wrong)
    bins = reliability_bins(confidence, right)
    before = reliability_bins(answers.confidence_before(), right)
    return ClassifierScores(
        images=len(examples),
        names=len(set(truths)),
        over=over,
        accuracy=accuracy_over(right, units),
        images_of_new_groups=int(is_new_group.sum()),
        accuracy_of_new_groups=accuracy_over(*_only(right, units, is_new_group)),
        unknown=round(float(1 - known.mean()), STORED_DIGITS) if len(examples) else None,
        accuracy_of_known=accuracy_over(*_only(right, units, known)),
        calibration_error_before=calibration_error(before),
        calibration_error=calibration_error(bins),
        reliability=bins,
        per_name=tuple(_per_name(truths, right, trained_on)),
        confusions=tuple(
            ConfusedNames(truth=pair[0], answer=pair[1], images=count)
            for pair, count in sorted(confused.items(), key=lambda item: (-item[1], item[0]))
        ),
        mistakes=tuple(sorted(wrong, key=lambda one: (-one.confidence, one.sha256))[:SHOWN]),
        unsure=tuple(sorted(judged, key=lambda one: (one.confidence, one.sha256))[:SHOWN]),
    )


def resampling_units(examples: Sequence[Example]) -> tuple[Basis, list[str]]:
    """Whose images stand and fall together: those of one contributor, who has one screen and one
    interface; of a single contributor those of one group."""
    people = [example.contributors[0] for example in examples if example.contributors]
    if len(set(people)) > 1:
        return "contributors", people
    return "groups", [example.group for example in examples]


def accuracy_over(right: NDArray[np.bool_], units: Sequence[str]) -> Estimate | None:
    """The share of right answers with its interval over units; None without answers."""
    if not len(right):
        return None
    return f1_over_sessions(totals_by_session(as_counts(right), units), SEED)


def as_counts(right: NDArray[np.bool_]) -> Counts:
    """Answers as counts whose F1 is the share of right ones, int64 [n, 3].

    Where each image has one true and one said name, a wrong answer is one false positive and one
    false negative, so that micro-F1 and accuracy are the same.
    """
    is_right = right.astype(np.int64)
    return np.stack([is_right, 1 - is_right, 1 - is_right], axis=1)


def reliability_bins(
    confidence: NDArray[np.floating], right: NDArray[np.bool_]
) -> tuple[ReliabilityBin, ...]:
    """Answers in bins of equal width by their confidence; empty ones are left out."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        ReliabilityBin(
            images=int((places == place).sum()),
            confidence=round(float(confidence[places == place].mean()), STORED_DIGITS),
            accuracy=round(float(right[places == place].mean()), STORED_DIGITS),
        )
        for place in np.unique(places)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Mean difference of confidence and accuracy over all answers, 0 to 1."""
    total = sum(one.images for one in bins)
    if total == 0:
        return None
    missed = sum(one.images * abs(one.confidence - one.accuracy) for one in bins)
    return round(missed / total, STORED_DIGITS)


def _only(
    right: NDArray[np.bool_], units: Sequence[str], which: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], list[str]]:
    return right[which], [unit for unit, taken in zip(units, which, strict=True) if taken]


def _per_name(
    truths: Sequence[str], right: NDArray[np.bool_], trained_on: Counter[str]
) -> Iterator[NameScore]:
    images, found = Counter(truths), Counter[str]()
    for truth, fits in zip(truths, right, strict=True):
        found[truth] += bool(fits)
    names = sorted({*images, *trained_on})
    scores = [
        NameScore(
            name=name,
            trained_on=trained_on[name],
            images=images[name],
            right=found[name],
            interval=wilson(found[name], images[name]),
        )
        for name in names
    ]
    yield from sorted(
        scores,
        key=lambda one: (one.right / one.images if one.images else 2.0, -one.images, one.name),
    )
