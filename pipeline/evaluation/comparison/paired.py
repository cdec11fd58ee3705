"""Whether a new model is better than another one on the same frames.

With frames of a single session they are what is drawn anew: a model that is clearly worse shows
there too, and what is said then is said of that session alone.
"""

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
    counts_of,
    score_each_frame,
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
Basis = Literal["sessions", "frames"]
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
    over: Basis = Field(description="What was resampled for the interval.")
    sessions_needed: int | None = Field(
        description="How many sessions would tell the two apart in four of five comparisons, if "
        "the difference stays what it is; None where it is 0, where no number up to 1,000 would, "
        "or where frames were resampled."
    )

    @classmethod
    def of(
        cls, figure: str, values: tuple[float, float], change: Estimate, over: Basis
    ) -> Difference:
        """With the number of sessions that it would take; `values` are those of new and old."""
        rounded = (round(value, STORED_DIGITS) for value in values)
        return cls.model_validate(
            {
                "figure": figure,
                **dict(zip(("new", "old"), rounded, strict=True)),
                "change": change,
                "over": over,
                "sessions_needed": sessions_needed(change) if over == "sessions" else None,
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
            return f"not distinguishable ({change.value:+.3f}): there is a single frame"
        moved = f"{change.value:+.3f}, 95%: {change.interval.signed}"
        if self.verdict != "not distinguishable":
            basis = f"{change.sessions} {self.over}"
            alone = " of one session, which says nothing of others" * (self.over == "frames")
            return f"{self.verdict} ({moved}, {basis}{alone})"
        return f"not distinguishable ({moved}): {self._what_it_takes()}"

    def _what_it_takes(self) -> str:
        if self.change.value == 0:
            return "the two score the same"
        if self.over == "frames":
            return "there is one session; other sessions may tell them apart"
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
        EvaluationError: they were judged on different frames, or on other labels of them.
    """
    return _compare_frames(new.per_frame, old.per_frame)


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
    of_record = _compare_frames(*map(score_each_frame, (new, old), judgements))
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
    over = _basis([frame.session or frame.name for frame in new])
    grouped = [_in_units(frames, over) for frames in (new, old)]
    wholes = [average_precisions(frames, classes).mean for frames in grouped]
    lefts = [without_each_session(frames, classes) for frames in grouped]
    sizes = Counter[str]()
    for frame in grouped[0]:
        sizes[frame.session or ""] += len(frame.truths)
    differences = [
        _precision_difference((figure, attribute), wholes, lefts, sizes, over)
        for figure, attribute in PRECISIONS.items()
    ]
    return tuple(one for one in differences if one is not None)


def _compare_frames(new: Sequence[FrameScore], old: Sequence[FrameScore]) -> Comparison:
    matched = _by_frame(new, old)
    sessions = [_session(*pair) for pair in matched]
    over = _basis(sessions)
    units = sessions if over == "sessions" else [pair[0].name for pair in matched]
    totals = [totals_by_session(counts_of(frames), units) for frames in zip(*matched, strict=True)]
    new_f1, old_f1 = (float(f1_of(each.sum(axis=0))) for each in totals)
    change = f1_difference(totals[0], totals[1], SEED)
    return Comparison(
        frames=len(matched),
        sessions=len(set(sessions)),
        differences=(Difference.of(MICRO_F1, (new_f1, old_f1), change, over),),
    )


def _basis(sessions: Sequence[str]) -> Basis:
    return "sessions" if len(set(sessions)) > 1 else "frames"


def _in_units(frames: Sequence[JudgedFrame], over: Basis) -> tuple[JudgedFrame, ...]:
    """The frames with what is drawn anew as their session; one that has none is its own."""
    return tuple(
        replace(frame, session=(frame.session if over == "sessions" else None) or frame.name)
        for frame in frames
    )


def _precision_difference(
    which: tuple[str, str],
    wholes: Sequence[AveragePrecision],
    lefts: Sequence[Mapping[str, AveragePrecision]],
    sizes: Mapping[str, int],
    over: Basis,
) -> Difference | None:
    """None where there are no objects, or one session has all of them.

    `which` is the figure's name for people and as an attribute.
    """
    figure, attribute = which
    new, old = (getattr(whole, attribute) for whole in wholes)
    sessions = sorted(lefts[0])
    pairs = [tuple(getattr(left[name], attribute) for left in lefts) for name in sessions]
    if new is None or any(None in pair for pair in pairs):
        return None
    without = [pair[0] - pair[1] for pair in pairs]
    change = jackknife(new - old, without, [sizes[name] for name in sessions], (-1.0, 1.0))
    return Difference.of(figure, (new, old), change, over)


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
    pairs = tuple((frame, judged_before[name]) for frame, name in zip(new, names, strict=True))
    changed = sum(one.truths != other.truths for one, other in pairs)
    if changed:
        raise EvaluationError(
            f"The labels of {changed} of {len(pairs)} frames have changed since the older model "
            "was judged.",
            "Evaluate the older one again on the current held-out frames.",
        )
    return pairs


def _session(new: FrameScore, old: FrameScore) -> str:
    return new.session or old.session or new.name.rpartition("/")[0] or new.name
