"""How long a step of training takes on this computer: a step is done, on an image of noise.

    python -m pipeline.training.detector_program.acceleration.speed '{"architecture": ..., ...}'

prints a `StepTime` as JSON. It is a process of its own, so that whoever asks needs no torch.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from detector_runtime.system.cores import usable_cores

from ..recording.timing import StepTime
from ..ultralytics_patches import patch_muon
from .cpu import CpuPrecision, compute_in_bfloat16, cpu_precision
from .data_parallel import DataParallel, Workers, workers_for
from .muon import step_in_parallel
from .waiting import ThreadsGiveWay, prepare_to_share

OBJECTS = 16
"""In each image: the loss takes longer where there are more."""
STEPS = 2
MOST_SECONDS = 20.0
LOAD_SHARE = 0.05
"""Of a step's layers: reading and augmenting its images, when nothing is measured of it."""


def measure_step(asked: dict[str, Any]) -> StepTime:
    """Time a step on the processor, after one in which kernels are made.

    Args:
        asked: `architecture`, `classes`, `batch`, `height` and `width` in pixels, and of the
            hyperparameters `optimizer`, `precision` and `channels_last`.
    """
    import torch

    torch.set_num_threads(usable_cores())
    precision = cpu_precision(asked["precision"])
    workers = workers_for(asked["batch"], usable_cores())
    model, batch = _model(asked), _batch(asked)
    if asked["channels_last"]:
        model.to(memory_format=torch.channels_last)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
    if precision.layers == "bfloat16":
        compute_in_bfloat16(model)
    if workers:
        DataParallel(workers).take_over(model)
    update = _optimizer(model, precision, workers).step if asked["optimizer"] == "MuSGD" else None
    layers, updates = [], []
    began = time.perf_counter()
    for _ in range(1 + STEPS):
        layers.append(_seconds(lambda: _pass(model, batch)))
        updates.append(_seconds(update) if update else 0.0)
        model.zero_grad()
        if time.perf_counter() - began > MOST_SECONDS:
            break
    return StepTime(1.0, LOAD_SHARE * min(layers), min(layers), min(updates))


def _seconds(action: Any) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _model(asked: dict[str, Any]) -> Any:
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(asked["architecture"], nc=asked["classes"], verbose=False)
    model.args = get_cfg(overrides={"nms": False})
    return model.train()


def _batch(asked: dict[str, Any]) -> dict[str, Any]:
    import torch

    count = asked["batch"]
    objects = count * OBJECTS
    places = torch.rand(objects, 2) * 0.8 + 0.1
    return {
        "img": torch.rand(count, 3, asked["height"], asked["width"]),
        "cls": torch.randint(0, asked["classes"], (objects, 1)).float(),
        "bboxes": torch.cat([places, torch.full((objects, 2), 0.08)], dim=1),
        "batch_idx": torch.arange(count).repeat_interleave(OBJECTS).float(),
    }


def _pass(model: Any, batch: dict[str, Any]) -> None:
    loss, _ = model.loss(batch)
    loss.sum().backward()


def _optimizer(model: Any, precision: CpuPrecision, workers: Workers | None) -> Any:
    from ultralytics.optim import MuSGD

    patch_muon(precision)
    weights = [weight for weight in model.parameters() if weight.ndim >= 2]
    optimizer = MuSGD([{"params": weights, "lr": 1e-3, "momentum": 0.9, "use_muon": True}])
    if workers:
        step_in_parallel(optimizer, workers)
    return optimizer


if __name__ == "__main__":
    chosen = prepare_to_share()
    import torch  # noqa: F401  # brings its OpenMP

    with ThreadsGiveWay(chosen):
        step = measure_step(json.loads(sys.argv[1]))
    print(json.dumps(asdict(step)))
