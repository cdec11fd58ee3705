"""A model and frames in, the report out: what `outpost evaluate` calls, without Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.images import upright
from PIL import Image

from pipeline.evaluation.comparison.champion import Champion
from pipeline.evaluation.detecting import detect, require_classes, shipped_detector
from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.metrics.counts import counting
from pipeline.evaluation.metrics.scores import Judgement, Scores, worst_frames
from pipeline.evaluation.reports.drawing import draw_comparison
from pipeline.evaluation.reports.report import EvaluationReport, evaluate
from pipeline.progress import Report, silent

WORST_FRAMES = 6


@dataclass(frozen=True)
class JudgedModel:
    """A report with the frames that it is about."""

    report: EvaluationReport
    frames: Sequence[TrueFrame]
    judged: Sequence[JudgedFrame]
    judgement: Judgement

    def worst(self) -> Iterator[tuple[str, Image.Image]]:
        """Names and drawings of the frames with most errors, worst first."""
        return drawn_worst(self.report.real, self.frames, self.judged, self.judgement)


def evaluate_model(
    model: Path,
    frames: Sequence[TrueFrame],
    judgement: Judgement,
    champion: Champion | None = None,
    report: Report = silent,
) -> JudgedModel:
    """Judge a model on real frames, and beside another model where one is given.

    Args:
        model: an ONNX file, weights or a bundle.
        frames: at least one.
        judgement: its class names must be those of the model.
        champion: the other model.
        report: told after every frame.

    Raises:
        EvaluationError: there is no frame, or either model has other classes.
        ModelLoadError: a model cannot be opened.
    """
    with shipped_detector(model) as detector:
        require_classes(model, detector.class_names, judgement)
        if champion is not None:
            champion.require_classes(judgement)
        judged = detect(detector, frames, "evaluating frames", report)
    found = evaluate(judged, (), judgement, _inputs(model, champion))
    if champion is not None:
        beside = champion.compared(judged, frames, judgement, report)
        found = found.model_copy(update={"champion": beside})
    return JudgedModel(found, frames, judged, judgement)


def drawn_worst(
    scores: Scores,
    frames: Sequence[TrueFrame],
    judged: Sequence[JudgedFrame],
    judgement: Judgement,
) -> Iterator[tuple[str, Image.Image]]:
    """The frames with most errors, with what counts drawn in."""
    by_name = {frame.name: (frame, result) for frame, result in zip(frames, judged, strict=True)}
    for name in worst_frames(scores, WORST_FRAMES):
        frame, result = by_name[name]
        found = counting(result.detections, judgement.thresholds)
        with Image.open(frame.image) as image:
            drawn = draw_comparison(upright(image), frame.truths, found, judgement.class_names)
        yield frame.image.stem, drawn


def _inputs(model: Path, champion: Champion | None) -> Mapping[str, str]:
    return {"model": model.name, **({"champion": champion.version} if champion else {})}
