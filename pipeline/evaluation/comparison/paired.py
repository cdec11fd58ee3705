"""Whether a new model is better than another one on the same frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.average_precision import (
    AveragePrecision,
    average_precisions,
    without_each_session,
)
from pipeline.evaluation.metrics.counts import f1_of
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.scores import (
    EvaluationError,
    FrameScore,
    Judgement,
    Scores,
    score_frames,
)
from pipeline.evaluation.metrics.sessions import (
    Estimate,
    f1_difference,
    jackknife,
    sessions_needed,
    totals_by_session,
)
from pipeline.manifests import Record

Verdict = Literal["better", "worse", "not distinguishable"]
MICRO_F1 = "micro-F1"
PRECISIONS = {"AP50": "ap50", "AP50-95": "ap50_95"}
SEED = 42
"""Of the bootstrap."""


class Difference(Record):
    """One figure of two models on the same frames."""

    figure: str = Field(description="For example 'micro-F1'.")
    new: float
    old: float
    change: Estimate = Field(description="New less old.")
    sessions_needed: int | None = Field(
        description="How many sessions would tell the two apart in four of five comparisons, if "
        "the difference stays what it is; None where it is 0, where no number up to 1,000 would, "
        "or where there is one session."
    )

    @classmethod
    def of(cls, figure: str, new: float, old: float, change: Estimate) -> Difference:
        """With the number of sessions that it would take."""
        rounded = (round(value, STORED_DIGITS) for value in (new, old))
        return cls.model_validate(
            {
                "figure": figure,
                **dict(zip(("new", "old"), rounded, strict=True)),
                "change": change,
                "sessions_needed": sessions_needed(change),
            }
        )

    @property
    def verdict(self) -> Verdict:
        """Decided only when the interval of the difference leaves out 0."""
        interval = self.change.interval
        if interval is None or interval.low <= 0 <= interval.high:
            return "not distinguishable"
        return "better" if interval.low > 0 else "worse"

    @property
    def explanation(self) -> str:
        """Verdict, difference and interval, and what would decide it where nothing does."""
        change = self.change
        if change.interval is None:
            return f"not distinguishable ({change.value:+.3f}): it takes two sessions at least"
        moved = f"{change.value:+.3f}, 95%: {change.interval.signed}"
        if self.verdict != "not distinguishable":
            return f"{self.verdict} ({moved}, {change.sessions} sessions)"
        return f"not distinguishable ({moved}): {self._what_it_takes()}"

    def _what_it_takes(self) -> str:
        if self.change.value == 0:
            return "the two score the same"
        if self.sessions_needed is None:
            return "no number of sessions that anybody captures would tell them apart"
        more = self.sessions_needed - self.change.sessions
        if more <= 0:
            return "a few more sessions may tell them apart"
        word = "session" if more == 1 else "sessions"
        return f"about {more} more {word} would tell them apart, if the difference stays so"


class Comparison(Record):
    """Two models on the same frames; the first difference is that of record."""

    frames: int
    sessions: int
    differences: tuple[Difference, ...] = Field(min_length=1)

    @property
    def of_record(self) -> Difference:
        """That of the micro-F1."""
        return self.differences[0]

    @property
    def verdict(self) -> Verdict:
        return self.of_record.verdict


def compare(new: Scores, old: Scores) -> Comparison:
    """Compare two models by their micro-F1, paired over sessions.

    The session of a frame is what either report says; where neither does, its folder.

    Raises:
        EvaluationError: they were judged on different frames.
    """
    matched = _by_frame(new.per_frame, old.per_frame)
    sessions = [_session(*pair) for pair in matched]
    totals = [
        totals_by_session(scores.model_copy(update={"per_frame": frames}).frame_counts, sessions)
        for scores, frames in zip((new, old), zip(*matched, strict=True), strict=True)
    ]
    figures = [float(f1_of(each.sum(axis=0))) for each in totals]
    change = f1_difference(totals[0], totals[1], SEED)
    return Comparison(
        frames=len(matched),
        sessions=change.sessions,
        differences=(Difference.of(MICRO_F1, figures[0], figures[1], change),),
    )


def compare_judged(
    new: Sequence[JudgedFrame], old: Sequence[JudgedFrame], judgements: tuple[Judgement, Judgement]
) -> Comparison:
    """Compare two models by micro-F1, AP50 and AP50-95 on the same frames.

    Args:
        new, old: all that either model detected, on the same frames in the same order.
        judgements: of the new model and of the old one: classes of the same ids, and the thresholds
            of each.

    Raises:
        EvaluationError: they were judged on different frames.
    """
    of_record = compare(*map(score_frames, (new, old), judgements))
    precisions = compare_average_precision(new, old, len(judgements[0].class_names))
    return of_record.model_copy(update={"differences": (*of_record.differences, *precisions)})


def compare_average_precision(
    new: Sequence[JudgedFrame], old: Sequence[JudgedFrame], classes: int
) -> tuple[Difference, ...]:
    """Compare AP50 and AP50-95; nothing where there are no objects, or one session has all.

    Args:
        new, old: all that either model detected, on the same frames in the same order.
        classes: their number; ids are below it.
    """
    grouped = [_each_of_a_session(frames) for frames in (new, old)]
    wholes = [average_precisions(frames, classes).mean for frames in grouped]
    lefts = [without_each_session(frames, classes) for frames in grouped]
    sizes = Counter[str]()
    for frame in grouped[0]:
        sizes[frame.session or ""] += len(frame.truths)
    differences = [
        _precision_difference(figure, attribute, wholes, lefts, sizes)
        for figure, attribute in PRECISIONS.items()
    ]
    return tuple(one for one in differences if one is not None)


def _each_of_a_session(frames: Sequence[JudgedFrame]) -> tuple[JudgedFrame, ...]:
    """The frames, each as a session of its own where it has none."""
    return tuple(replace(frame, session=frame.session or frame.name) for frame in frames)


def _precision_difference(
    figure: str,
    attribute: str,
    wholes: Sequence[AveragePrecision],
    lefts: Sequence[Mapping[str, AveragePrecision]],
    sizes: Mapping[str, int],
) -> Difference | None:
    """None where there are no objects, or one session has all of them."""
    new, old = (getattr(whole, attribute) for whole in wholes)
    sessions = sorted(lefts[0])
    pairs = [tuple(getattr(left[name], attribute) for left in lefts) for name in sessions]
    if new is None or any(None in pair for pair in pairs):
        return None
    without = [pair[0] - pair[1] for pair in pairs]
    change = jackknife(new - old, without, [sizes[name] for name in sessions], (-1.0, 1.0))
    return Difference.of(figure, new, old, change)


def _by_frame(
    new: Sequence[FrameScore], old: Sequence[FrameScore]
) -> tuple[tuple[FrameScore, FrameScore], ...]:
    """Each frame of the new report with that of the old one."""
    judged_before: Mapping[str, FrameScore] = {frame.name: frame for frame in old}
    if not any("/" in name for name in judged_before):
        # Reports of before have file names alone.
        names = [frame.name.rpartition("/")[2] for frame in new]
    else:
        names = [frame.name for frame in new]
    if sorted(names) != sorted(judged_before):
        raise EvaluationError(
            f"The two models were judged on different frames ({len(new)} and {len(old)}).",
            "Evaluate the older one again on the current held-out frames.",
        )
    return tuple((frame, judged_before[name]) for frame, name in zip(new, names, strict=True))


def _session(new: FrameScore, old: FrameScore) -> str:
    return new.session or old.session or new.name.rpartition("/")[0] or new.name
