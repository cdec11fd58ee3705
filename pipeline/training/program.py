"""The training job, on any host: `python program.py job.json`.

It needs Python, ultralytics and what that brings, and nothing of Outpost: a copy of this file
travels in the job's folder.

    job.json            what to do (`pipeline.training.job.JobSpec`)
    program.py          this file
    data/               the training set, when the job trains
    *.pt                weights to start from or to export, when they are at hand
    resume.pt           a `checkpoint.pt` to go on from, with `resume.json`, its `checkpoint.json`
    stop                when it appears, training ends after the epoch and the job goes on to export
    work/               scratch: everything that ultralytics writes
    outputs/            what comes back; `done.json` is written last and only when all went well
        plots/          what ultralytics draws; of several stages, each in a folder of its own

Every line of `outputs/metrics.jsonl` is one event (`pipeline.training.results`). While it trains,
`outputs/checkpoint.pt` is the newest whole checkpoint and all that going on from it takes;
`outputs/checkpoint.json` says which epoch of which stage it is, its digest and its size. A job that
is started again in its folder goes on from there by itself.

With `--lifeline` the job ends when its standard input is closed, so that it cannot outlive whoever
started it. SIGTERM ends it too: at once, with what there is.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import io
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

EXIT_FAILED = 1
EXIT_NO_MEMORY = 3
EXIT_DISK_FULL = 4
EXIT_STOPPED = 143
"""What a shell reports of a process that SIGTERM ended."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows no other; there SIGTERM kills at once."""

MAX_DETECTIONS = 300
ROW_VALUES = 6
PLOTS = "plots"
PICTURES_DRAWN = 4
"""Of each batch. ultralytics draws 16, so small that the names cover the pictures."""
RESUME_FILE = "resume.pt"
CHECKPOINT_FILE = "checkpoint.pt"
STOP_FILE = "stop"
STATE_KEY = "outpost"
"""Under it a checkpoint carries what ultralytics leaves out; see `Recorder.keep`."""
PREFIXES = {"all": "", "synthetic": "synth_", "real": "real_"}
"""How the names of pictures begin, by their kind."""
PROGRESS_SECONDS = 2.0
LIFELINE_GRACE_SECONDS = 10.0
LINEAGE_PREFIX = "outpost_"
OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
METRIC_NAMES = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "map50": "metrics/mAP50(B)",
    "map50_95": "metrics/mAP50-95(B)",
}


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    stop_on_request()
    if "--lifeline" in arguments:
        stop_when_abandoned()
    folder = Path(arguments[0]).resolve().parent
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    try:
        with Outputs(folder / "outputs") as outputs:
            return run_and_explain(job, folder, outputs)
    except OSError as error:
        traceback.print_exc()
        return exit_code_of(error)


def run_and_explain(job: dict[str, Any], folder: Path, outputs: Outputs) -> int:
    """Run the job; a failure is told as the last event, and by the exit code."""
    try:
        run(job, folder, outputs)
    except SystemExit:
        outputs.event("message", message="Asked to end at once; what there is was kept")
        raise
    except Exception as error:
        traceback.print_exc()
        outputs.event("failed", message=f"{type(error).__name__}: {error}"[:2000])
        return exit_code_of(error)
    return 0


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train and export, as far as the job asks for it."""
    work = folder / "work"
    keep_to_the_folder(work)
    outputs.event("stage", stage="prepare", message="Loading ultralytics")
    tame_ultralytics(work)
    draw_in_a_local_font()
    saved = newest_checkpoint(job, folder, outputs) if "train" in job["stages"] else None
    weights = None if saved else find_weights(job, folder, work, outputs)
    started_from = saved.state["weights"] if saved else described(weights)
    outputs.json("environment.json", environment() | {"weights": started_from})
    if "train" in job["stages"]:
        weights = Training(job, folder, outputs, started_from).run(weights, saved)
    if "export" in job["stages"]:
        if weights is None:
            raise FileNotFoundError(f"{job['weights']} is not in the job's folder to be exported")
        export(job, weights, work, outputs)
    outputs.finish()


# Training


class Training:
    """All stages of training, one after the other."""

    def __init__(
        self, job: dict[str, Any], folder: Path, outputs: Outputs, weights: dict[str, Any] | None
    ) -> None:
        """`weights` describes those that the first stage started from."""
        self.job = job
        self.folder = folder
        self.outputs = outputs
        self.stages = [Stage(job, folder, entry) for entry in job["training"]]
        self.history = History([stage.name for stage in self.stages], weights)
        self.plots = Plots(outputs, self.stages)
        self.plots.take_over()

    def run(self, weights: Path | None, saved: Checkpoint | None) -> Path:
        """Train to the end or to the early stop; the path of the best checkpoint in the outputs.

        Args:
            weights: to start from; None starts from scratch.
            saved: what to go on from instead.
        """
        first = 0
        if saved:
            self.history.restore(saved.state, self.outputs)
            self.outputs.text("results.csv", self.history.csv())
            first = self.history.names.index(saved.stage)
        for stage in self.stages[first:]:
            self._run_stage(stage, weights, saved)
            saved = None
            is_last = stage is self.stages[-1]
            if is_last or self.stop_requested():
                break
            weights = publish_checkpoint(stage.best, self.outputs, f"{stage.name}.pt")
        if not is_last:
            self.outputs.event(
                "message", message=f"Asked to stop: nothing is trained after stage {stage.name}"
            )
        print(
            f"Plots took {self.plots.seconds:.1f} s, {self.plots.cpu_seconds:.1f} s of it CPU time"
        )
        publish_checkpoint(stage.last, self.outputs, "last.pt")
        return publish_checkpoint(stage.best, self.outputs, "best.pt")

    def stop_requested(self) -> bool:
        """Whether somebody asked to train no longer than the epoch that is running."""
        return (self.folder / STOP_FILE).exists()

    def _run_stage(self, stage: Stage, weights: Path | None, saved: Checkpoint | None) -> None:
        named = f" of stage {stage.name}" if len(self.stages) > 1 else ""
        self.outputs.event("stage", stage="train", message=f"Reading the training set{named}")
        if saved is None:
            start = str(weights or self.job["architecture"])
            self._train(stage, start, stage.trainer_options)
            return
        stage.restore(saved)
        message = f"Going on after epoch {saved.epoch} of {stage.options['epochs']}{named}"
        self.outputs.event("message", message=message)
        if stage.is_finished(saved) or self.stop_requested():
            stage.strip()
            self.outputs.event("best", **self.history.best_of(stage.name))
            return
        # It takes all other options from the checkpoint, where they have been replaced.
        self._train(stage, str(stage.last), {"resume": True})

    def _train(self, stage: Stage, model_file: str, options: dict[str, Any]) -> None:
        from ultralytics import YOLO

        model = YOLO(model_file, task="detect")
        for callbacks in (stage.tuning, Recorder(self, stage).callbacks()):
            for name, callback in callbacks.items():
                model.add_callback(name, callback)
        try:
            model.train(**options, **stage.fixed_options())
        finally:
            self.outputs.text("results.csv", self.history.csv())


class Stage:
    """One stage of training: its options, its lists, and where ultralytics works at it."""

    def __init__(self, job: dict[str, Any], folder: Path, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.options: dict[str, Any] = options_of(job, entry)
        self.trainer_options = dict(self.options)
        self.tuning = take_cpu_options(self.trainer_options)
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

    def _list(self, name: str, pictures: str) -> str:
        """Name of the list of some kind of pictures; it lies beside the whole one."""
        if pictures == "all":
            return name
        lines = (self.data / name).read_text(encoding="utf-8").splitlines()
        taken = [line for line in lines if PurePosixPath(line).name.startswith(PREFIXES[pictures])]
        part = f"{pictures}_{name}"
        (self.data / part).write_text("".join(f"{line}\n" for line in taken), encoding="utf-8")
        return part


def options_of(job: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters of one stage of training."""
    return {**job["hyperparameters"], **entry["hyperparameters"]}


class History:
    """Epochs and figures of all stages so far; a checkpoint carries it."""

    def __init__(self, names: list[str], weights: dict[str, Any] | None) -> None:
        self.names = names
        self.weights = weights
        self.epochs: list[dict[str, Any]] = []
        self.results: dict[str, str] = {}

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "stage": self.epochs[-1]["stage"],
            "epochs": self.epochs,
            "results": self.results,
            "weights": self.weights,
        }

    def restore(self, state: dict[str, Any], outputs: Outputs) -> None:
        """Take over the history of a checkpoint, and tell the epochs that are not yet told."""
        self.epochs, self.results = state["epochs"], state["results"]
        told = {(event.get("stage"), event.get("epoch")) for event in outputs.told("epoch")}
        outputs.began -= self.epochs[-1]["seconds"]
        for event in self.epochs:
            if (event["stage"], event["epoch"]) not in told:
                outputs.write({**event, "restored": True})

    def best_of(self, stage: str) -> dict[str, float | None]:
        """The figures of the best epoch of a stage."""
        epochs = [event for event in self.epochs if event["stage"] == stage]
        best = max(epochs, key=lambda event: event["map50_95"] or 0.0)
        return {name: best[name] for name in METRIC_NAMES}

    def csv(self) -> str:
        """The results of all stages; with several, each row begins with the name of its stage."""
        if len(self.names) == 1:
            return self.results.get(self.names[0], "")
        lines: list[str] = []
        for name, text in self.results.items():
            header, *rows = text.splitlines()
            lines += [] if lines else [f"stage,{header}"]
            lines += [f"{name},{row}" for row in rows]
        return "".join(f"{line}\n" for line in lines)


class Recorder:
    """Turns what ultralytics calls back into events, and keeps a whole checkpoint at all times."""

    def __init__(self, training: Training, stage: Stage) -> None:
        self.training = training
        self.outputs = training.outputs
        self.history = training.history
        self.stage = stage
        self.began = self.epoch_began = self.told = time.monotonic()
        self.batch = self.batch_size = 0
        self.kept_epoch = 0
        self.best: bytes | None = None

    def callbacks(self) -> dict[str, Any]:
        """By the name of ultralytics' hook."""
        return {
            "on_pretrain_routine_end": self.draw_the_best_alone,
            "on_train_start": self.training_starts,
            "on_train_epoch_start": self.epoch_starts,
            "on_train_batch_end": self.batch_ends,
            "on_train_epoch_end": self.stop_if_asked,
            "on_model_save": self.epoch_ends,
            "on_fit_epoch_end": self.all_ends,
        }

    def draw_the_best_alone(self, trainer: Any) -> None:
        """Have no epoch's validation drawn: the best checkpoint's comes last, in the same files."""
        trainer.validator.args.plots = False

    def training_starts(self, trainer: Any) -> None:
        self.began = time.monotonic()
        self.batch_size = trainer.batch_size

    def epoch_starts(self, trainer: Any) -> None:
        self.epoch_began = time.monotonic()
        self.batch = 0
        self.tell_a_smaller_batch(trainer)

    def tell_a_smaller_batch(self, trainer: Any) -> None:
        """Tell that memory ran out: ultralytics 8.4.190 (`BaseTrainer._do_train`) then halves the
        batch, in the first epoch and three times at most, and begins the epoch again."""
        before, self.batch_size = self.batch_size, trainer.batch_size
        if self.batch_size != before:
            self.outputs.event(
                "batch", stage=self.stage.name, batch_size=self.batch_size, before=before
            )

    def batch_ends(self, trainer: Any) -> None:
        self.batch += 1
        now = time.monotonic()
        if now - self.told < PROGRESS_SECONDS:
            return
        self.told = now
        batches = len(trainer.train_loader)
        done = trainer.epoch - trainer.start_epoch + self.batch / batches
        self.outputs.event(
            "progress",
            stage=self.stage.name,
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            batch=self.batch,
            batches=batches,
            seconds_left=self._seconds_left(trainer, done),
        )

    def stop_if_asked(self, trainer: Any) -> None:
        trainer.stop |= self.training.stop_requested()

    def epoch_ends(self, trainer: Any) -> None:
        """Keep the checkpoint, then tell the epoch: what was told is never trained again."""
        self.stop_if_asked(trainer)
        epoch = self.kept_epoch = trainer.epoch + 1
        train_losses = trainer.label_loss_items(trainer.tloss, prefix="train")
        event = self.outputs.stamped(
            "epoch",
            stage=self.stage.name,
            epoch=epoch,
            epochs=trainer.epochs,
            batch_size=trainer.batch_size,
            **metrics_of(trainer),
            train_losses=losses(train_losses, "train/"),
            val_losses=losses(trainer.metrics, "val/"),
            learning_rate=number(next(iter(trainer.lr.values()), None)),
            epoch_seconds=round(time.monotonic() - self.epoch_began, 3),
            seconds_left=self._seconds_left(trainer, epoch - trainer.start_epoch),
        )
        self.history.epochs.append(event)
        self.history.results[self.stage.name] = self.stage.csv.read_text(encoding="utf-8")
        self.keep(trainer)
        self.outputs.write(event)

    def all_ends(self, trainer: Any) -> None:
        """Called after every epoch, and once more with the figures of the best checkpoint."""
        if trainer.epoch + 1 != self.kept_epoch:
            self.outputs.event("best", **metrics_of(trainer))

    def keep(self, trainer: Any) -> None:
        """Publish the checkpoint that ultralytics has just written, whole and complete.

        It writes last.pt in place, so that whoever reads it meanwhile gets half of it; it leaves
        out the best weights, without which a training that goes on elsewhere and gets no better
        would end with none; and once training has ended, it strips what going on would take.
        """
        import torch

        content = torch.load(trainer.last, map_location="cpu", weights_only=False)
        content[STATE_KEY] = {**self.history.state(), "best": self._best_of(trainer)}
        self.outputs.text("results.csv", self.history.csv())
        with self.outputs.replacing(CHECKPOINT_FILE) as temporary:
            torch.save(content, temporary)
            digest, size = sha256_of(temporary), temporary.stat().st_size
        last = self.history.epochs[-1]
        self.outputs.json(
            sidecar_of(Path(CHECKPOINT_FILE)).name,
            {key: last[key] for key in ("epoch", "epochs", "stage")}
            | {"sha256": digest, "bytes": size},
        )

    def _best_of(self, trainer: Any) -> bytes | None:
        """The best checkpoint without its optimizer; None when it is the newest."""
        if trainer.best_fitness == trainer.fitness:
            self.best = None
        elif self.best is None:
            self.best = without_optimizer(trainer.best)
        return self.best

    def _seconds_left(self, trainer: Any, epochs_done: float) -> float:
        elapsed = time.monotonic() - self.began
        epochs_left: float = trainer.epochs - trainer.start_epoch - epochs_done
        return round(elapsed / epochs_done * max(epochs_left, 0.0), 1)


class Plots:
    """What ultralytics draws, brought into the outputs as soon as it is drawn.

    A drawing that fails is told and nothing more: it is no reason to lose a training.
    """

    def __init__(self, outputs: Outputs, stages: list[Stage]) -> None:
        self.outputs = outputs
        alone = len(stages) == 1
        self.places = {stage.folder: "" if alone else f"{stage.name}/" for stage in stages}
        self.class_names = dict(enumerate(stages[0].class_names))
        self.brought: dict[Path, int] = {}
        self.seconds = self.cpu_seconds = 0.0

    def take_over(self) -> None:
        """Stand in for ultralytics' drawing functions, wherever they are called by name."""
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
            setattr(place, name, self._guarded(getattr(place, name)))
        for module in (train, val):
            module.plot_images = self._guarded(self._drawn_here(module.plot_images))

    def _drawn_here(self, plot_images: Any) -> Any:
        """Draw in this thread, so that failures are seen; few pictures, all with classes' names."""

        def draw(**options: Any) -> None:
            readable = {"names": self.class_names, "max_subplots": PICTURES_DRAWN}
            plot_images(threaded=False, **{**readable, **options})

        return draw

    def _guarded(self, draw: Any) -> Any:
        def draw_if_possible(*arguments: Any, **options: Any) -> None:
            began, cpu_began = time.monotonic(), time.process_time()
            try:
                draw(*arguments, **options)
                self._bring()
            except Exception as error:
                traceback.print_exc()
                self.outputs.event(
                    "message",
                    message=f"A plot could not be drawn, training goes on without it: {error}",
                )
            self.seconds += time.monotonic() - began
            self.cpu_seconds += time.process_time() - cpu_began

        return draw_if_possible

    def _bring(self) -> None:
        """Copy what is new into the outputs."""
        for folder, place in self.places.items():
            for file in sorted((*folder.glob("*.png"), *folder.glob("*.jpg"))):
                changed = file.stat().st_mtime_ns
                if self.brought.get(file) != changed:
                    with self.outputs.replacing(f"{PLOTS}/{place}{file.name}") as temporary:
                        shutil.copyfile(file, temporary)
                    self.brought[file] = changed


def metrics_of(trainer: Any) -> dict[str, float | None]:
    """The figures of the last validation."""
    return {name: number(trainer.metrics.get(key)) for name, key in METRIC_NAMES.items()}


def without_optimizer(file: Path) -> bytes:
    """A checkpoint as good for everything but going on from it."""
    import torch

    content = torch.load(file, map_location="cpu", weights_only=False)
    content["optimizer"] = None
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def take_cpu_options(options: dict[str, Any]) -> dict[str, Any]:
    """Callbacks that make training on a CPU faster; `options` is left as ultralytics knows it.

    ultralytics changes memory format and precision on GPUs alone. On two cores with AVX512-BF16 a
    step takes 1.34 s as it comes, 0.90 s on both cores, 0.62 s with channels_last as well, and
    0.37 s with the layers in bfloat16 (YOLO26n, 16 pictures of 320 px).
    """
    channels_last, precision = options["channels_last"], options.pop("precision")
    options["channels_last"] = None if channels_last else False
    options["amp"] = {"auto": True, "bf16": "bf16", "fp32": False}[precision]

    def tune(trainer: Any) -> None:
        import torch

        if trainer.device.type != "cpu":
            return
        if channels_last:
            for model in (trainer.model, trainer.ema.ema):
                model.to(memory_format=torch.channels_last)
        if precision == "bf16" or (precision == "auto" and cpu_has_bfloat16()):
            compute_in_bfloat16(trainer.model)

    return {"on_pretrain_routine_end": tune}


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself; where it is emulated it is slower."""
    import torch

    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def compute_in_bfloat16(model: Any) -> None:
    """Run the layers in bfloat16; weights, loss and optimizer stay in float32.

    As a method, which a copy of the model binds to itself and a checkpoint leaves behind:
    ultralytics copies the model when it recovers from a loss that is no number.
    """

    def predict(self: Any, *arguments: Any, **options: Any) -> Any:
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16):
            predicted = type(self).predict(self, *arguments, **options)
        return as_float32(predicted)

    model.predict = types.MethodType(predict, model)


def as_float32(value: Any) -> Any:
    """The same nested dictionaries, lists and tuples with every tensor as float32."""
    if isinstance(value, dict):
        return {key: as_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_float32(item) for item in value)
    return value.float()


def publish_checkpoint(source: Path, outputs: Outputs, name: str) -> Path:
    """Copy a finished checkpoint without what says where and when it was made."""
    import torch

    checkpoint = torch.load(source, map_location="cpu", weights_only=False)
    for key in ("git", "date", STATE_KEY):
        checkpoint.pop(key, None)
    for settings in (checkpoint["train_args"], checkpoint["model"].args):
        for key in {"data", "model", "project", "save_dir", "resume"} & set(settings):
            settings[key] = Path(str(settings[key])).name if settings[key] else settings[key]
    with outputs.replacing(name) as temporary:
        torch.save(checkpoint, temporary)
    return outputs.folder / name


# Going on


class CheckpointError(RuntimeError):
    """A checkpoint from which no training can go on."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a training can go on from.

    Attributes:
        content: as ultralytics wrote it.
        state: what `Recorder.keep` added to it.
    """

    content: dict[str, Any]
    state: dict[str, Any]

    @property
    def stage(self) -> str:
        """The stage of training that it is of."""
        name: str = self.state["stage"]
        return name

    @property
    def epoch(self) -> int:
        """Finished epochs of that stage."""
        finished: int = self.content["epoch"] + 1
        return finished


def newest_checkpoint(job: dict[str, Any], folder: Path, outputs: Outputs) -> Checkpoint | None:
    """What the job can go on from: the checkpoint that came with it, or a later one of its own.

    Raises:
        CheckpointError: the one that came with it is damaged or of no use.
    """
    names = [entry["name"] for entry in job["training"]]
    found = []
    if (folder / RESUME_FILE).is_file():
        found.append(read_checkpoint(folder / RESUME_FILE, names))
    if (outputs.folder / CHECKPOINT_FILE).is_file():
        # Renamed into place, so it is whole even when its sidecar is still that of the one before.
        try:
            found.append(read_checkpoint(outputs.folder / CHECKPOINT_FILE, names, checked=False))
        except CheckpointError as error:
            outputs.event("message", message=f"{error} It is left aside.")
    return max(found, key=lambda item: (names.index(item.stage), item.epoch), default=None)


def read_checkpoint(file: Path, stages: list[str], checked: bool = True) -> Checkpoint:
    """Read a checkpoint to go on from.

    Raises:
        CheckpointError: it differs from what its sidecar says, cannot be read, has been stripped,
            or is of a job with other stages.
    """
    import torch

    sidecar = sidecar_of(file)
    if checked and sidecar.is_file():
        expected = json.loads(sidecar.read_text(encoding="utf-8"))["sha256"]
        if sha256_of(file) != expected:
            raise CheckpointError(f"{file.name} is not what {sidecar.name} says: it is damaged.")
    try:
        content = torch.load(file, map_location="cpu", weights_only=False)
    except (
        Exception
    ) as error:  # a cut-off zip, a foreign pickle, a missing class: no use either way
        raise CheckpointError(f"{file.name} cannot be read: {error}") from error
    state = content.pop(STATE_KEY, None) if isinstance(content, dict) else None
    if state is None or content.get("optimizer") is None:
        raise CheckpointError(
            f"{file.name} holds weights without what going on takes: start from them instead."
        )
    if state["stage"] not in stages:
        raise CheckpointError(
            f"{file.name} is of stage {state['stage']}, which this job has not: {stages}."
        )
    return Checkpoint(content, state)


def sidecar_of(checkpoint: Path) -> Path:
    """The file that describes a checkpoint."""
    return checkpoint.with_suffix(".json")


# Export


def export(job: dict[str, Any], weights: Path, work: Path, outputs: Outputs) -> None:
    """Write the ONNX model with the head that needs no NMS, and its lineage within."""
    from ultralytics import YOLO

    outputs.event("stage", stage="export", message="Exporting ONNX")
    copy = work / "model.pt"
    shutil.copyfile(weights, copy)
    exported = YOLO(str(copy), task="detect").export(
        format="onnx",
        imgsz=options_of(job, job["training"][-1])["imgsz"],
        # Anything but False exports the head with one row per anchor, whatever its shape says.
        nms=False,
        device="cpu",
        **job["export"],
    )
    with outputs.replacing("best.onnx") as temporary:
        write_lineage(Path(exported), temporary, job)
        check_export(temporary, job)


def write_lineage(source: Path, target: Path, job: dict[str, Any]) -> None:
    """Copy an ONNX model, its metadata without date and paths but with the job's lineage."""
    import onnx

    model = onnx.load(str(source))
    metadata = {item.key: item.value for item in model.metadata_props}
    metadata.pop("date", None)
    metadata["description"] = f"Detector of {job['game']}, trained with Outpost and ultralytics"
    metadata.update({f"{LINEAGE_PREFIX}{key}": str(job["lineage"][key]) for key in job["lineage"]})
    del model.metadata_props[:]
    for key in sorted(metadata):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, metadata[key]
    onnx.save(model, str(target))


class WrongExportError(RuntimeError):
    """An export that no runtime could use."""


def check_export(file: Path, job: dict[str, Any]) -> None:
    """Compare an export with what the runtime decodes, while the host that made it still exists.

    `pipeline.training.contract` looks closer, where the result is at home.

    Raises:
        WrongExportError: other outputs, the other head, other classes, or it does not run.
    """
    import onnx

    model = onnx.load(str(file))
    metadata = {item.key: item.value for item in model.metadata_props}
    names = list(ast.literal_eval(metadata.get("names", "{}")).values())
    found = [shape_of(output) for output in model.graph.output]
    rows = [MAX_DETECTIONS, ROW_VALUES]
    is_open = bool(found) and isinstance(found[0][0], str)
    if len(found) != 1 or found[0][1:] != rows or not (is_open or found[0][0] == 1):
        raise WrongExportError(f"The export gives {found} instead of one output [1, 300, 6]")
    if metadata.get("end2end") != "True":
        raise WrongExportError("The export has the head that needs non-maximum suppression")
    if names != list(job["class_names"]):
        raise WrongExportError(f"The export knows the classes {names}, not {job['class_names']}")
    run_once(file, metadata)


def shape_of(value: Any) -> list[int | str]:
    """The dimensions of a graph's input or output, open ones by their name."""
    return [item.dim_param or item.dim_value for item in value.type.tensor_type.shape.dim]


def run_once(file: Path, metadata: dict[str, str]) -> None:
    """Run an export on an empty picture, where there is something to run it with."""
    try:
        import numpy as np
        import onnxruntime
    except ImportError:
        print("onnxruntime is not here to run the export; its graph was checked")
        return
    height, width = ast.literal_eval(metadata["imgsz"])
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), providers=["CPUExecutionProvider"]
        )
        picture = np.zeros((1, 3, height, width), np.float32)
        shape = session.run(None, {session.get_inputs()[0].name: picture})[0].shape
    except Exception as error:  # onnxruntime's own types are not public
        raise WrongExportError(f"The export does not run: {error}") from error
    if shape != (1, MAX_DETECTIONS, ROW_VALUES):
        raise WrongExportError(f"The export answers a picture with an array of {shape}")


# Weights


def find_weights(job: dict[str, Any], folder: Path, work: Path, outputs: Outputs) -> Path | None:
    """The weights that the job names: in its folder, else downloaded, else none."""
    at_hand: Path = folder / job["weights"]
    if at_hand.is_file():
        return at_hand
    if "train" not in job["stages"]:
        return None
    from ultralytics.utils.downloads import attempt_download_asset

    outputs.event("stage", stage="weights", message=f"Downloading {job['weights']}")
    downloaded: Path = work / job["weights"]
    try:
        attempt_download_asset(downloaded, retry=0, progress=False)
    except Exception as error:  # offline, blocked, no such release: all mean the same here
        print(f"{type(error).__name__}: {error}")
    if downloaded.is_file():
        return downloaded
    outputs.event(
        "message",
        message=f"{job['weights']} is not at hand and cannot be downloaded: training starts from "
        f"scratch ({job['architecture']})",
    )
    return None


def described(weights: Path | None) -> dict[str, Any] | None:
    """Name and digest of the weights that a training starts from."""
    return {"name": weights.name, "sha256": sha256_of(weights)} if weights else None


# The host


def keep_to_the_folder(work: Path) -> None:
    """Have libraries write below `work` and nowhere else, and install nothing by themselves."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_CONFIG_DIR=str(work / "config"),
        MPLCONFIGDIR=str(work / "config"),
        # Others open windows, or look for a screen.
        MPLBACKEND="Agg",
        YOLO_AUTOINSTALL="false",
        # No look-up of newer releases and no usage statistics, both of which hang behind a
        # firewall. Weights are downloaded all the same.
        YOLO_OFFLINE="true",
        # Official builds of onnxruntime write an identifier to the home folder and report to
        # Microsoft unless this is set before the first import.
        ORT_DISABLE_TELEMETRY="1",
    )


def tame_ultralytics(work: Path) -> None:
    """Plain log lines, no trackers, every core."""
    import ultralytics.data.utils
    from ultralytics import settings
    from ultralytics.utils import torch_utils, tqdm

    settings.update(
        {key: False for key, value in settings.items() if isinstance(value, bool)}
        | {f"{kind}_dir": str(work / kind) for kind in ("datasets", "weights", "runs")}
    )
    tqdm.is_noninteractive_console = lambda: True
    # It fetches a font; see `draw_in_a_local_font`.
    ultralytics.data.utils.check_font = lambda *_: None
    # ultralytics leaves one core idle, which on two cores is half of them.
    torch_utils.NUM_THREADS = usable_cores()


def draw_in_a_local_font() -> None:
    """Have pictures lettered in the font that comes with matplotlib; ultralytics fetches one."""
    import ultralytics.utils.plotting

    def find_font(*_: Any) -> Path:
        import matplotlib

        return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")

    ultralytics.utils.plotting.check_font = find_font


def usable_cores() -> int:
    """Cores that this process may use, a container's quota considered."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota_file = Path("/sys/fs/cgroup/cpu.max")
    if quota_file.is_file():
        quota, period = quota_file.read_text().split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(cores, 1)


def environment() -> dict[str, Any]:
    """Everything about this host that can change what comes out."""
    import importlib.metadata

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    installed = tuple(importlib.metadata.distributions())
    versions = {str(item.metadata["Name"]): item.version for item in installed}
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": gpu or f"CPU, {usable_cores()} cores",
        "gpu": gpu,
        "driver": graphics_driver(),
        "cores": usable_cores(),
        "cuda": torch.version.cuda if gpu else None,
        "torch": torch.__version__,
        "ultralytics": versions.get("ultralytics") or versions.get("ultralytics-opencv-headless"),
        "pip_freeze": frozen(installed),
    }


def frozen(installed: Iterable[Any]) -> list[str]:
    """What `pip freeze` says, which not every host has: `name==version`, or where it is from."""
    lines = set()
    for item in installed:
        origin = item.read_text("direct_url.json")
        url: str = json.loads(origin)["url"] if origin else ""
        # A folder of the host is none of anybody's business, and of no use elsewhere.
        is_public = url != "" and not url.startswith("file:")
        at = f" @ {without_login(url)}" if is_public else f"=={item.version}"
        lines.add(f"{item.metadata['Name']}{at}")
    return sorted(lines, key=str.lower)


def without_login(url: str) -> str:
    """A URL without the name, password or token that may stand in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def graphics_driver() -> str | None:
    """Version of NVIDIA's driver, or None where there is none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)


def stop_on_request() -> None:
    """End in order on SIGTERM, so that loader processes end with this one."""

    def stop(_signal: int, _frame: Any) -> NoReturn:
        raise SystemExit(EXIT_STOPPED)

    signal.signal(signal.SIGTERM, stop)


def stop_when_abandoned() -> None:
    """End when standard input is closed: whoever started the job is gone."""

    def wait() -> None:
        # Not through sys.stdin, whose lock this thread would still hold when Python ends.
        while os.read(0, 1024):
            pass
        signal_group(signal.SIGTERM)
        time.sleep(LIFELINE_GRACE_SECONDS)
        signal_group(KILL)

    threading.Thread(target=wait, daemon=True).start()


def signal_group(number: signal.Signals) -> None:
    """Signal this process and, where it leads a group of its own, all that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


def exit_code_of(error: BaseException) -> int:
    """Which of the exit codes tells best why the job failed."""
    for cause in chain_of(error):
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(cause):
            return EXIT_DISK_FULL
        exhausted = any(text in str(cause).lower() for text in OUT_OF_MEMORY_TEXTS)
        if exhausted or isinstance(cause, MemoryError):
            return EXIT_NO_MEMORY
    return EXIT_FAILED


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# The outputs


class Outputs:
    """The folder that comes back: events as they happen, files that appear whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()

    def __enter__(self) -> Outputs:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "done.json").unlink(missing_ok=True)
        cut_last_line(self.folder / "metrics.jsonl")
        self.stream = (self.folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event; it can be read as soon as this returns."""
        self.write(self.stamped(kind, **fields))

    def stamped(self, kind: str, **fields: Any) -> dict[str, Any]:
        """An event of this moment."""
        return {"event": kind, "seconds": round(time.monotonic() - self.began, 3), **fields}

    def write(self, event: dict[str, Any]) -> None:
        """Append an event as it is."""
        self.stream.write(json.dumps(event, allow_nan=False) + "\n")
        self.stream.flush()

    def told(self, kind: str) -> Iterator[dict[str, Any]]:
        """Events of one kind that are written already, by an earlier start as well."""
        text = (self.folder / "metrics.jsonl").read_text(encoding="utf-8")
        for line in text.splitlines():
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                yield event

    def text(self, name: str, content: str) -> None:
        """Write a text file that appears whole; nothing when there is nothing to write."""
        if content:
            with self.replacing(name) as temporary:
                temporary.write_text(content, encoding="utf-8", newline="")

    def json(self, name: str, content: Any) -> None:
        """Write a JSON file that appears whole."""
        self.text(name, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    def replacing(self, name: str) -> Replacement:
        """A temporary file that takes the place of `name` when the block ends well."""
        return Replacement(self.folder / name)

    def finish(self) -> None:
        """Drop what only a resumed job would need, and say what there is, last of all."""
        checkpoint = self.folder / CHECKPOINT_FILE
        for file in (checkpoint, sidecar_of(checkpoint)):
            file.unlink(missing_ok=True)
        self.event("done")
        files = sorted(file for file in self.folder.iterdir() if file.suffix in (".pt", ".onnx"))
        self.json(
            "done.json",
            {
                file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
                for file in files
            },
        )


class Replacement:
    """Writes beside a file, forces it to the disk and renames it into place."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.temporary = target.with_name(f".{target.name}.tmp")

    def __enter__(self) -> Path:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        with self.temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.temporary.replace(self.target)


def cut_last_line(file: Path) -> None:
    """Take off a last line that a program did not live to end."""
    if file.is_file():
        whole, end, _ = file.read_bytes().rpartition(b"\n")
        os.truncate(file, len(whole) + len(end))


def sha256_of(file: Path) -> str:
    """Digest of a file's bytes; `hashlib.file_digest` came only with Python 3.11."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def losses(items: dict[str, Any], prefix: str) -> dict[str, float | None]:
    """The losses among ultralytics' figures, without prefix and the word 'loss'."""
    return {
        key.removeprefix(prefix).removesuffix("_loss"): number(value)
        for key, value in items.items()
        if key.startswith(prefix)
    }


def number(value: Any) -> float | None:
    """A finite number in plain figures, else None: JSON knows no NaN."""
    if value is None or not math.isfinite(float(value)):
        return None
    return round(float(value), 6)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
