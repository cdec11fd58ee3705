"""What each rule of a merge did, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import NamedBatch
from pipeline.labels.comparing.choosing import Choice
from pipeline.labels.inspection.findings import FindingKind
from pipeline.manifests import Record

REPAIRED: Mapping[FindingKind, str] = {
    "double": "doubles dropped",
    "scaled": "images whose boxes were scaled",
}
"""Findings that the reading of a batch repairs; the others are left to a person."""


class RuleEffect(Record):
    """What one rule did; a rule that found nothing to do has counts of 0."""

    rule: str = Field(description="In words.")
    setting: str = Field("", description="Keys that decide it, with their values.")
    counts: dict[str, int] = Field(description="By what is counted, in words.")

    @property
    def effect(self) -> str:
        """The counts as a sentence: `2 frames left out, 1 batches`."""
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())


class MergeCounts(NamedTuple):
    """Frames of a merge by what became of them.

    Attributes:
        real_val: all that validate.
        split_validation: those of them that the split chose.
    """

    real_train: int
    real_val: int
    tested: int
    near_tested: int
    validation_leaks: int
    held_out_leaks: int
    split: str
    split_units: int
    split_validation: int


def rule_effects(
    batches: Sequence[NamedBatch],
    held_out: Sequence[str],
    choice: Choice,
    counts: MergeCounts,
    rules: MergeRules,
) -> tuple[RuleEffect, ...]:
    """Every rule of a merge in the order in which they are applied.

    Args:
        batches: all that were given.
        held_out: names of those that are held out whole.
        choice: of the frames of the others.
        counts: what became of these frames.
    """
    replaced = {one.name for one in choice.replaced}
    read = [batch for batch in batches if batch.name not in replaced]
    merged = [batch for batch in read if batch.name not in held_out]
    return (
        *_of_labels(read, rules),
        *_of_batches(batches, held_out, choice, rules),
        *_of_frames(merged, choice, counts, rules),
    )


def _of_labels(read: Sequence[NamedBatch], rules: MergeRules) -> Iterator[RuleEffect]:
    findings = Counter(found.kind for one in read for found in one.batch.findings)
    left_out = [label for one in read for label in one.batch.left_out_labels]
    unknown = [label for one in read for label in one.batch.unknown_labels]
    respelt = [label for one in read for label in one.batch.respelt_labels]
    yield RuleEffect(
        rule="labels spelt otherwise are taken for the class",
        counts={
            "shapes": sum(one.shapes for one in respelt),
            "labels": len({one.name for one in respelt}),
        },
    )
    yield RuleEffect(
        rule="labels that are no class mark nothing",
        setting=f"left_out_labels {', '.join(rules.left_out_labels) or 'none'}",
        counts={
            "shapes without a class": sum(one.shapes for one in unknown),
            "shapes left out by the batch": sum(one.shapes for one in left_out),
        },
    )
    yield RuleEffect(
        rule="shapes without a box are rejected",
        counts={"shapes": sum(len(one.batch.rejected) for one in read)},
    )
    yield RuleEffect(
        rule="boxes are repaired where there is one right answer",
        counts={
            **{text: findings[kind] for kind, text in REPAIRED.items()},
            "findings left to you": sum(
                count for kind, count in findings.items() if kind not in REPAIRED
            ),
        },
    )


def _of_batches(
    batches: Sequence[NamedBatch], held_out: Sequence[str], choice: Choice, rules: MergeRules
) -> Iterator[RuleEffect]:
    sizes = {one.name: len(one.batch.frames) for one in batches}
    if held_out:
        yield RuleEffect(
            rule="whole batches are held out",
            setting=f"held_out {', '.join(rules.held_out)}",
            counts={"batches": len(held_out), "frames": sum(sizes[name] for name in held_out)},
        )
    yield RuleEffect(
        rule="a newer export of a task replaces the older",
        counts={
            "batches left out": len(choice.replaced),
            "frames of them": sum(sizes[one.name] for one in choice.replaced),
        },
    )


def _of_frames(
    merged: Sequence[NamedBatch], choice: Choice, counts: MergeCounts, rules: MergeRules
) -> Iterator[RuleEffect]:
    changed = Counter(box.change for one in choice.differences for box in one.boxes)
    unlabelled = sum(len(one.batch.unlabelled) for one in merged)
    is_used = rules.unlabelled == "background"
    purposes = Counter(one.purpose for one in choice.frames)
    told_to_validate = counts.real_val - counts.split_validation
    yield RuleEffect(
        rule="an image of several batches is taken from one",
        counts={"frames left out": len(choice.duplicates)},
    )
    yield RuleEffect(
        rule="where batches label an image otherwise, one is taken",
        counts={
            "images": len(choice.differences),
            **{f"boxes {change}": number for change, number in sorted(changed.items())},
        },
    )
    yield RuleEffect(
        rule="frames without annotations",
        setting=f"unlabelled {rules.unlabelled}",
        counts={"used as background" if is_used else "frames left out": unlabelled},
    )
    yield RuleEffect(
        rule="CVAT's subsets are kept",
        counts={
            "frames train": purposes["train"],
            "validate": purposes["validation"],
            "validate with their view or session": told_to_validate - purposes["validation"],
            "are held out (Test)": counts.tested,
            "by the subset that another batch says": _number(one.given for one in choice.frames),
        },
    )
    yield RuleEffect(
        rule="what shows the view of a Test frame is left out",
        counts={"frames left out": counts.near_tested},
    )
    yield RuleEffect(
        rule="the other frames are split",
        setting=f"split {rules.split}, validation_fraction {rules.validation_fraction:g}, "
        f"seed {rules.seed}",
        counts={f"units ({counts.split})": counts.split_units, "validate": counts.split_validation},
    )
    yield RuleEffect(
        rule="real training frames are listed several times",
        setting=f"oversample_real {rules.oversample_real}",
        counts={"lines added": counts.real_train * (rules.oversample_real - 1)},
    )
    yield RuleEffect(
        rule="no judged frame is trained on (check leakage)",
        counts={
            "validation frames that are": counts.validation_leaks,
            "held-out frames that are": counts.held_out_leaks,
        },
    )


def _number(values: Iterable[object]) -> int:
    return sum(value is not None for value in values)
