"""All that is changed in ultralytics: each change with its reason and what it was checked on.

A change stands in for a function of ultralytics, whose source it was written against. The tests
compare those sources with the digests that are noted here: when upstream changes one of them, read
what it does now, adapt what stands in for it, and note the new version and digest.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .acceleration.cpu import CpuPrecision
from .acceleration.muon import muon_update


@dataclass(frozen=True)
class UltralyticsPatch:
    """A function of ultralytics that something stands in for, or whose workings are relied on.

    Attributes:
        target: module and name, separated by a colon.
        checked: the version of ultralytics that it was checked on.
        digest: SHA-256 of the function's source in that version, its first 16 digits.
        reason: why it is changed.
    """

    target: str
    checked: str
    digest: str
    reason: str

    def source_digest(self) -> str:
        """The digest of the source as it is installed, whatever stands in for it by now."""
        module, _, name = self.target.partition(":")
        source = Path(importlib.import_module(module).__file__ or "").read_text("utf-8")
        found: Any = ast.parse(source)
        for part in name.split("."):
            found = next(node for node in found.body if getattr(node, "name", None) == part)
        start = min([found, *found.decorator_list], key=lambda node: node.lineno).lineno
        lines = source.splitlines(keepends=True)[start - 1 : found.end_lineno]
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


PATCHES = (
    UltralyticsPatch(
        "ultralytics.optim.muon:muon_update",
        "8.4.190",
        "b7b79fffc4875a4c",
        "pads matrices and multiplies in bfloat16, which most processors emulate",
    ),
    UltralyticsPatch(
        "ultralytics.optim.muon:MuSGD.step",
        "8.4.190",
        "b5df0189d9c5616a",
        "calls muon_update by its name in the module, and treats each weight apart from the others",
    ),
    UltralyticsPatch(
        "ultralytics.optim.muon:zeropower_via_newtonschulz5",
        "8.4.190",
        "3e018ec667f63063",
        "its coefficients and number of steps are those of ours",
    ),
    UltralyticsPatch(
        "ultralytics.models.yolo.detect.train:DetectionTrainer.preprocess_batch",
        "8.4.190",
        "cd3df8d7801c310d",
        "images of the first epochs are made smaller after it",
    ),
    UltralyticsPatch(
        "ultralytics.engine.trainer:BaseTrainer._do_train",
        "8.4.190",
        "87a635e3bfc4fd3f",
        "calls preprocess_batch, the model, backward, optimizer_step and the callbacks in the order"
        " relied on",
    ),
    UltralyticsPatch(
        "ultralytics.nn.tasks:BaseModel.loss",
        "8.4.190",
        "a0651df7e7644d01",
        "has all threads share each layer of the whole batch",
    ),
    UltralyticsPatch(
        "ultralytics.utils.tqdm:is_noninteractive_console",
        "8.4.190",
        "d44f1b563dec61cb",
        "writes a line for each step into the log",
    ),
    UltralyticsPatch(
        "ultralytics.utils.checks:check_font",
        "8.4.190",
        "ccf9e94073e9904f",
        "downloads a font",
    ),
    UltralyticsPatch(
        "ultralytics.utils.torch_utils:select_device",
        "8.4.190",
        "47809a19a310316c",
        "sets as many threads as torch_utils.NUM_THREADS says: one core is left idle",
    ),
    UltralyticsPatch(
        "ultralytics.utils.plotting:plot_images",
        "8.4.190",
        "91b81d315b760a7f",
        "draws images too small to read",
    ),
    UltralyticsPatch(
        "ultralytics.utils:threaded",
        "8.4.190",
        "9a3cd4cfe6bbcb54",
        "has plot_images draw in a thread, where failures are lost",
    ),
    UltralyticsPatch(
        "ultralytics.models.yolo.detect.train:DetectionTrainer.plot_training_labels",
        "8.4.190",
        "337b8f32e9e4f25d",
        "calls plot_labels by its name in the module",
    ),
    UltralyticsPatch(
        "ultralytics.models.yolo.detect.val:DetectionValidator.plot_predictions",
        "8.4.190",
        "c086de74e5035587",
        "calls plot_images by its name in the module",
    ),
    UltralyticsPatch(
        "ultralytics.engine.trainer:BaseTrainer.plot_metrics",
        "8.4.190",
        "046604f9dfb25d8a",
        "calls plot_results by its name in the module",
    ),
)

Drawing = Callable[..., None]


def patch_ultralytics(work: Path, threads: int) -> None:
    """Plain log lines, no trackers, no downloads, every core; for any kind of device.

    Args:
        work: receives what ultralytics writes beside its results.
        threads: that compute on a processor.
    """
    import ultralytics.data.utils
    import ultralytics.utils.plotting
    from ultralytics import settings
    from ultralytics.utils import torch_utils, tqdm

    settings.update(
        {key: False for key, value in settings.items() if isinstance(value, bool)}
        | {f"{kind}_dir": str(work / kind) for kind in ("datasets", "weights", "runs")}
    )
    tqdm.is_noninteractive_console = lambda: True
    ultralytics.data.utils.check_font = lambda *_: None
    ultralytics.utils.plotting.check_font = _local_font
    torch_utils.NUM_THREADS = threads


def _local_font(*_: Any) -> Path:
    """The font that comes with matplotlib."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def patch_muon(precision: CpuPrecision) -> None:
    """Have MuSGD update in a processor's own arithmetic, each shape of matrix in one batch."""
    import torch
    from ultralytics.optim import muon

    dtype = getattr(torch, precision.muon)

    def update(
        grad: list[Any], momentum: list[Any], beta: float = 0.95, nesterov: bool = True
    ) -> list[Any]:
        return muon_update(grad, momentum, beta, nesterov, dtype)

    muon.muon_update = update


def patch_drawing(
    guard: Callable[[Drawing], Drawing], guard_images: Callable[[Drawing], Drawing]
) -> None:
    """Have all drawing go through other functions, wherever ultralytics calls it by name.

    Args:
        guard: makes of a drawing function what stands in for it.
        guard_images: the same of `plot_images`.
    """
    from ultralytics.engine import trainer
    from ultralytics.models.yolo.detect import train, val
    from ultralytics.utils import metrics

    for place, name in (
        (trainer, "plot_results"),
        (train, "plot_labels"),
        (metrics, "plot_pr_curve"),
        (metrics, "plot_mc_curve"),
        (metrics.ConfusionMatrix, "plot"),
    ):
        setattr(place, name, guard(getattr(place, name)))
    for module in (train, val):
        module.plot_images = guard_images(module.plot_images)


def after_preprocessing(trainer: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Have `change` applied to each batch that a trainer has preprocessed."""
    preprocess = trainer.preprocess_batch

    def preprocess_and_change(batch: dict[str, Any]) -> dict[str, Any]:
        return change(preprocess(batch))

    trainer.preprocess_batch = preprocess_and_change
