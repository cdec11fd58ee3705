"""Training and export: two assets of one job, made under one lease when both are asked for."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest, made_from, notice
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import PREVIEW, ShownImage, drawing, image, table
from assets.core.page_images import with_images_inside
from pipeline.export.contract import LearnedScale
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack, TwoStageRules
from pipeline.jobs.bill import Bill, BillError, LeaseCost
from pipeline.jobs.events import (
    EventError,
    JobEvent,
    MessageEvent,
    OnEvent,
    ProgressEvent,
    StageEvent,
)
from pipeline.jobs.failures import JobFailedError
from pipeline.jobs.kept import JobFiles
from pipeline.jobs.program.constants import OUTPUTS_FOLDER
from pipeline.jobs.spec import JobSpec
from pipeline.labels.training_set import TrainingSet, is_real
from pipeline.progress import Progress
from pipeline.provenance import code_version_behind, code_version_of
from pipeline.training.curves import curves_svg
from pipeline.training.job import (
    FINETUNING,
    SINGLE_STAGE,
    ExportOptions,
    ImageOrigin,
    JobStage,
    TrainingSpec,
    TrainingStage,
    hyperparameters,
    job_spec,
    two_stages,
    write_job,
)
from pipeline.training.library.checkpoints import find_checkpoint
from pipeline.training.outputs import TrainedWeights, TrainingOutputs
from pipeline.training.results import BatchEvent, EpochMetrics, batch_sizes, best_epoch
from pipeline.training.scale import shrunk_frames, training_scale
from resources.artifacts import Artifacts, ArtifactStore
from resources.files import remove_tree
from resources.gpu import Gpu
from resources.run_log import reporter

GROUP = "model"
TRAINING_CODE = (
    "pipeline.jobs.program",
    "pipeline.training.detector_program",
    "pipeline.training.job",
)
"""The program that travels, and what it is asked."""
EXPORT_CODE = ("pipeline.export.onnx_export", "pipeline.export.torch_reference")
"""With all that they import, and the training's, they decide what an export is."""
SHOWN_PLOTS = {
    "results": "results.png",
    "precision and recall": "BoxPR_curve.png",
    "confusion": "confusion_matrix_normalized.png",
    "found in validation": "val_batch0_pred.jpg",
}
"""By what they are called on the page; the others lie in the artifact's folder."""
TRAINING_BATCH = {"first training batch": "train_batch0.jpg"}
PLOT_BYTES = 150_000
LOG_LINES_SHOWN = 40


def training_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Weights and their ONNX export."""
    keys = GameKeys.of(pack)
    defaults = hyperparameters(pack.training.hyperparameters)
    asked = pack.training.two_stage
    finetuning = {**FINETUNING, **(asked.finetune if asked else {})}
    training_code = code_version_of(*TRAINING_CODE)
    export_code = code_version_behind(*EXPORT_CODE, whole=TRAINING_CODE)

    class TrainingConfig(LaunchpadConfig):
        """The hyperparameters that are changed most; the pack's training.yaml has the rest."""

        epochs: int = Field(defaults.epochs, ge=1, description="Most passes over the list.")
        imgsz: int = Field(defaults.imgsz, ge=128, description="Input side in pixels.")
        batch: int = Field(defaults.batch, ge=1, description="Images in one step.")
        patience: int = Field(defaults.patience, ge=0, description="Epochs without gain to stop.")
        seed: int = Field(defaults.seed, ge=0, description="Of weights and augmentation.")
        two_stage: bool = Field(
            asked is not None,
            description="Train on the synthetic images, then fine-tune on the real ones.",
        )
        finetune_epochs: int = Field(
            finetuning["epochs"], ge=1, description="Most passes in the second of two stages."
        )
        resume: str = Field(
            "",
            description="Folder of a training that was ended, to go on from its newest checkpoint: "
            "the run's error names it. Everything else must be as it was.",
        )

    @dg.multi_asset(
        name=f"{pack.name}__training",
        specs=[
            dg.AssetSpec(
                keys.trained_weights,
                deps=[keys.cvat_merge],
                group_name=GROUP,
                kinds={"pytorch", "yolo"},
                code_version=training_code,
                skippable=True,
                description="Best and last checkpoint, curves, plots, log, and the exact job.",
            ),
            dg.AssetSpec(
                keys.onnx_export,
                deps=[keys.trained_weights],
                group_name=GROUP,
                kinds={"onnx"},
                code_version=export_code,
                skippable=True,
                description="The ONNX model with its lineage, its contract and its parity with "
                "the weights checked.",
            ),
        ],
        can_subset=True,
        pool="gpu",
    )
    def training(
        context: dg.AssetExecutionContext, config: TrainingConfig, artifacts: Artifacts, gpu: Gpu
    ) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = config.model_dump(exclude={"two_stage", "finetune_epochs", "resume"})
        overrides = {**pack.training.hyperparameters, **chosen}
        two = stages_of(pack.training.two_stage, config.finetune_epochs)
        stages = two if config.two_stage else SINGLE_STAGE
        store = artifacts.store
        session = TrainingSession(context, store, gpu, pack, overrides, stages, config.resume)
        if keys.trained_weights in context.selected_asset_keys:
            yield session.make_weights(training_code)
        if keys.onnx_export in context.selected_asset_keys:
            yield session.make_export(export_code)
        session.tidy_up()

    return [training]


def stages_of(rules: TwoStageRules | None, finetune_epochs: int) -> tuple[TrainingStage, ...]:
    """The two stages that a pack's rules, or the default ones, ask for."""
    rules = rules or TwoStageRules()
    finetuning = {**rules.finetune, "epochs": finetune_epochs}
    return two_stages(rules.pretrain, finetuning, ImageOrigin(rules.finetune_on))


@dataclass(frozen=True)
class TrainingSession:
    """One run of the two assets: what they share is decided and done once.

    Attributes:
        overrides: what changes in the default hyperparameters.
        stages: of training, as they are asked for.
        resume: where to look for a checkpoint to go on from; empty to begin anew. It is no part of
            the recipe: the training is the same one.
    """

    context: dg.AssetExecutionContext
    store: ArtifactStore
    gpu: Gpu
    pack: GamePack
    overrides: Mapping[str, Any]
    stages: tuple[TrainingStage, ...]
    resume: str

    def make_weights(self, code: str) -> dg.MaterializeResult[Any]:
        """Train, unless the same training has been done before."""
        training_set = latest(self.context.instance, self.store, self.keys.cvat_merge)
        merged = TrainingSet.open(training_set.path)
        spec = TrainingSpec(
            game=self.pack.name,
            class_names=self.pack.class_names,
            hyperparameters=hyperparameters(self.overrides),
            training=self._training_stages(merged),
            export=self._export_options(ExportOptions()),
        )
        self._warn_of_shrunk_frames(spec, merged)
        recipe = {
            **spec.model_copy(update={"stages": (JobStage.TRAIN,)}).model_dump(mode="json"),
            "ultralytics": installed_version("ultralytics-opencv-headless"),
        }
        key, inputs = self.keys.trained_weights, (training_set,)
        build = AssetBuild(self.context, self.store, key, code, recipe, inputs)
        # What the ONNX file says of itself wherever it goes.
        lineage = {
            "game": self.pack.name,
            "training_set": training_set.version.data_version,
            "code_version": code,
            "run_id": self.context.run.run_id,
        }
        # On one host where both assets are asked for.
        both = self.keys.onnx_export in self.context.selected_asset_keys
        stages = (JobStage.TRAIN, JobStage.EXPORT) if both else (JobStage.TRAIN,)

        def write(folder: Path) -> None:
            resume = find_checkpoint(Path(self.resume)) if self.resume else None
            whole = spec.model_copy(
                update={
                    "stages": stages,
                    "lineage": lineage,
                    "metadata": self._metadata(spec, merged),
                }
            )
            job = write_job(self.job_folder, whole, training_set.path, resume=resume)
            self._run(whole, job, self.gpu)
            TrainedWeights.write(folder, self.job_folder)

        return build_asset(build, write, show_weights)

    def make_export(self, code: str) -> dg.MaterializeResult[Any]:
        """Take the export that the training job made, or export the weights on this machine."""
        weights = latest(self.context.instance, self.store, self.keys.trained_weights)
        trained = TrainedWeights.open(weights.path)
        recipe = {
            "classes": list(self.pack.class_names),
            "imgsz": trained.spec.imgsz,
            "export": self._export_options(trained.spec.export).model_dump(mode="json"),
            "trained_on": self.pack.training.trained_on,
        }
        key = self.keys.onnx_export
        build = AssetBuild(self.context, self.store, key, code, recipe, (weights,))

        def write(folder: Path) -> None:
            # The set that the weights were made from, which need not be the newest.
            version = made_from(self.store, weights.version, self.keys.cvat_merge)[0]
            merged = TrainingSet.open(self.store.open(version).path)
            exported = self._exported(trained, merged)
            OnnxExport.write(
                folder, exported, trained.best, self.pack.class_names, merged.images("val")
            )

        return build_asset(build, write, lambda folder: show_export(OnnxExport.open(folder)))

    def tidy_up(self) -> None:
        """Remove the job's folder once everything in it has been taken; kept after a failure."""
        with suppress(OSError):  # a file in use; the garbage collection finds the folder later
            remove_tree(self.job_folder)

    @cached_property
    def keys(self) -> GameKeys:
        return GameKeys.of(self.pack)

    @cached_property
    def job_folder(self) -> Path:
        return self.gpu.paths.state.jobs / f"{self.context.run.run_id[:8]}-{time.time_ns()}"

    def _training_stages(self, training_set: TrainingSet) -> tuple[TrainingStage, ...]:
        """Those that were asked for, as far as there are images for them."""
        listed = training_set.listed["train"]
        real = sum(map(is_real, listed))
        if len(self.stages) == 1 or 0 < real < len(listed):
            self._warn_of_forgetting(training_set)
            return self.stages
        kind = "real" if real == 0 else "synthetic"
        notice(
            self.context.log.info,
            f"The training set has no {kind} image, so there is one stage of training.",
        )
        return SINGLE_STAGE

    def _export_options(self, asked: ExportOptions) -> ExportOptions:
        """A model of tiles takes screenshots of any size: one look is less work than tiles."""
        if self.pack.training.trained_on == "frame":
            return asked
        return asked.model_copy(update={"dynamic": True})

    def _metadata(self, spec: TrainingSpec, merged: TrainingSet) -> dict[str, str]:
        """What the model says of the scale of its training."""
        images = merged.images("train")
        scale = training_scale(self.pack.training.trained_on, spec.imgsz, images)
        return scale.to_metadata() if scale else {}

    def _warn_of_shrunk_frames(self, spec: TrainingSpec, merged: TrainingSet) -> None:
        images, trained_on = merged.images("train"), self.pack.training.trained_on
        tile = None if trained_on == "frame" else training_scale(trained_on, spec.imgsz, images)
        count, times = shrunk_frames(tile, images) if tile else (0, 1.0)
        if count:
            patterns = ", ".join(self.pack.merge.held_out)
            notice(
                self.context.log.warning,
                f"{count} real frames to train on are whole screenshots, in which objects are "
                f"up to {times:.1f} times smaller to this training than in its tiles. Hold their "
                f"batches out for evaluation (by a name like {patterns}), or cut them into tiles.",
            )

    def _warn_of_forgetting(self, training_set: TrainingSet) -> None:
        if self.stages[-1].train_on is not ImageOrigin.REAL:
            return
        per_class = training_set.summary.per_class.items()
        unreal = [name for name, c in per_class if c.real_train == 0 and c.synthetic_train > 0]
        if unreal:
            notice(
                self.context.log.warning,
                f"No real image shows {', '.join(unreal)}: fine-tuning on real images alone "
                "forgets them. 'finetune_on: all' in training.yaml keeps the synthetic ones.",
            )

    def _run(self, spec: TrainingSpec, job: Path, gpu: Gpu) -> Path:
        log = self.context.log
        try:
            return run_on_host(gpu, job_spec(spec), job, _listener(log), log)
        except JobFailedError as error:
            outputs = TrainingOutputs(job.parent / OUTPUTS_FOLDER)
            text = f"{error}\n{left_behind(outputs)}"
            raise dg.Failure(text, metadata=show_failure(outputs)) from error

    def _exported(self, trained: TrainedWeights, merged: TrainingSet) -> Path:
        """The ONNX file of the job that has just trained, or of one that only exports.

        The latter works as the weights were trained, whatever this run is configured for.
        """
        exported = TrainingOutputs(self.job_folder / OUTPUTS_FOLDER).onnx
        if exported.is_file():
            return exported
        spec = trained.spec.model_copy(
            update={
                "stages": (JobStage.EXPORT,),
                "weights": trained.best.name,
                "export": self._export_options(trained.spec.export),
                "metadata": self._metadata(trained.spec, merged),
            }
        )
        job = write_job(self.job_folder, spec, weights=trained.best)
        return TrainingOutputs(self._run(spec, job, Gpu(paths=self.gpu.paths))).onnx


def run_on_host(
    gpu: Gpu, spec: JobSpec, job: Path, on_event: OnEvent, log: dg.DagsterLogManager
) -> Path:
    """Run a training's job where the configuration says; the folder of its outputs.

    Whatever ends it early leaves a trace in the run of where all of it lies.

    Args:
        job: the job file.
        on_event: of `job_listener`.
    """
    outputs = JobFiles(job.parent / OUTPUTS_FOLDER)
    try:
        with gpu.rent(spec) as lease:
            log.info(f"Training on {lease.host.name} ({lease.host.provider}).")
            return lease.run(job, on_event, log.debug)
    except BaseException:
        if outputs.folder.is_dir():  # A host was had.
            log.error(left_behind(outputs))
        raise


def job_listener(
    log: dg.DagsterLogManager, others: Callable[[JobEvent], None]
) -> Callable[[JobEvent], None]:
    """Turns a training's events into what a person wants to read, and into what a bar shows.

    Args:
        others: gets the events that only some kinds of trainings have.
    """
    report = reporter(log.debug)

    def on_event(event: JobEvent) -> None:
        if isinstance(event, StageEvent):
            log.info(event.message)
        elif isinstance(event, MessageEvent):
            notice(log.info, event.message)
        elif isinstance(event, ProgressEvent):
            done = (event.epoch - 1) * event.batches + event.batch
            total = event.epochs * event.batches
            stage = "training" if event.stage == SINGLE_STAGE[0].name else event.stage
            report(Progress(f"{stage} batches", done, total, event.seconds, event.seconds_left))
        else:
            others(event)

    return on_event


def _listener(log: dg.DagsterLogManager) -> Callable[[JobEvent], None]:
    def on_event(event: JobEvent) -> None:
        if isinstance(event, BatchEvent):
            notice(log.warning, event.message)
        elif isinstance(event, EpochMetrics) and not event.restored:
            notice(log.info, _epoch_line(event))

    return job_listener(log, on_event)


def show_weights(folder: Path) -> Metadata:
    """Curves and plots, the best epoch, the host and what it cost, and the job."""
    trained = TrainedWeights.open(folder)
    epochs = trained.epochs()
    shown: dict[str, Any] = {}
    if (best := best_epoch(epochs)) is not None:
        figures = {"best_epoch": best.epoch, "map50": best.map50, "map50_95": best.map50_95}
        shown |= {name: value for name, value in figures.items() if value is not None}
    if (environment := trained.environment) is not None:
        shown["device"] = environment.device
        shown["environment"] = dg.MetadataValue.json(environment.model_dump(mode="json"))
    curves = drawing(curves_svg(epochs), "losses and mAP by epoch")
    return {
        **shown,
        "epochs": len(epochs),
        **show_batch_sizes(epochs, trained.spec),
        "preview": [curves, *plots_of(trained.plots, epochs, SHOWN_PLOTS)],
        "job": dg.MetadataValue.json(trained.spec.model_dump(mode="json")),
        **show_bill(trained.bill),
    }


def show_batch_sizes(epochs: Sequence[EpochMetrics], asked_for: TrainingSpec) -> Metadata:
    """The batch that was used, which is smaller than the one of the job where memory ran out."""
    used, shown = batch_sizes(epochs), []
    for stage in asked_for.training:
        wanted = stage.hyperparameters.get("batch", asked_for.hyperparameters.batch)
        if (size := used.get(stage.name)) is not None:
            named = f"{stage.name}: " if len(asked_for.training) > 1 else ""
            halved = f" (asked for {wanted}: out of memory)" if size < wanted else ""
            shown.append(f"{named}{size}{halved}")
    return {"batch": "; ".join(shown)} if shown else {}


def plots_of(
    folder: Path, epochs: Sequence[EpochMetrics], names: Mapping[str, str]
) -> list[ShownImage]:
    """Some of ultralytics' plots, reduced.

    Args:
        folder: what the job program drew.
        epochs: so far; of several stages, the last one's plots are shown.
        names: file by the title that it gets; what was not drawn is left out.
    """
    place = folder / epochs[-1].stage if epochs else folder
    place = place if place.is_dir() else folder
    return [
        image((place / file).read_bytes(), title, PLOT_BYTES)
        for title, file in names.items()
        if (place / file).is_file()
    ]


def show_bill(bill: Bill | None) -> Metadata:
    """Host, GPU, price, seconds and cost of a training; nothing where they are not known."""
    if bill is None:
        return {}
    shown: dict[str, Any] = {
        "provider": bill.provider,
        "host": bill.host,
        "gpu": bill.gpu,
        "usd_per_hour": bill.usd_per_hour,
        "leased_seconds": bill.seconds,
        "cost_usd": bill.usd,
        "cost_is": bill.usd_is,
    }
    if len(bill.leases) > 1:
        columns = sorted(LeaseCost.model_fields)
        rows = ([getattr(lease, name) for name in columns] for lease in bill.leases)
        shown["leases"] = table(columns, rows)
    return {name: value for name, value in shown.items() if value is not None}


def show_failure(outputs: TrainingOutputs) -> Metadata:
    """What a failed training got to, and where to look."""
    shown: dict[str, Any] = {"outputs": dg.MetadataValue.path(str(outputs.folder))}
    if outputs.log.is_file():
        lines = outputs.log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        shown["log"] = dg.MetadataValue.path(str(outputs.log))
        shown["end_of_log"] = dg.MetadataValue.md("\n".join(["```", *lines, "```"]))
    epochs: tuple[EpochMetrics, ...] = ()
    with suppress(OSError, EventError):  # The training's own failure is what must be told.
        epochs = outputs.epochs()
    images: list[ShownImage] = []
    if epochs:
        shown["epochs"] = len(epochs)
        images.append(drawing(curves_svg(epochs), "losses and mAP by epoch"))
    with suppress(OSError):
        images += plots_of(outputs.plots, epochs, {**TRAINING_BATCH, **SHOWN_PLOTS})
    with suppress(BillError):
        shown |= show_bill(outputs.bill)
    return with_images_inside({**shown, PREVIEW: images})


def show_export(export: OnnxExport) -> Metadata:
    """Shapes, size, and how close the export is to the weights."""
    sheet, contract, parity = export.sheet(), export.contract, export.parity
    return {
        "input": str(list(contract.input_shape)),
        "output": str(list(contract.output_shape)),
        "size_mb": round(contract.bytes / 1e6, 2),
        "latency_ms": round(export.latency_ms(), 2),
        **show_learned(contract.learned),
        "parity_detections": parity.detections,
        "parity_matched": parity.matched,
        "parity_max_box_pixels": parity.max_box_pixels,
        "parity_max_score_difference": parity.max_score_difference,
        PREVIEW: [image(sheet, "what weights and export find")] if sheet else [],
        "lineage": table(["key", "value"], contract.lineage.items()),
    }


def show_learned(learned: LearnedScale | None) -> Metadata:
    """At which size objects were learned, and how frames are looked at; nothing if not known."""
    if learned is None:
        return {}
    width, height = learned.image_size
    looks = "whole, shrunk to the input" if learned.trained_on == "frame" else "at this scale"
    return {
        "trained_on": f"{learned.trained_on}s of {width}x{height}",
        "scale": f"{learned.scale:.3g} input pixels per pixel; frames are looked at {looks}",
    }


def _epoch_line(epoch: EpochMetrics) -> str:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in epoch.train_losses.items() if value)
    stage = "" if epoch.stage == SINGLE_STAGE[0].name else f"{epoch.stage} "
    return f"{stage}epoch {epoch.epoch}/{epoch.epochs}: mAP50 {epoch.map50 or 0:.3f}; {losses}"


def left_behind(outputs: JobFiles) -> str:
    """Where the rest of a training lies, and how to go on from it."""
    where = f"Log and results so far: {outputs.folder}"
    if not outputs.checkpoint.is_file():
        return where
    resume = str(outputs.folder.parent)
    return f"{where}. To go on from there, launch again with resume: {resume!r}"
