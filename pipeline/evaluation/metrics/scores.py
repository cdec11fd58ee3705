"""Everything that is measured on one set of frames, as a value that reports keep.

The figure of record is the micro-F1 at fixed thresholds with its interval over sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.average_precision import AveragePrecisions, average_precisions
from pipeline.evaluation.metrics.breakdowns import SizeScore, count_errors, score_sizes
from pipeline.evaluation.metrics.counts import Counts, Outcomes, confusion, count, judge
from pipeline.evaluation.metrics.intervals import STORED_DIGITS, Interval, wilson
from pipeline.evaluation.metrics.sessions import f1_over_sessions, folds_of, totals_by_session
from pipeline.manifests import Record

BACKGROUND = "background"

ENOUGH_TRUTHS = 10
"""True objects from which a class counts in the macro average: recall .5 of 10 is .24 to .76."""

CURVE = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Confidences at which the curves are read off."""


class EvaluationError(OutpostError):
    """A detector that cannot be judged, or a report that cannot be read."""


class Score(Record):
    """Counts with their ratios; a ratio without anything to divide by is None."""

    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float | None
    recall: float | None
    f1: float | None

    @classmethod
    def of(cls, counts: Counts) -> Score:
        """From int64 [3]: true positives, false positives, false negatives."""
        hits, false, missed = (int(value) for value in counts)
        return cls(
            true_positives=hits,
            false_positives=false,
            false_negatives=missed,
            precision=_ratio(hits, hits + false),
            recall=_ratio(hits, hits + missed),
            f1=_ratio(2 * hits, 2 * hits + false + missed),
        )


class ClassScore(Record):
    """What one class scores."""

    name: str
    threshold: float
    truths: int
    score: Score
    recall_interval: Interval = Field(description="Wilson, at 95%.")
    ap50: float | None = Field(description="None without true objects.")
    ap50_95: float | None = Field(
        None, description="Mean over overlaps of 0.5 to 0.95; None in reports of before too."
    )
    enough_truths: bool = Field(description="Whether it counts in the macro average.")


class GroupScore(Record):
    """What the classes of one group score together."""

    name: str
    truths: int
    score: Score


class FoldScore(Record):
    """What the frames of some of the sessions score by themselves."""

    sessions: tuple[str, ...]
    frames: int
    truths: int
    score: Score


class FrameScore(Record):
    """What happened in one frame, over all classes."""

    name: str
    true_positives: int
    false_positives: int
    false_negatives: int
    session: str | None = Field(
        None, description="None in reports of before, and of drawn images, which are independent."
    )

    @property
    def errors(self) -> int:
        return self.false_positives + self.false_negatives

    @property
    def truths(self) -> int:
        """True objects in the frame."""
        return self.true_positives + self.false_negatives


class CurvePoint(Record):
    """What all classes score together where one confidence counts for all of them."""

    confidence: float
    precision: float | None
    recall: float | None
    f1: float | None


class Confusion(Record):
    """Rows are true classes, columns detected ones; the last of each is the background."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Scores(Record):
    """Everything measured on one set of frames."""

    frames: int
    truths: int
    detections: int = Field(description="Those that reach the threshold of their class.")
    micro: Score
    micro_f1_interval: Interval = Field(
        description="At 95%, over sessions; over frames where there is one session, or none known."
    )
    sessions: int | None = Field(
        None, description="Of the frames; None in reports of before, and of drawn images."
    )
    macro_f1: float | None = Field(description="Mean over classes with enough true objects.")
    map50: float | None = Field(description="Mean AP50 over classes with true objects.")
    map50_95: float | None = Field(
        None, description="Its mean over overlaps of 0.5 to 0.95; None in reports of before too."
    )
    truncated_frames: int | None = Field(
        None,
        description="Frames in which the model gave all that it can, of any score; None in reports "
        "of before.",
    )
    per_class: tuple[ClassScore, ...]
    groups: tuple[GroupScore, ...] = ()
    folds: tuple[FoldScore, ...] = Field(
        (),
        description="All sessions, dealt into up to five parts; empty where there is one session, "
        "or none known, and in reports of before.",
    )
    errors: dict[str, int] = Field({}, description="By kind; empty in reports of before.")
    sizes: tuple[SizeScore, ...] = Field((), description="Empty in reports of before.")
    insufficient_support: tuple[str, ...] = Field(
        description=f"Classes with true objects, but fewer than {ENOUGH_TRUTHS}."
    )
    confusion: Confusion
    curve: tuple[CurvePoint, ...] = Field((), description="Empty in reports of before.")
    per_frame: tuple[FrameScore, ...]

    @property
    def interval_basis(self) -> str:
        """What was drawn anew for the interval, for people."""
        if self.sessions is None:
            return "over frames"
        if self.sessions == 1:
            return "over the frames of one session, which says nothing of others"
        return f"over {self.sessions} sessions"


@dataclass(frozen=True)
class Judgement:
    """How detections are judged.

    Attributes:
        class_names: in the order of their ids.
        thresholds: for each class, the score from which a detection counts. They must have been
            chosen on other frames than those judged.
        groups: of each class, what it is counted with in reports; empty for none.
    """

    class_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    seed: int = 42
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.thresholds):
            raise ValueError("each class needs one threshold")
        if self.groups and len(self.groups) != len(self.class_names):
            raise ValueError("each class needs one group, or none has one")

    def at(self, thresholds: tuple[float, ...]) -> Judgement:
        """The same with other thresholds."""
        return replace(self, thresholds=thresholds)


def score_frames(frames: Sequence[JudgedFrame], judgement: Judgement) -> Scores:
    """Everything measured on one set of frames, of which there is at least one.

    Raises:
        EvaluationError: two frames have one name.
    """
    _require_own_names(frames)
    outcomes = judge(frames, len(judgement.class_names))
    counts = count(outcomes, judgement.thresholds)
    precisions = average_precisions(frames, len(judgement.class_names))
    per_class = tuple(_class_scores(precisions, counts.sum(axis=0), judgement))
    per_frame: Counts = counts.sum(axis=1)
    micro = Score.of(per_frame.sum(axis=0))
    sessions = {frame.session for frame in frames if frame.session is not None}
    return Scores(
        frames=len(frames),
        truths=micro.true_positives + micro.false_negatives,
        detections=micro.true_positives + micro.false_positives,
        micro=micro,
        micro_f1_interval=_f1_interval(frames, per_frame, judgement.seed),
        sessions=len(sessions) if sessions else None,
        macro_f1=_mean(one.score.f1 for one in per_class if one.enough_truths),
        map50=precisions.mean.ap50,
        map50_95=precisions.mean.ap50_95,
        truncated_frames=sum(frame.truncated for frame in frames),
        per_class=per_class,
        groups=tuple(_group_scores(counts.sum(axis=0), judgement)),
        folds=tuple(_fold_scores(frames, per_frame)),
        errors=count_errors(frames, judgement.thresholds),
        sizes=score_sizes(frames, judgement.thresholds),
        insufficient_support=tuple(
            one.name for one in per_class if one.truths and not one.enough_truths
        ),
        confusion=Confusion(
            labels=(*judgement.class_names, BACKGROUND),
            counts=confusion(frames, judgement.thresholds).tolist(),
        ),
        curve=tuple(_curve(outcomes)),
        per_frame=tuple(_frame_scores(frames, per_frame)),
    )


def score_each_frame(frames: Sequence[JudgedFrame], judgement: Judgement) -> tuple[FrameScore, ...]:
    """The scores of the single frames, without all that they come to together.

    Raises:
        EvaluationError: two frames have one name.
    """
    _require_own_names(frames)
    counts = count(judge(frames, len(judgement.class_names)), judgement.thresholds)
    return tuple(_frame_scores(frames, counts.sum(axis=1)))


def counts_of(frames: Sequence[FrameScore]) -> Counts:
    """Counts of every frame over all classes, int64 [frames, 3]."""
    rows = [(f.true_positives, f.false_positives, f.false_negatives) for f in frames]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def worst_frames(scores: Scores, most: int) -> tuple[str, ...]:
    """Names of the frames with most errors, worst first; frames without errors are left out."""
    wrong = (frame for frame in scores.per_frame if frame.errors)
    ordered = sorted(wrong, key=lambda frame: (-frame.errors, frame.name))
    return tuple(frame.name for frame in ordered[:most])


def _require_own_names(frames: Sequence[JudgedFrame]) -> None:
    if len({frame.name for frame in frames}) < len(frames):
        raise EvaluationError(
            "Two frames have the same name.", "Judge each frame once, under its own name."
        )


def _frame_scores(frames: Sequence[JudgedFrame], counts: Counts) -> Iterator[FrameScore]:
    """Scores of every frame; `counts` is int64 [frames, 3]."""
    for frame, row in zip(frames, counts, strict=True):
        yield FrameScore(
            name=frame.name,
            true_positives=int(row[0]),
            false_positives=int(row[1]),
            false_negatives=int(row[2]),
            session=frame.session,
        )


def _f1_interval(frames: Sequence[JudgedFrame], per_frame: Counts, seed: int) -> Interval:
    groups = [frame.session or frame.name for frame in frames]
    if len(set(groups)) == 1:
        groups = [frame.name for frame in frames]
    found = f1_over_sessions(totals_by_session(per_frame, groups), seed).interval
    return found or Interval(low=0.0, high=1.0)


def _class_scores(
    precisions: AveragePrecisions, counts: Counts, judgement: Judgement
) -> Iterator[ClassScore]:
    """Scores of every class; `counts` is int64 [classes, 3]."""
    for class_id, name in enumerate(judgement.class_names):
        score = Score.of(counts[class_id])
        truths = score.true_positives + score.false_negatives
        yield ClassScore(
            name=name,
            threshold=judgement.thresholds[class_id],
            truths=truths,
            score=score,
            recall_interval=wilson(score.true_positives, truths),
            ap50=precisions.per_class[class_id].ap50,
            ap50_95=precisions.per_class[class_id].ap50_95,
            enough_truths=truths >= ENOUGH_TRUTHS,
        )


def _group_scores(counts: Counts, judgement: Judgement) -> Iterator[GroupScore]:
    """Scores of every group, in the order of their first classes."""
    groups = np.array(judgement.groups, dtype=np.str_)
    for name in dict.fromkeys(judgement.groups):
        score = Score.of(counts[groups == name].sum(axis=0))
        truths = score.true_positives + score.false_negatives
        yield GroupScore(name=name, truths=truths, score=score)


def _fold_scores(frames: Sequence[JudgedFrame], per_frame: Counts) -> Iterator[FoldScore]:
    """Scores of every fold of the sessions; `per_frame` is int64 [frames, 3]."""
    names = sorted({frame.session for frame in frames if frame.session is not None})
    if len(names) < 2:
        return
    for fold in np.unique(folds := folds_of(len(names))):
        held = [name for name, of in zip(names, folds, strict=True) if of == fold]
        counts = per_frame[np.array([frame.session in held for frame in frames])]
        score = Score.of(counts.sum(axis=0))
        truths = score.true_positives + score.false_negatives
        yield FoldScore(sessions=tuple(held), frames=len(counts), truths=truths, score=score)


def _curve(outcomes: Outcomes) -> Iterator[CurvePoint]:
    for confidence in CURVE:
        counts = count(outcomes, [confidence] * outcomes.truths.shape[1])
        score = Score.of(counts.sum(axis=(0, 1)))
        yield CurvePoint(
            confidence=confidence, precision=score.precision, recall=score.recall, f1=score.f1
        )


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, STORED_DIGITS) if whole else None


def _mean(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), STORED_DIGITS) if known else None
