"""Whether a new classifier is better than the one in use, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pipeline.community.classifiers.answers import ClassifierAnswers
from pipeline.community.classifiers.scoring import SEED, Basis, as_counts, resampling_units
from pipeline.community.classifiers.split import Example
from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.counts import f1_of
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.sessions import (
    Estimate,
    f1_difference,
    sessions_needed,
    totals_by_session,
)
from pipeline.manifests import Record

Verdict = Literal["better", "worse", "not distinguishable"]


class ClassifierComparisonError(OutpostError):
    """Two classifiers that cannot be compared."""


class ClassifierGate(Record):
    """A new classifier beside the one in use, and whether it may take its place.

    An image of a name that only one of them knows counts for both, as it would in use.
    """

    images: int
    over: Basis = Field(description="What was resampled, in pairs, for the interval.")
    new: float = Field(description="Share of right answers of the new one, 0 to 1.")
    old: float
    change: Estimate = Field(description="New less old.")
    names_added: int = Field(0, description="That only the new one knows.")
    names_lost: int = Field(0, description="That only the old one knows.")

    @property
    def verdict(self) -> Verdict:
        """Decided only when the interval of the difference leaves out 0."""
        interval = self.change.interval
        if interval is None or interval.low <= 0 <= interval.high:
            return "not distinguishable"
        return "better" if interval.low > 0 else "worse"

    @property
    def passes(self) -> bool:
        """Whether it may be published: it is better, or it is no worse and knows more names."""
        if self.verdict == "better":
            return True
        return self.verdict == "not distinguishable" and self.names_added > self.names_lost

    @property
    def explanation(self) -> str:
        """Verdict, difference and interval, and what would decide it where nothing does."""
        change = self.change
        moved = f"{change.value:+.3f}"
        if change.interval is not None:
            moved += f", 95%: {change.interval.signed}"
        names = f"; {self.names_added} names more, {self.names_lost} fewer"
        said = f"{self.verdict} ({moved}, {self.images} images of {change.sessions} {self.over})"
        needed = sessions_needed(change)
        if self.verdict == "not distinguishable" and needed is not None:
            names += f"; about {needed} {self.over} would tell them apart if it stays so"
        return said + names


def compare_classifiers(
    new: ClassifierAnswers, old: ClassifierAnswers, examples: Sequence[Example]
) -> ClassifierGate:
    """Compare two classifiers, paired over contributors or, of one contributor, over groups.

    Args:
        new, old: what each says of the same images.
        examples: these images, from none of which either has learned.

    Raises:
        ClassifierComparisonError: there is no image, or they were asked about others.
    """
    counts = {len(new.probabilities), len(old.probabilities), len(examples)}
    if counts == {0} or len(counts) > 1:
        raise ClassifierComparisonError(
            f"Classifiers are compared on the same images, at least one; there are {counts}.",
            "Wait until enough people have contributed that some of their images can judge.",
        )
    truths = [example.label for example in examples]
    over, units = resampling_units(examples)
    totals = [totals_by_session(as_counts(each.right(truths)), units) for each in (new, old)]
    values = [round(float(f1_of(each.sum(axis=0))), STORED_DIGITS) for each in totals]
    return ClassifierGate(
        images=len(examples),
        over=over,
        new=values[0],
        old=values[1],
        change=f1_difference(totals[0], totals[1], SEED),
        names_added=len(set(new.classes) - set(old.classes)),
        names_lost=len(set(old.classes) - set(new.classes)),
    )
