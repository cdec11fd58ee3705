"""The training of a classifier, on any host: `python program.pyz job.json`.

It needs Python 3.10, torch, torchvision and safetensors. Of the job's folder
(`pipeline.jobs.program.constants`), these are its own:

    job.json              what to do (`pipeline.community.classifiers.job.ClassifierSpec`)
    data/                 all images as arrays (`images`)
    previous.safetensors  an earlier classifier to start from, where there is one
    outputs/              weights.safetensors, model.onnx, calibration.json

Checkpoints are plain tensors like everything else that it writes. When `stop` appears, training
ends after the epoch, and what there is by then is exported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import ENVIRONMENT_FILE, WORK_FOLDER
from pipeline.jobs.program.host import environment
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.runner import run_program
from pipeline.training.detector_program.acceleration.waiting import (
    ThreadsGiveWay,
    prepare_to_share,
)

from .calibration import calibrate
from .checkpoints import newest_checkpoint
from .constants import CALIBRATION_FILE
from .export import export
from .images import Images, as_input, read_images
from .starting import Start, start_network
from .steps import answers, batches_of, without_gradients
from .training import ClassifierTrainer


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    return run_program(arguments, run)


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train, calibrate and export."""
    # Official builds of onnxruntime report to Microsoft unless this is set before the import.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    (folder / WORK_FOLDER).mkdir(exist_ok=True)
    chosen = prepare_to_share()
    outputs.event("stage", stage="prepare", message="Reading the images")
    images = read_images(folder)
    saved = newest_checkpoint(job, folder, outputs)
    start = start_network(job, folder, outputs)
    outputs.json(ENVIRONMENT_FILE, environment() | started_from(start))
    with ThreadsGiveWay(chosen):
        network = ClassifierTrainer(job, folder, outputs, images).run(start, saved)
    finish(job, network, images, outputs)


def started_from(start: Start) -> dict[str, Any]:
    """What a network began with, for the record."""
    import torchvision

    return {
        "torchvision": torchvision.__version__,
        "weights": start.origin,
        "kept_names": start.kept,
    }


def finish(
    job: dict[str, Any], network: Any, images: tuple[Images, Images], outputs: Outputs
) -> None:
    """Calibrate on the images that were not trained on, and write everything."""
    import torch

    train, validation = images
    network = network.to("cpu")
    logits = torch.zeros(0, len(job["classes"]))
    if len(validation):
        batches = batches_of(validation.pixels, torch.device("cpu"))
        logits = without_gradients(answers, network, batches)
    calibration = calibrate(logits, validation.labels, job["target_accuracy"])
    outputs.json(CALIBRATION_FILE, calibration.to_json())
    shown = validation if len(validation) else train
    export(job, network, calibration, as_input(shown.pixels[:8]), outputs)
    outputs.finish()
