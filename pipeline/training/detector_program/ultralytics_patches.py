"""All that is changed in ultralytics.

A change stands in for a function of ultralytics, whose source it was written against. This module's
test compares those sources with the digests that it notes: when upstream changes one of them, read
what it does now, adapt what stands in for it, and note the new version and digest there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .acceleration.cpu import CpuPrecision
from .acceleration.muon import muon_update

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
