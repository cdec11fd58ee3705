"""One model, looked through in each of the runtime's ways: what each finds, and what it takes.

Every mode runs as users run it, at the confidences that ship: adaptive tiles look again where
something counts, so with others they would look elsewhere. AP50 is therefore of the detections that
count, in all modes alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from detector_runtime.access import open_model
from detector_runtime.geometry.tiling import LARGEST_LOOK
from detector_runtime.images import load_frame, upright_size
from PIL import Image
from pydantic import Field

from detector_runtime import Detections, Detector, DetectorSettings, Thresholds
from pipeline.evaluation.comparison.paired import Comparison, compare_judged
from pipeline.evaluation.detecting import require_classes, scored_boxes
from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.metrics.average_precision import average_precisions
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.manifests import Record
from pipeline.progress import Report, silent, track

Method = Literal["detect_fast", "detect_fast_multi", "detect", "detect_adaptive"]
SHIPPED: Method = "detect_fast"
SIZE_FACTORS = (0.5, 0.75, 1.5, 2.0)
"""Of the longer side of the input that the shipped mode takes."""
STRIDE = 32


class ModeScore(Record):
    """What one mode finds in the frames, and how long it takes."""

    method: Method
    imgsz: int | None = Field(description="As the setting; None for that of the shipped mode.")
    f1: float = Field(description="Micro-F1; 0 where there is neither object nor detection.")
    ap50: float | None = Field(description="Of the detections that count; None without objects.")
    ms: float = Field(description="Mean per frame, without reading its file.")
    times: float = Field(description="Its share of the time of the shipped mode, 1 for that.")
    beside_shipped: Comparison | None = Field(description="None for the shipped mode.")

    @property
    def name(self) -> str:
        """The call, with the setting where there is one."""
        return self.method if self.imgsz is None else f"{self.method}, imgsz={self.imgsz}"


@dataclass(frozen=True)
class _Mode:
    method: Method
    imgsz: int | None = None


@dataclass(frozen=True)
class _ModeRun:
    judged: tuple[JudgedFrame, ...]
    ms: float


def compare_modes(
    model: Path, frames: Sequence[TrueFrame], judgement: Judgement, report: Report = silent
) -> tuple[ModeScore, ...]:
    """Run every mode over the same frames, and compare each with the shipped one over sessions.

    The first is the shipped one, `detect_fast` without settings. There are other sizes where the
    input of the model is free. A model that keeps its scale has one way for every call, so only
    its sizes are compared. One mode runs after the other, with nothing else of this process.

    Args:
        model: an ONNX file, weights or a bundle.
        frames: at least one. Those of a session follow one another in their order, and adaptive
            tiles remember the ones before.
        judgement: its class names must be those of the model.
        report: told after every frame of every mode.

    Raises:
        EvaluationError: there is no frame, or the model has other classes.
        ModelLoadError: the model cannot be opened.
    """
    if not frames:
        raise EvaluationError(
            "There is no frame to compare modes on.", "Name labelled frames of the game."
        )
    ordered = sorted(frames, key=lambda frame: frame.session or frame.name)
    modes = _modes(model, ordered, judgement)
    runs = [_run(model, mode, ordered, judgement, report) for mode in modes]
    return tuple(
        _score(mode, run, runs[0], judgement) for mode, run in zip(modes, runs, strict=True)
    )


def _modes(model: Path, frames: Sequence[TrueFrame], judgement: Judgement) -> tuple[_Mode, ...]:
    """The shipped mode, then all others that look at anything else."""
    with closing(open_model(model, DetectorSettings())) as opened:
        facts = opened.facts
    require_classes(model, facts.class_names, judgement)
    longest = max(map(_longer_side, frames))
    side = max(facts.input_size)
    if facts.keeps_scale and facts.scale is not None:
        side = round(facts.scale * longest)
    # Weights take any size too, though theirs does not grow with the frame.
    is_free = facts.has_free_size or model.suffix == ".pt"
    looks = tuple(_Mode(SHIPPED, size) for size in _other_sizes(side, longest) if is_free)
    if facts.keeps_scale:
        return (_Mode(SHIPPED), *looks)
    others: tuple[Method, ...] = ("detect_fast_multi", "detect", "detect_adaptive")
    return (_Mode(SHIPPED), *looks, *map(_Mode, others))


def _other_sizes(side: int, longest: int) -> tuple[int, ...]:
    """Sides of the input around the shipped one, and that of the largest frame, all different."""
    wanted = [side * factor for factor in SIZE_FACTORS] + [longest]
    sizes = {STRIDE * max(1, round(size / STRIDE)) for size in wanted}
    return tuple(sorted(size for size in sizes if size != side and size <= LARGEST_LOOK))


def _longer_side(frame: TrueFrame) -> int:
    with Image.open(frame.image) as image:
        return max(upright_size(image))


def _run(
    model: Path, mode: _Mode, frames: Sequence[TrueFrame], judgement: Judgement, report: Report
) -> _ModeRun:
    counted = dict(zip(judgement.class_names, judgement.thresholds, strict=True))
    settings = DetectorSettings(
        thresholds=Thresholds(per_class=counted),
        imgsz=mode.imgsz,
        tracking="none",
        warn_truncated=False,
    )
    judged, seconds, session = [], 0.0, None
    with Detector(open_model(model, settings), settings) as detector:
        # The first look of a size is slower than all others.
        _look(detector, mode, frames[0])
        for frame in track(frames, len(frames), f"looking with {mode.method}", report):
            if session is None or frame.session != session:
                # What comes now has nothing to do with the frame before.
                detector.reset_tracking()
                session = frame.session
            found, took = _look(detector, mode, frame)
            judged.append(frame.judged(scored_boxes(found)))
            seconds += took
    return _ModeRun(tuple(judged), seconds * 1000 / len(frames))


def _look(detector: Detector, mode: _Mode, frame: TrueFrame) -> tuple[Detections, float]:
    """What is found, and the seconds that it took."""
    pixels = load_frame(frame.image).rgb()
    began = time.perf_counter()
    found: Detections = getattr(detector, mode.method)(pixels)
    return found, time.perf_counter() - began


def _score(mode: _Mode, run: _ModeRun, shipped: _ModeRun, judgement: Judgement) -> ModeScore:
    compared = compare_judged(run.judged, shipped.judged, (judgement, judgement))
    return ModeScore(
        method=mode.method,
        imgsz=mode.imgsz,
        f1=compared.of_record.new,
        ap50=average_precisions(run.judged, len(judgement.class_names)).mean.ap50,
        ms=round(run.ms, 3),
        times=round(run.ms / shipped.ms, 3),
        beside_shipped=None if run is shipped else compared,
    )
