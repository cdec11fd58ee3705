"""How long a training will take on this computer, told before it begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from pipeline.errors import OutpostError
from pipeline.processes import without_secrets
from pipeline.training.detector_program.acceleration.resizing import STRIDE, ProgressiveResizing
from pipeline.training.detector_program.recording.timing import StepTime, TimeLeft
from pipeline.training.job import Hyperparameters, TrainingSpec

MODULE = "pipeline.training.detector_program.acceleration.speed"
MOST_SECONDS = 120.0
OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}


class SpeedError(OutpostError):
    """A computer on which no step of training could be timed."""


@dataclass(frozen=True)
class TrainingImages:
    """What a training sees.

    Attributes:
        train: entries of the training list, those that are repeated counted each time.
        validation: entries of the validation list.
        width, height: of an image, in pixels.
    """

    train: int
    validation: int
    width: int
    height: int


def estimate_seconds(spec: TrainingSpec, images: TrainingImages) -> float:
    """Seconds of a training with one stage on this computer's processor, if nothing else runs.

    A step is timed, which takes some seconds: at the training's full size, with its optimizer.

    Raises:
        SpeedError: the step failed.
    """
    chosen = spec.hyperparameters
    began = time.monotonic()
    step = measured_step(spec, images)
    # A training begins with the same: it loads PyTorch, builds the network and makes kernels.
    start = time.monotonic() - began
    resizing = ProgressiveResizing(
        chosen.initial_scale, chosen.full_size_fraction, chosen.epochs, chosen.imgsz
    )
    areas = [resizing.area(epoch) for epoch in range(chosen.epochs)]
    batches = -(-images.train // chosen.batch)
    return start + TimeLeft(areas, batches, images.validation / chosen.batch).seconds(step, 0, 0)


def measured_step(spec: TrainingSpec, images: TrainingImages) -> StepTime:
    """The time of one step on this computer's processor, in a process of its own.

    Raises:
        SpeedError: it failed, or took longer than two minutes.
    """
    height, width = input_size(spec.hyperparameters, images)
    asked = {
        "architecture": spec.architecture,
        "classes": len(spec.class_names),
        "height": height,
        "width": width,
        **spec.hyperparameters.model_dump(
            include={"batch", "optimizer", "precision", "channels_last"}
        ),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, json.dumps(asked)],
            env={**without_secrets(os.environ), **OFFLINE},
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        quoted = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise SpeedError(
            f"No step of training could be timed: {quoted[-1] if quoted else error}",
            "Install Outpost again (`uv sync` in a checkout); training would fail in the same way.",
        ) from error
    return StepTime(**json.loads(done.stdout.splitlines()[-1]))


def input_size(chosen: Hyperparameters, images: TrainingImages) -> tuple[int, int]:
    """Height and width of what the layers see at full size, in pixels."""
    if not chosen.rect:
        return chosen.imgsz, chosen.imgsz
    scale = chosen.imgsz / max(images.width, images.height)
    height, width = (-(-round(side * scale) // STRIDE) for side in (images.height, images.width))
    return height * STRIDE, width * STRIDE
