"""Turns what ultralytics calls back into events, and keeps a whole checkpoint at all times."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from pipeline.jobs.program.outputs import Outputs

from ..constants import METRIC_NAMES, PROGRESS_SECONDS, RESULTS_FILE, STATE_KEY
from ..stages import StageSettings
from .checkpoints import without_optimizer
from .timing import StepClock, TimeLeft


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

    def __init__(
        self,
        outputs: Outputs,
        history: History,
        stage: StageSettings,
        stop_requested: Callable[[], bool],
    ) -> None:
        self.outputs = outputs
        self.history = history
        self.stage = stage
        self.stop_requested = stop_requested
        self.clock = StepClock()
        self.epoch_began = self.told = time.monotonic()
        self.batch = self.batch_size = 0
        self.kept_epoch = 0
        self.best: bytes | None = None

    def callbacks(self) -> dict[str, Any]:
        """By the name of ultralytics' hook."""
        return {
            "on_pretrain_routine_end": self.draw_the_best_alone,
            "on_train_start": self.training_starts,
            "on_train_epoch_start": self.epoch_starts,
            "on_train_batch_start": self.batch_starts,
            "on_train_batch_end": self.batch_ends,
            "on_train_epoch_end": self.steps_end,
            "on_model_save": self.epoch_ends,
            "on_fit_epoch_end": self.all_ends,
        }

    def draw_the_best_alone(self, trainer: Any) -> None:
        """Have no epoch's validation drawn: the best checkpoint's comes last, in the same files."""
        trainer.validator.args.plots = False

    def training_starts(self, trainer: Any) -> None:
        self.clock.watch(trainer)
        self.batch_size = trainer.batch_size
        self._plan(trainer)

    def _plan(self, trainer: Any) -> None:
        epochs = range(trainer.epochs)
        validation_images = len(trainer.test_loader.dataset)
        self.time_left = TimeLeft(
            [self.stage.resizing.area(epoch) for epoch in epochs],
            len(trainer.train_loader),
            validation_images / trainer.batch_size,
        )

    def epoch_starts(self, trainer: Any) -> None:
        self.epoch_began = time.monotonic()
        self.batch = 0
        self._tell_a_smaller_batch(trainer)
        self.clock.epoch_begins(self.stage.resizing.area(trainer.epoch))

    def _tell_a_smaller_batch(self, trainer: Any) -> None:
        """Tell that memory ran out: ultralytics 8.4.190 (`BaseTrainer._do_train`) then halves the
        batch, in the first epoch and three times at most, and begins the epoch again."""
        before, self.batch_size = self.batch_size, trainer.batch_size
        if self.batch_size == before:
            return
        self._plan(trainer)
        self.outputs.event(
            "batch", stage=self.stage.name, batch_size=self.batch_size, before=before
        )

    def batch_starts(self, _trainer: Any) -> None:
        self.clock.step_begins()

    def batch_ends(self, trainer: Any) -> None:
        self.clock.step_ends()
        self.batch += 1
        now = time.monotonic()
        if now - self.told < PROGRESS_SECONDS:
            return
        self.told = now
        self.outputs.event(
            "progress",
            stage=self.stage.name,
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            batch=self.batch,
            batches=len(trainer.train_loader),
            seconds_left=self._seconds_left(trainer),
        )

    def steps_end(self, trainer: Any) -> None:
        """Validation follows."""
        self.steps_ended = time.monotonic()
        self.stop_if_asked(trainer)

    def stop_if_asked(self, trainer: Any) -> None:
        trainer.stop |= self.stop_requested()

    def epoch_ends(self, trainer: Any) -> None:
        """Keep the checkpoint, then tell the epoch: what was told is never trained again."""
        self.stop_if_asked(trainer)
        epoch = self.kept_epoch = trainer.epoch + 1
        self.time_left.epoch_end = time.monotonic() - self.steps_ended
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
            step_seconds=self._step_seconds(),
            seconds_left=self._seconds_left(trainer),
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
        self.outputs.text(RESULTS_FILE, self.history.csv())
        last = self.history.epochs[-1]
        self.outputs.keep_checkpoint(
            lambda file: torch.save(content, file),
            **{key: last[key] for key in ("stage", "epoch", "epochs")},
        )

    def _best_of(self, trainer: Any) -> bytes | None:
        """The best checkpoint without its optimizer; None when it is the newest."""
        if trainer.best_fitness == trainer.fitness:
            self.best = None
        elif self.best is None:
            self.best = without_optimizer(trainer.best)
        return self.best

    def _seconds_left(self, trainer: Any) -> float:
        step = self.clock.typical()
        return round(self.time_left.seconds(step, trainer.epoch, self.batch), 1)

    def _step_seconds(self) -> dict[str, float]:
        """What a step takes at the size of the epoch's images: the median of its last steps."""
        step, area = self.clock.typical(), self.clock.area
        return {
            "load": round(step.load, 4),
            "layers": round(step.layers * area, 4),
            "optimizer": round(step.optimizer, 4),
        }


def metrics_of(trainer: Any) -> dict[str, float | None]:
    """The figures of the last validation."""
    return {name: number(trainer.metrics.get(key)) for name, key in METRIC_NAMES.items()}


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
