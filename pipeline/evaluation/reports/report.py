"""The report on a detector: what it scores on real frames, and apart from that on synthetic ones.

The figure of record is the real micro-F1 at fixed thresholds with its interval. Real and synthetic
are two sets of scores in every case; only their gap is stated, never a blend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from pipeline.evaluation.comparison.champion import ChampionComparison
from pipeline.evaluation.comparison.modes import ModeScore
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import MIN_IOU
from pipeline.evaluation.metrics.fitted_thresholds import (
    FittedThreshold,
    OverallChange,
    fit_thresholds,
)
from pipeline.evaluation.metrics.intervals import STORED_DIGITS, Interval
from pipeline.evaluation.metrics.scores import (
    EvaluationError,
    Judgement,
    Score,
    Scores,
    score_frames,
)
from pipeline.manifests import Record

BoxConvention = Literal["visible", "full"]
"""What of an object its box holds: what is seen of it, or all of it."""


class ConventionScore(Record):
    """What detections score when every object is labelled by one and the same kind of box.

    See `pipeline.evaluation.reports.conventions`.
    """

    box: BoxConvention
    truths: int
    micro: Score
    micro_f1_interval: Interval = Field(description="Over images, at 95%.")
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
    fitted_thresholds: tuple[FittedThreshold, ...] = Field(
        (),
        description="What other confidences would change on the real frames; empty with a single "
        "session, and in reports of before.",
    )
    adopted_thresholds: OverallChange | None = Field(
        None,
        description="What the justified ones of these would change together; None where none is, "
        "and in reports of before.",
    )
    champion: ChampionComparison | None = Field(
        None,
        description="The model that was packaged last before this one, on the same real frames; "
        "None for the first one, and in reports of before.",
    )
    modes: tuple[ModeScore, ...] = Field(
        (),
        description="The model in each mode of the runtime on the real frames, the shipped one "
        "first; empty unless asked for.",
    )


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
    fit = fit_thresholds(real, judgement)
    return EvaluationReport(
        min_iou=MIN_IOU,
        seed=judgement.seed,
        inputs=dict(inputs),
        real=on_real,
        synthetic=on_synthetic,
        gap=_gap(on_real, on_synthetic),
        fitted_thresholds=fit.classes,
        adopted_thresholds=fit.overall,
    )


def _gap(real: Scores, synthetic: Scores | None) -> float | None:
    if synthetic is None or synthetic.micro.f1 is None or real.micro.f1 is None:
        return None
    return round(synthetic.micro.f1 - real.micro.f1, STORED_DIGITS)
