"""Training from Python: `train`, and what it returns."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import write_text
from pipeline.jobs.checkpoints import CheckpointDescription
from pipeline.jobs.events import JobEvent, MessageEvent
from pipeline.jobs.failures import JobFailedError
from pipeline.jobs.local import run_job
from pipeline.jobs.program.constants import CHECKPOINT_FILE, OUTPUTS_FOLDER, STOP_FILE
from pipeline.labels.training_set import read_class_names
from pipeline.links import link_file
from pipeline.manifests import sha256_of
from pipeline.training.detector_program.constants import METRIC_NAMES
from pipeline.training.job import PRETRAINED, job_spec, write_job
from pipeline.training.library.checkpoints import (
    MANIFEST_FILE,
    CheckpointKind,
    CheckpointManifest,
    CheckpointRecord,
    find_checkpoint,
)
from pipeline.training.library.config import (
    TrainingConfig,
    TrainingConfigError,
    require_new_version,
)
from pipeline.training.library.registry import ModelRegistry, RegistryEntry
from pipeline.training.outputs import TrainingOutputs
from pipeline.training.results import BatchEvent, EpochMetrics, best_epoch
from pipeline.training.scale import listed_images, training_scale

if TYPE_CHECKING:
    from detector_runtime import Detector

CONFIG_FILE = "config.json"

Callback = Callable[[JobEvent], None]
"""Told of everything as it happens; may raise `StopTraining`. What else it raises ends the training
and is raised by `train`."""


class StopTraining(Exception):  # noqa: N818  # no error: a request, as StopIteration is
    """Raised by a callback: end after the running epoch, as if patience had run out."""


@dataclass(frozen=True)
class TrainedModel:
    """What a training made.

    Attributes:
        folder: where everything of this training lies.
        weights: the best checkpoint, for ultralytics.
        last: the newest checkpoint, for ultralytics.
        onnx: the exported model, or None when none was asked for.
        results: figures of every epoch as CSV.
        plots: folder of what ultralytics drew; of two stages, each has a folder of its own in it.
        log: everything that was printed.
        class_names: index i is class i.
        epochs: figures of every epoch, those of an earlier training that this one continued too.
        best_epoch: the one whose weights `weights` holds, counted within its stage.
        metrics: its precision, recall, map50 and map50_95 on the validation list.
        manifest: of all checkpoints in the configuration's `checkpoint_dir`.
        entry: in the registry, when one was named.
    """

    config: TrainingConfig
    run_id: str
    folder: Path
    weights: Path
    last: Path
    onnx: Path | None
    results: Path
    plots: Path
    log: Path
    class_names: tuple[str, ...]
    epochs: tuple[EpochMetrics, ...]
    best_epoch: int
    metrics: Mapping[str, float | None]
    seconds: float
    manifest: CheckpointManifest
    entry: RegistryEntry | None

    @property
    def checkpoints(self) -> tuple[CheckpointRecord, ...]:
        """The records of this training, oldest first."""
        return tuple(r for r in self.manifest.records() if r.run_id == self.run_id)

    def detector(self) -> Detector:
        """The exported model, ready to look at screenshots; the caller's own, not the shared one.

        Raises:
            TrainingConfigError: it was trained without an export.
        """
        from detector_runtime import open_detector

        if self.onnx is None:
            raise TrainingConfigError(
                "This model was trained with export=False, so there is nothing to run.",
                "Train with export=True, or load `weights` with ultralytics.",
            )
        return open_detector(self.onnx)


def train(
    config: TrainingConfig | None = None,
    *,
    resume: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    **overrides: Any,
) -> TrainedModel:
    """Train a detector on this machine, in a process of its own, and wait for it.

    While it trains, `checkpoint_dir/<run>/checkpoints` receives periodic checkpoints and
    `checkpoint_dir/manifest.jsonl` a line for each.

    Args:
        config: all defaults when left out; of a resumed training, its own.
        resume: a checkpoint to go on from, or a folder that holds one: of a training that was
            interrupted, or of one that has ended and gets more epochs.
        callbacks: told of every event, in this order.
        overrides: fields of the configuration that differ from `config`.

    Raises:
        TrainingConfigError: an unknown field or an impossible value; also a ValueError.
        CheckpointMissingError: there is nothing to resume; also a FileNotFoundError.
        JobError: the training set will not do.
        JobFailedError: the training failed; what it left is kept.
    """
    checkpoint = None if resume is None else find_checkpoint(Path(resume))
    base = config or _config_beside(checkpoint) or TrainingConfig()
    return _Run(base.with_changes(**overrides), checkpoint, tuple(callbacks)).carry_out()


def print_epochs(event: JobEvent) -> None:
    """A callback that prints a line for every epoch and every message."""
    if isinstance(event, EpochMetrics) and not event.restored:
        losses = ", ".join(
            f"{name} {loss:.3f}" for name, loss in event.train_losses.items() if loss
        )
        print(
            f"{event.stage} {event.epoch}/{event.epochs}: mAP50 {event.map50 or 0:.3f}, "
            f"mAP50-95 {event.map50_95 or 0:.3f}; {losses}"
        )
    elif isinstance(event, MessageEvent | BatchEvent):
        print(event.message)


def stop_after(seconds: float) -> Callback:
    """A callback that ends the training with the epoch that runs when the time is up."""
    began = time.monotonic()

    def check(_event: JobEvent) -> None:
        if time.monotonic() - began >= seconds:
            raise StopTraining

    return check


class _Run:
    """One training: its folders, what is kept while it runs, and what is made of its outputs."""

    def __init__(
        self, config: TrainingConfig, checkpoint: Path | None, callbacks: tuple[Callback, ...]
    ) -> None:
        if config.training_set is None:
            raise TrainingConfigError(
                "The field 'training_set' is missing.",
                "Give the folder of a training set: the page of cvat_merge shows one.",
            )
        require_new_version(config.registry, config.game, config.purpose, config.version)
        if checkpoint is None:
            _check_weights(config.weights)
        self.config = config
        self.training_set = config.training_set
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.run_id = uuid.uuid4().hex[:8]
        self.folder = config.checkpoint_dir.absolute() / self.run_id
        self.job_folder = self.folder / "job"
        self.manifest = CheckpointManifest(self.folder.parent / MANIFEST_FILE)
        self.class_names = read_class_names(config.training_set)
        spec = config.spec(self.class_names, {"game": config.game, "run_id": self.run_id})
        scale = training_scale(config.trained_on, spec.imgsz, listed_images(config.training_set))
        metadata = scale.to_metadata() if scale else {}
        self.spec = spec.model_copy(update={"metadata": metadata})

    def carry_out(self) -> TrainedModel:
        began = time.monotonic()
        weights = self.config.weights if self.config.weights.is_file() else None
        job = write_job(self.job_folder, self.spec, self.training_set, weights, self.checkpoint)
        # Absolute, so that a training can be resumed from another working folder.
        resolved = self.config.with_changes(
            training_set=self.training_set.absolute(),
            checkpoint_dir=self.config.checkpoint_dir.absolute(),
        )
        config = resolved.model_dump_json(indent=1, exclude_unset=True)
        write_text(self.folder / CONFIG_FILE, f"{config}\n")
        self._run(job)
        return self._collect(time.monotonic() - began)

    def _run(self, job: Path) -> None:
        try:
            run_job(job, job_spec(self.spec), self._on_event)
        except JobFailedError as error:
            raise JobFailedError(
                error.problem,
                f"{error.fix} If an epoch had been finished, resume={str(self.job_folder)!r} goes "
                "on after it.",
                error.was_killed,
            ) from error

    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, EpochMetrics) and not event.restored:
            self._keep_periodic(event)
        for callback in self.callbacks:
            try:
                callback(event)
            except StopTraining:
                (self.job_folder / STOP_FILE).touch()

    def _keep_periodic(self, event: EpochMetrics) -> None:
        """Keep the checkpoint of an epoch, unless a later one has taken its place already."""
        is_due = event.epoch % self.config.checkpoint_every == 0 or event.epoch == event.epochs
        newest = self.job_folder / OUTPUTS_FOLDER / CHECKPOINT_FILE
        if not is_due or not newest.is_file():
            return
        file = self.folder / "checkpoints" / f"{event.stage}-{event.epoch:04d}.pt"
        file.parent.mkdir(exist_ok=True)
        told = CheckpointDescription.beside(newest)
        file.unlink(missing_ok=True)
        link_file(newest, file)
        found = (event.stage, event.epoch, sha256_of(file))
        # That of the next epoch may have taken its place.
        if told is None or (told.stage, told.epoch, told.sha256) != found:
            file.unlink()
            return
        self._record(file, CheckpointKind.PERIODIC, event)
        self.manifest.prune_periodic(keep_last=self.config.keep_last, run_id=self.run_id)

    def _collect(self, seconds: float) -> TrainedModel:
        """Move the outputs out of the job's folder, record and register them."""
        for file in sorted((self.job_folder / OUTPUTS_FOLDER).iterdir()):
            file.replace(self.folder / file.name)
        # Windows does not let go of links to files that are read-only: they are left there.
        shutil.rmtree(self.job_folder, ignore_errors=True)
        made = TrainingOutputs(self.folder)
        epochs = made.epochs()
        best = best_epoch(epochs)
        assert best is not None, "a training that is done has an epoch"
        self._record(made.best, CheckpointKind.BEST, best)
        self._record(made.last, CheckpointKind.FINAL, epochs[-1])
        return TrainedModel(
            config=self.config,
            run_id=self.run_id,
            folder=self.folder,
            weights=made.best,
            last=made.last,
            onnx=made.onnx if made.onnx.is_file() else None,
            results=made.results,
            plots=made.plots,
            log=made.log,
            class_names=self.class_names,
            epochs=epochs,
            best_epoch=best.epoch,
            metrics=_metrics_of(best),
            seconds=seconds,
            manifest=self.manifest,
            entry=self._register(epochs),
        )

    def _record(self, file: Path, kind: CheckpointKind, epoch: EpochMetrics) -> None:
        self.manifest.append(
            CheckpointRecord(
                path=file.relative_to(self.manifest.file.parent).as_posix(),
                kind=kind,
                stage=epoch.stage,
                epoch=epoch.epoch,
                metrics=_metrics_of(epoch),
                sha256=sha256_of(file),
                bytes=file.stat().st_size,
                recorded_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                run_id=self.run_id,
            )
        )

    def _register(self, epochs: Sequence[EpochMetrics]) -> RegistryEntry | None:
        if self.config.registry is None:
            return None
        registry, game = ModelRegistry(self.config.registry), self.config.game

        def enter(
            purpose: str, file: Path, version: str | None, told: Sequence[EpochMetrics]
        ) -> RegistryEntry:
            best = best_epoch(told)
            metrics = _metrics_of(best) if best else {}
            return registry.register(
                game, purpose, file, version=version, metrics=metrics, run_id=self.run_id
            )

        made = TrainingOutputs(self.folder)
        if made.pretrained.is_file():
            of_pretraining = [epoch for epoch in epochs if epoch.stage == PRETRAINED]
            enter(PRETRAINED, made.pretrained, None, of_pretraining)
        file = made.onnx if made.onnx.is_file() else made.best
        return enter(self.config.purpose, file, self.config.version, epochs)


def _check_weights(weights: Path) -> None:
    """Refuse a path at which no file is; a bare name may be that of a released checkpoint."""
    if weights.name != str(weights) and not weights.is_file():
        raise TrainingConfigError(
            f"There are no weights at {weights}.",
            "Correct 'weights', or give the bare name of a released checkpoint.",
        )


def _config_beside(checkpoint: Path | None) -> TrainingConfig | None:
    """The configuration of the training that wrote a checkpoint, where it is still at hand."""
    for folder in checkpoint.resolve().parents[:3] if checkpoint else ():
        file = folder / CONFIG_FILE
        if file.is_file():
            return TrainingConfig.model_validate_json(file.read_text(encoding="utf-8"))
    return None


def _metrics_of(epoch: EpochMetrics) -> dict[str, float | None]:
    return {name: getattr(epoch, name) for name in METRIC_NAMES}
