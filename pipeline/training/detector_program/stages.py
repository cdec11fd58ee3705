"""One stage of training: its options, its lists, and where ultralytics works at it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from detector_runtime.system.cores import usable_cores

from .acceleration.cpu import compute_in_bfloat16, cpu_precision, use_channels_last
from .acceleration.data_parallel import DataParallel, workers_for
from .acceleration.muon import step_in_parallel
from .acceleration.resizing import ProgressiveResizing
from .constants import PREFIXES
from .recording.checkpoints import Checkpoint
from .ultralytics_patches import after_preprocessing, patch_muon

OWN_OPTIONS = ("precision", "initial_scale", "full_size_fraction")
"""Hyperparameters that ultralytics does not know."""


class StageSettings:
    """One stage of training: its options, its lists, and where ultralytics works at it."""

    def __init__(self, job: dict[str, Any], folder: Path, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.options: dict[str, Any] = options_of(job, entry)
        self.trainer_options = trainer_options(self.options)
        self.resizing = ProgressiveResizing(
            self.options["initial_scale"],
            self.options["full_size_fraction"],
            self.options["epochs"],
            self.options["imgsz"],
        )
        self.entry = entry
        self.class_names: list[str] = job["class_names"]
        self.data = folder / "data"
        self.folder = folder / "work" / "runs" / self.name
        self.last = self.folder / "weights" / "last.pt"
        self.best = self.folder / "weights" / "best.pt"
        self.csv = self.folder / "results.csv"

    def fixed_options(self) -> dict[str, Any]:
        """What ultralytics is told beside the hyperparameters, whether it begins or goes on."""
        return {
            "data": str(self._write_dataset_file()),
            "save_dir": str(self.folder),
            "exist_ok": True,
            "plots": True,
            # Anything else has current releases choose checkpoints on the head that is not shipped.
            "nms": False,
        }

    def prepare(self, trainer: Any) -> None:
        """Make a trainer that is set up train as this stage's options and the host's device ask."""
        from ultralytics.optim import MuSGD

        after_preprocessing(trainer, lambda batch: self.resizing.resized(batch, trainer.epoch))
        if trainer.device.type != "cpu":
            return
        precision = cpu_precision(self.options["precision"])
        workers = workers_for(trainer.batch_size, usable_cores())
        at_once = f", {workers.count} parts of each batch at once" if workers else ""
        print(f"Training on a processor: {precision}{at_once}")
        patch_muon(precision)
        if self.options["channels_last"]:
            use_channels_last(trainer)
        if precision.layers == "bfloat16":
            compute_in_bfloat16(trainer.model)
        if workers:
            DataParallel(workers).take_over(trainer.model)
            if isinstance(trainer.optimizer, MuSGD):
                step_in_parallel(trainer.optimizer, workers)

    def restore(self, saved: Checkpoint) -> None:
        """Lay out the files of a stage as they were when a checkpoint was written.

        The options of the job hold and not those that the checkpoint was written with; a device of
        another host must not be looked for on this one.
        """
        import torch

        self.last.parent.mkdir(parents=True, exist_ok=True)
        content, state = saved.content, saved.state
        content["train_args"] = {
            **content["train_args"],
            **self.trainer_options,
            **self.fixed_options(),
            "device": None,
            "resume": False,
        }
        torch.save(content, self.last)
        if state["best"] is None:
            shutil.copyfile(self.last, self.best)
        else:
            self.best.write_bytes(state["best"])
        self.csv.write_text(state["results"][self.name], encoding="utf-8", newline="")

    def is_finished(self, saved: Checkpoint) -> bool:
        """Whether a checkpoint is of the last epoch, or of the one that patience ended with."""
        best_epoch: int = (saved.content.get("stopper") or {}).get("best_epoch", 0)
        patience: float = self.options["patience"] or math.inf
        epochs: int = self.options["epochs"]
        return saved.epoch >= epochs or saved.epoch - best_epoch >= patience

    def strip(self) -> None:
        """Make the finished weights of the newest and the best checkpoint, as ultralytics does."""
        from ultralytics.utils.torch_utils import strip_optimizer

        for file in (self.last, self.best):
            strip_optimizer(file)

    def _write_dataset_file(self) -> Path:
        """The data file that ultralytics wants, with absolute paths of this host. JSON is YAML."""
        content = {
            "path": str(self.data),
            "train": self._list("train.txt", self.entry["train_on"]),
            "val": self._list("val.txt", self.entry["validate_on"]),
            "names": dict(enumerate(self.class_names)),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        file: Path = self.folder / "dataset.yaml"
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    def _list(self, name: str, images: str) -> str:
        """Name of the list of some kind of images; it lies beside the whole one."""
        if images == "all":
            return name
        lines = (self.data / name).read_text(encoding="utf-8").splitlines()
        taken = [line for line in lines if PurePosixPath(line).name.startswith(PREFIXES[images])]
        part = f"{images}_{name}"
        (self.data / part).write_text("".join(f"{line}\n" for line in taken), encoding="utf-8")
        return part


def options_of(job: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters of one stage of training."""
    return {**job["hyperparameters"], **entry["hyperparameters"]}


def trainer_options(options: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a stage as ultralytics knows them."""
    known = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
    return {
        **known,
        "channels_last": None if options["channels_last"] else False,
        "amp": mixed_precision(options["precision"]),
    }


def mixed_precision(precision: str) -> bool | str:
    """The option `amp`: on a processor False, where `prepare` sees to precision instead.

    ultralytics 8.4.190 refuses "bf16" without a GPU that multiplies bfloat16.
    """
    import torch

    if precision == "auto":
        return True
    return "bf16" if precision == "bf16" and torch.cuda.is_available() else False
