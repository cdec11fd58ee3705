"""What people changed in all frames of a batch, per class; and how far the boxes sway them.

Boxes that are shown are boxes that are believed: where a model is wrong, people leave more of it
than they would have drawn. So some frames go out blind, chosen at random. What a model had found in
these and people then labelled without seeing it agree as far as the model is right; in the frames
that were shown they agree as far as it is right or believed. The difference of both is the measured
bias. It is understated where the shown frames were chosen because the model doubts them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from pipeline.annotation.corrections.frame_corrections import CorrectedFrame, overlap_of
from pipeline.evaluation.metrics.counts import Counts, f1_of
from pipeline.evaluation.metrics.intervals import Interval, bootstrap_f1, bootstrap_f1_gap
from pipeline.manifests import Record

SEED = 42
FEWEST_FRAMES = 10
"""Of each kind: an interval of fewer says how few they are, and not how far to trust them."""
DIGITS = 6


class ClassCorrections(Record):
    """What became of the model's boxes of one class, and which labels of it people added."""

    class_name: str
    kept: int = 0
    moved: int = 0
    relabelled: int = Field(0, description="Of this class by the model, of another by people.")
    deleted: int = 0
    added: int = Field(0, description="Labels of this class where the model had found nothing.")
    moved_overlap: float | None = Field(
        None, description="Mean overlap of a moved box with where it was."
    )

    @property
    def found(self) -> int:
        """Boxes of the model."""
        return self.kept + self.moved + self.relabelled + self.deleted


class Agreement(Record):
    """How far what a model found and what people labelled agree, as F1 at an overlap of half."""

    frames: int
    boxes: int = Field(description="Of the model.")
    labels: int = Field(description="Of people.")
    f1: float | None = Field(None, description="None where there is neither a box nor a label.")
    interval: Interval | None = Field(None, description="None of too few frames.")


class Bias(Record):
    """By how much people agree more with a model whose boxes they saw."""

    difference: float | None = Field(None, description="In F1, shown less blind.")
    interval: Interval | None = None
    verdict: str = Field(description="For people.")


class CorrectionSummary(Record):
    """Everything there is to say of an export batch.

    Blind and shown frames are never put together. Frames that were chosen, and that nobody saw
    boxes in because their batch was sent without any, are neither: they were not drawn at random.
    """

    batches: tuple[str, ...] = Field(description="Annotation batches in which its frames went out.")
    models: tuple[str, ...] = Field(description="What had found the boxes.")
    shown: tuple[ClassCorrections, ...] = Field(description="Classes with boxes or labels.")
    blind: tuple[ClassCorrections, ...]
    shown_agreement: Agreement
    blind_agreement: Agreement
    unseen_agreement: Agreement = Field(
        Agreement(frames=0, boxes=0, labels=0),
        description="In frames that are not blind, of batches that were sent without boxes.",
    )
    bias: Bias
    bias_exports: tuple[str, ...] = Field(
        (),
        description="Other export batches that brought frames of the same annotation batches; they "
        "count for the bias alone. CVAT exports the blind frames apart, as a task of their own.",
    )
    other_frames: int = Field(description="That were never pre-labelled.")
    doubles: int = Field(description="Frames with the image of another one, left out.")
    unlabelled_blind: int = Field(
        description="Frames that nobody saw boxes in, without any label, left out: nobody can tell "
        "whether they hold nothing or nobody has looked at them."
    )
    unknown_classes: tuple[str, ...] = Field(
        description="Classes of the model's boxes that the export lacks, left out."
    )


def class_corrections(
    frames: Sequence[CorrectedFrame], class_names: Sequence[str]
) -> tuple[ClassCorrections, ...]:
    """Count what became of each class; classes of which there is nothing are left out."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    overlaps = defaultdict(list)
    for frame in frames:
        for kept in frame.kept:
            counts[kept.class_name]["kept"] += 1
        for one in frame.differences:
            change = "deleted" if one.change == "removed" else one.change
            counts[one.other_class or one.class_name][change] += 1
            if change == "moved":
                overlaps[one.class_name].append(overlap_of(one))
    return tuple(
        ClassCorrections(
            class_name=name,
            moved_overlap=_mean(overlaps[name]),
            **counts[name],
        )
        for name in class_names
        if name in counts
    )


def agreement_of(frames: Sequence[CorrectedFrame]) -> Agreement:
    """Agreement over frames, with an interval where there are enough."""
    counts = _counts(frames)
    found, false, missed = (int(column) for column in counts.sum(axis=0))
    if not found + false + missed:
        return Agreement(frames=len(frames), boxes=0, labels=0)
    return Agreement(
        frames=len(frames),
        boxes=found + false,
        labels=found + missed,
        f1=round(float(f1_of(counts.sum(axis=0))), DIGITS),
        interval=bootstrap_f1(counts, SEED) if len(frames) >= FEWEST_FRAMES else None,
    )


def bias_of(shown: Sequence[CorrectedFrame], blind: Sequence[CorrectedFrame]) -> Bias:
    """By how much people agree more with the model in frames in which they saw its boxes."""
    if not blind or not shown:
        kind = "blind" if not blind else "shown"
        return Bias(verdict=f"cannot be told: no {kind} frames came back so far")
    first, second = agreement_of(shown).f1, agreement_of(blind).f1
    if first is None or second is None:
        return Bias(verdict="cannot be told: frames without boxes and labels")
    difference = round(first - second, DIGITS)
    fewest = min(len(shown), len(blind))
    if fewest < FEWEST_FRAMES:
        return Bias(
            difference=difference,
            verdict=f"too few frames for an interval: {fewest} of one kind, {FEWEST_FRAMES} needed",
        )
    interval = bootstrap_f1_gap(_counts(shown), _counts(blind), SEED)
    return Bias(difference=difference, interval=interval, verdict=_verdict(interval))


def totals(rows: Sequence[ClassCorrections]) -> ClassCorrections:
    """All classes together."""
    moved = sum(row.moved for row in rows)
    overlap = sum((row.moved_overlap or 0) * row.moved for row in rows)
    return ClassCorrections(
        class_name="all",
        kept=sum(row.kept for row in rows),
        moved=moved,
        relabelled=sum(row.relabelled for row in rows),
        deleted=sum(row.deleted for row in rows),
        added=sum(row.added for row in rows),
        moved_overlap=round(overlap / moved, DIGITS) if moved else None,
    )


def explained(summary: CorrectionSummary) -> str:
    """What there is to say first, in words."""
    return " ".join((*sentences(summary).values(), f"Bias of the boxes: {summary.bias.verdict}."))


def sentences(summary: CorrectionSummary) -> Mapping[str, str]:
    """The same by what each is about, but for the bias: none longer than a page's line."""
    unseen = summary.unseen_agreement.frames
    frames = summary.shown_agreement.frames + summary.blind_agreement.frames + unseen
    if not frames:
        return {"outcome_of_prelabels": _why_nothing(summary)}
    row = totals(summary.shown)
    told = {
        "outcome_of_prelabels": f"{frames} frames of {', '.join(summary.batches)} came back, "
        f"{summary.blind_agreement.frames} of them blind."
    }
    if unseen:
        told["sent_without_boxes"] = (
            f"{unseen} were chosen by the model, and sent without its boxes: they tell neither "
            "what is changed of boxes, nor, as blind ones do, how it is elsewhere."
        )
    if row.found:
        told["outcome_of_boxes"] = (
            f"Of {row.found} boxes that people saw, {row.kept} were kept, {row.moved} moved, "
            f"{row.relabelled} relabelled and {row.deleted} deleted; {row.added} were added."
        )
    if summary.unknown_classes:
        left_out = ", ".join(summary.unknown_classes)
        told["left_out_boxes"] = f"Boxes of {left_out} are left out: the batch has no such class."
    return told


def _why_nothing(summary: CorrectionSummary) -> str:
    if summary.unlabelled_blind:
        return (
            "The frames of this batch that were pre-labelled have no labels, and nobody saw boxes "
            "in them."
        )
    return (
        "No frame of this batch was pre-labelled, so there is nothing to compare. Of images that "
        "were saved again with a loss, as JPEG, that cannot be told."
    )


def shares(row: ClassCorrections) -> Mapping[str, float]:
    """Of the model's boxes of a class: kept, moved, relabelled, deleted; empty without any."""
    if not row.found:
        return {}
    parts = {"kept": row.kept, "moved": row.moved, "relabelled": row.relabelled}
    return {name: count / row.found for name, count in {**parts, "deleted": row.deleted}.items()}


def _verdict(interval: Interval) -> str:
    if interval.low > 0:
        return "people agree more with a model whose boxes they see"
    if interval.high < 0:
        return (
            "people agree less with the model in the frames that they saw its boxes in, as where "
            "these were chosen because it doubts them"
        )
    return "not distinguishable from none"


def _counts(frames: Sequence[CorrectedFrame]) -> Counts:
    return np.array([frame.counts for frame in frames], dtype=np.int64).reshape(-1, 3)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), DIGITS) if values else None
