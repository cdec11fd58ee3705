"""The report on a detector: what it scores on real frames, and apart from that on synthetic ones.

The figure of record is the real micro-F1 at fixed thresholds with its interval. Real and synthetic
are two sets of scores in every case; only their gap is stated, never a blend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.intervals import STORED_DIGITS, Interval, bootstrap_f1, wilson
from pipeline.evaluation.matching import MIN_IOU
from pipeline.evaluation.metrics import Counts, Outcomes, average_precision, confusion, count, judge
from pipeline.manifests import Record

BoxConvention = Literal["visible", "full"]
"""What of an object its box holds: what is seen of it, or all of it."""

BACKGROUND = "background"

ENOUGH_TRUTHS = 10
"""True objects from which a class counts in the macro average: recall .5 of 10 is .24 to .76."""


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
    enough_truths: bool = Field(description="Whether it counts in the macro average.")


class FrameScore(Record):
    """What happened in one frame, over all classes."""

    name: str
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def errors(self) -> int:
        return self.false_positives + self.false_negatives


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
    micro_f1_interval: Interval = Field(description="Bootstrap over frames, at 95%.")
    macro_f1: float | None = Field(description="Mean over classes with enough true objects.")
    map50: float | None = Field(description="Mean AP50 over classes with true objects.")
    per_class: tuple[ClassScore, ...]
    insufficient_support: tuple[str, ...] = Field(
        description=f"Classes with true objects, but fewer than {ENOUGH_TRUTHS}."
    )
    confusion: Confusion
    per_frame: tuple[FrameScore, ...]

    @property
    def frame_counts(self) -> Counts:
        """Counts of every frame over all classes, int64 [frames, 3]."""
        rows = [(f.true_positives, f.false_positives, f.false_negatives) for f in self.per_frame]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)


class ConventionScore(Record):
    """What detections score when every object is labelled by one and the same kind of box.

    See `pipeline.evaluation.conventions`.
    """

    box: BoxConvention
    truths: int
    micro: Score
    micro_f1_interval: Interval = Field(description="Bootstrap over frames, at 95%.")
    map50: float | None = Field(description="Mean AP50 over classes with true objects.")

    @classmethod
    def of(cls, box: BoxConvention, scores: Scores) -> ConventionScore:
        """The summary of a whole set of scores."""
        return cls(box=box, **scores.model_dump(include=set(cls.model_fields)))


class EvaluationReport(Record):
    """The report on one detector."""

    min_iou: float
    seed: int = Field(description="Of the bootstrap.")
    inputs: dict[str, str] = Field(
        description="What was judged, on what and how: digests of model and data, image size."
    )
    real: Scores
    synthetic: Scores | None
    gap: float | None = Field(description="Synthetic micro-F1 less real micro-F1.")
    conventions: tuple[ConventionScore, ...] = Field(
        (),
        description="The synthetic frames and detections again, by visible and by full boxes; "
        "empty without synthetic frames, or without the record of what was drawn.",
    )


@dataclass(frozen=True)
class Judgement:
    """How detections are judged.

    Attributes:
        class_names: in the order of their ids.
        thresholds: for each class, the score from which a detection counts. They must have been
            chosen on other frames than those judged.
    """

    class_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    seed: int = 42

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.thresholds):
            raise ValueError("each class needs one threshold")


def evaluate(
    real: Sequence[JudgedFrame],
    synthetic: Sequence[JudgedFrame],
    judgement: Judgement,
    inputs: Mapping[str, str],
) -> EvaluationReport:
    """Judge a detector on real frames and, where there are any, on synthetic ones apart.

    Args:
        real: with all detections, also those of low score.
        synthetic: likewise; may be empty.
        judgement: classes, thresholds, seed.
        inputs: recorded as given, so that a figure can be traced and repeated.

    Raises:
        EvaluationError: there is no real frame, or two frames have one name.
    """
    if not real:
        raise EvaluationError(
            "There is no real frame to judge the detector on.",
            "Export an annotated session whose batch name matches merge.held_out.",
        )
    on_real = score_frames(real, judgement)
    on_synthetic = score_frames(synthetic, judgement) if synthetic else None
    return EvaluationReport(
        min_iou=MIN_IOU,
        seed=judgement.seed,
        inputs=dict(inputs),
        real=on_real,
        synthetic=on_synthetic,
        gap=_gap(on_real, on_synthetic),
    )


def score_frames(frames: Sequence[JudgedFrame], judgement: Judgement) -> Scores:
    """Everything measured on one set of frames, of which there is at least one.

    Raises:
        EvaluationError: two frames have one name.
    """
    if len({frame.name for frame in frames}) < len(frames):
        raise EvaluationError(
            "Two frames have the same name.", "Judge each frame once, under its own name."
        )
    outcomes = judge(frames, len(judgement.class_names))
    counts = count(outcomes, judgement.thresholds)
    per_class = tuple(_class_scores(outcomes, counts, judgement))
    per_frame: Counts = counts.sum(axis=1)
    micro = Score.of(per_frame.sum(axis=0))
    return Scores(
        frames=len(frames),
        truths=micro.true_positives + micro.false_negatives,
        detections=micro.true_positives + micro.false_positives,
        micro=micro,
        micro_f1_interval=bootstrap_f1(per_frame, judgement.seed),
        macro_f1=_mean(one.score.f1 for one in per_class if one.enough_truths),
        map50=_mean(one.ap50 for one in per_class),
        per_class=per_class,
        insufficient_support=tuple(
            one.name for one in per_class if one.truths and not one.enough_truths
        ),
        confusion=Confusion(
            labels=(*judgement.class_names, BACKGROUND),
            counts=confusion(frames, judgement.thresholds).tolist(),
        ),
        per_frame=tuple(
            FrameScore(
                name=frame.name,
                true_positives=int(row[0]),
                false_positives=int(row[1]),
                false_negatives=int(row[2]),
            )
            for frame, row in zip(frames, per_frame, strict=True)
        ),
    )


def worst_frames(scores: Scores, most: int) -> tuple[str, ...]:
    """Names of the frames with most errors, worst first; frames without errors are left out."""
    wrong = (frame for frame in scores.per_frame if frame.errors)
    ordered = sorted(wrong, key=lambda frame: (-frame.errors, frame.name))
    return tuple(frame.name for frame in ordered[:most])


def markdown(report: EvaluationReport) -> str:
    """The report as Markdown: the figure of record, both domains side by side, the classes."""
    parts = (_domain_lines(report), _convention_lines(report), _class_lines(report.real))
    return "\n\n".join(text for text in ("\n".join(lines) for lines in parts) if text)


def _class_scores(outcomes: Outcomes, counts: Counts, judgement: Judgement) -> Iterator[ClassScore]:
    per_class: Counts = counts.sum(axis=0)
    for class_id, name in enumerate(judgement.class_names):
        score = Score.of(per_class[class_id])
        truths = score.true_positives + score.false_negatives
        yield ClassScore(
            name=name,
            threshold=judgement.thresholds[class_id],
            truths=truths,
            score=score,
            recall_interval=wilson(score.true_positives, truths),
            ap50=_rounded(average_precision(outcomes, class_id)),
            enough_truths=truths >= ENOUGH_TRUTHS,
        )


def _gap(real: Scores, synthetic: Scores | None) -> float | None:
    if synthetic is None or synthetic.micro.f1 is None or real.micro.f1 is None:
        return None
    return round(synthetic.micro.f1 - real.micro.f1, STORED_DIGITS)


def _domain_lines(report: EvaluationReport) -> Iterator[str]:
    yield f"**Real micro-F1 {_figure(report.real.micro.f1)}** ({report.real.micro_f1_interval})"
    yield ""
    yield "| frames | number | objects | precision | recall | micro-F1 | 95% | macro-F1 | mAP50 |"
    yield "|---|---:|---:|---:|---:|---:|---|---:|---:|"
    yield _domain_line("real", report.real)
    if report.synthetic is not None:
        yield _domain_line("synthetic", report.synthetic)
        yield ""
        yield f"Gap from synthetic to real: {_figure(report.gap)}"


def _domain_line(domain: str, scores: Scores) -> str:
    micro = scores.micro
    return _row(
        domain,
        scores.frames,
        scores.truths,
        *(micro.precision, micro.recall, micro.f1, scores.micro_f1_interval),
        scores.macro_f1,
        scores.map50,
    )


def _convention_lines(report: EvaluationReport) -> Iterator[str]:
    if not report.conventions:
        return
    yield "The same synthetic frames and detections, by what of an object its box holds:"
    yield ""
    yield "| box | objects | precision | recall | micro-F1 | 95% | mAP50 |"
    yield "|---|---:|---:|---:|---:|---|---:|"
    for one in report.conventions:
        figures = (one.micro.precision, one.micro.recall, one.micro.f1, one.micro_f1_interval)
        yield _row(one.box, one.truths, *figures, one.map50)


def _class_lines(scores: Scores) -> Iterator[str]:
    yield "| class | objects | found | false | precision | recall | 95% | F1 | AP50 |"
    yield "|---|---:|---:|---:|---:|---:|---|---:|---:|"
    for one in scores.per_class:
        name = one.name if one.enough_truths else f"{one.name} (too few to tell)"
        score = one.score
        counts = (one.truths, score.true_positives, score.false_positives)
        figures = (score.precision, score.recall, one.recall_interval, score.f1, one.ap50)
        yield _row(name, *counts, *figures)


def _row(*cells: str | int | float | Interval | None) -> str:
    """A row of a table; what is no count is shown with three digits, or as not known."""
    texts = (
        _figure(cell) if cell is None or isinstance(cell, float) else str(cell) for cell in cells
    )
    return f"| {' | '.join(texts)} |"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, STORED_DIGITS) if whole else None


def _mean(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), STORED_DIGITS) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, STORED_DIGITS)
