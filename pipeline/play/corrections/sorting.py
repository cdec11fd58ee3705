"""Which corrections are learned from, and why the others are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.corrections.lines import GOALS, Correction, GoalName, moments_of
from pipeline.play.corrections.situations import situations_of
from pipeline.play.policies.examples import Examples

Alike = tuple[tuple[int, ...], GoalName]
"""A situation's key, and the goal that was chosen in it."""


class Conflict(Record):
    """Moments that are alike, in which one goal was corrected to several."""

    action: GoalName
    corrections: dict[GoalName, int] = Field(description="Lines by what they say is right.")
    kept: GoalName | None = Field(description="What is learned; None where neither is surer.")


class SortedLines(Record):
    """What became of lines."""

    lines: int
    learned: int
    without_correction: int = Field(description="They say what the policy chose.")
    unsure: int = Field(description="Of too little confidence.")
    contradicted: int = Field(description="Left out, because like ones say otherwise.")
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class Sorted:
    """Corrections to learn from, in their order, and what each is like."""

    corrections: tuple[Correction, ...]
    alike: frozenset[Alike]
    report: SortedLines


def alike_of(moments: Examples) -> list[Alike]:
    """What each of some moments is like."""
    goals = [GOALS[goal] for goal in moments.goals.tolist()]
    return [*zip(situations_of(moments).keys(), goals, strict=True)]


def sort_corrections(corrections: Sequence[Correction], least_confidence: float) -> Sorted:
    """Leave out what corrects nothing, what is unsure, and what like lines contradict.

    Among contradictory ones the goal stays whose confidences add up to more than twice those of
    all others.
    """
    changing = [one for one in corrections if one.correction != one.action]
    sure = [one for one in changing if one.confidence >= least_confidence]
    alike = alike_of(moments_of([one.state for one in sure], [one.action for one in sure]))
    groups: dict[Alike, list[Correction]] = defaultdict(list)
    for like, one in zip(alike, sure, strict=True):
        groups[like].append(one)
    chosen = {like: _chosen(group) for like, group in groups.items()}
    kept = [
        (like, one) for like, one in zip(alike, sure, strict=True) if chosen[like] == one.correction
    ]
    conflicts = tuple(
        Conflict(action=like[1], corrections=counts, kept=chosen[like])
        for like, group in groups.items()
        if len(counts := _counts(group)) > 1
    )
    return Sorted(
        tuple(one for _like, one in kept),
        frozenset(like for like, _one in kept),
        SortedLines(
            lines=len(corrections),
            learned=len(kept),
            without_correction=len(corrections) - len(changing),
            unsure=len(changing) - len(sure),
            contradicted=len(sure) - len(kept),
            conflicts=conflicts,
        ),
    )


def _counts(group: Sequence[Correction]) -> dict[GoalName, int]:
    counts: dict[GoalName, int] = {}
    for one in group:
        counts[one.correction] = counts.get(one.correction, 0) + 1
    return counts


def _chosen(group: Sequence[Correction]) -> GoalName | None:
    sums: dict[GoalName, float] = {}
    for one in group:
        sums[one.correction] = sums.get(one.correction, 0.0) + one.confidence
    best = max(sums, key=lambda goal: sums[goal])
    others = sum(sums.values()) - sums[best]
    return best if len(sums) == 1 or sums[best] > 2 * others else None
