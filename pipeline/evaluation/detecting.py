"""What a model finds in the frames that it is judged on, through the runtime that users have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector_runtime import Detections, Detector, DetectorSettings, Thresholds, open_detector
from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.labels.boxes import Box
from pipeline.progress import Report, silent, track

LOWEST_SCORE = 0.01
"""Average precision looks at the whole range; what counts for F1 is decided by the thresholds."""


def shipped_detector(model: Path) -> Detector:
    """The shipped runtime on a model as users have it, but with everything of any score."""
    settings = DetectorSettings(
        # Of any score a model often gives all that it can: the report says so where it matters.
        thresholds=Thresholds(LOWEST_SCORE),
        tracking="none",
        warn_truncated=False,
    )
    return open_detector(model, settings=settings)


def require_classes(model: Path, names: Sequence[str], judgement: Judgement) -> None:
    """Refuse a model of other classes than those that it is judged by.

    Raises:
        EvaluationError: it has others.
    """
    if tuple(names) != judgement.class_names:
        raise EvaluationError(
            f"{model} has {_named(names)}, and the frames are labelled with "
            f"{_named(judgement.class_names)}.",
            "Name the game pack that the model was trained for.",
        )


def looked_at(detector: Detector) -> str:
    """How `detect_fast` shows a model a screenshot."""
    facts = detector.model.facts
    size = "x".join(map(str, facts.input_size))
    if facts.scale is None or not facts.keeps_scale:
        return f"whole, shrunk to {size}"
    parts = "whole" if facts.has_free_size else f"in tiles of {size}"
    return f"{parts}, at {facts.scale:.3g} input pixels per pixel"


def detect(
    detector: Detector, frames: Sequence[TrueFrame], stage: str, report: Report = silent
) -> tuple[JudgedFrame, ...]:
    """Run a detector over frames."""
    looks = (
        (frame, detector.detect_fast(frame.image))
        for frame in track(frames, len(frames), stage, report)
    )
    return tuple(frame.judged(scored_boxes(found), found.truncated) for frame, found in looks)


def scored_boxes(found: Detections) -> tuple[ScoredBox, ...]:
    """What a detector found, as it is matched with what is true."""
    return tuple(
        ScoredBox(int(class_id), float(score), Box(*(float(value) for value in corners)))
        for class_id, score, corners in zip(found.class_ids, found.scores, found.boxes, strict=True)
    )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} classes ({shown}, ...)" if len(names) > 3 else f"the classes {shown}"
