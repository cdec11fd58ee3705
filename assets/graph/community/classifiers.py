"""Classifiers of icons and of screens, trained where the detector is trained, too."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import (
    AssetBuild,
    Metadata,
    build_asset,
    keep_artifact,
    latest,
    latest_version,
    notice,
)
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import PREVIEW, drawing, image, literal, table
from assets.graph.training import job_listener, run_on_host, show_bill
from pipeline.community.classifiers.classifier_program.constants import HEAD
from pipeline.community.classifiers.dataset import (
    RULES,
    ReferenceArt,
    Selection,
    TooFewImagesError,
    believed_labels,
    new_images,
    read_icon_cache,
    read_images,
    select_images,
)
from pipeline.community.classifiers.job import (
    DEFAULTS,
    ClassifierEpoch,
    ClassifierHyperparameters,
    ClassifierKind,
    ClassifierSpec,
    classifier_job_spec,
    write_classifier_job,
)
from pipeline.community.classifiers.mistakes import classifier_curves, reliability_svg
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.classifiers.retraining import RetrainingDecision, decide
from pipeline.community.voted_crops import VotedCrops
from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.sessions import Estimate
from pipeline.games.pack import GamePack
from pipeline.jobs.events import JobEvent
from pipeline.provenance import code_version_behind
from pipeline.training.library.checkpoints import find_checkpoint
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.files import remove_tree
from resources.gpu import Gpu

GROUP = "community"
CODE = ("pipeline.community.classifiers.model", "pipeline.community.classifiers.dataset")
"""With all that they import they decide what is learned and how it is judged."""
PROGRAM_CODE = (
    "pipeline.community.classifiers.classifier_program",
    "pipeline.jobs.program",
    "pipeline.training.detector_program.acceleration.data_parallel",
)
NAMES_SHOWN, CONFUSIONS_SHOWN = 20, 15
"""Rows of the page's tables; `evaluation.json` of the artifact has all."""


def classifier_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The classifiers of a game whose players label together; none for others."""
    if pack.community is None:
        return []
    # Where both are to be trained, that of screens is first: the community model waits for icons
    # alone, because a dependency on screens would skip it where there are too few of them.
    kinds: list[ClassifierKind] = ["icon"]
    if pack.community.screen_types:
        kinds.append("screen")
    return [_classifier_asset(pack, kind) for kind in kinds]


def _classifier_asset(pack: GamePack, kind: ClassifierKind) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    key = keys.icon_classifier if kind == "icon" else keys.screen_classifier
    code = code_version_behind(*CODE, whole=PROGRAM_CODE)
    defaults = DEFAULTS[kind].hyperparameters

    class ClassifierConfig(LaunchpadConfig):
        """What is changed most."""

        epochs: int = Field(defaults.epochs, ge=1, description="Most passes, from scratch.")
        least_steps: int = Field(
            defaults.least_steps, ge=0, description="Small sets are passed more often than that."
        )
        finetune_epochs: int = Field(
            defaults.finetune_epochs, ge=0, description="Most passes, from an earlier classifier."
        )
        batch: int = Field(defaults.batch, ge=2, description="Images in one step.")
        rate: float = Field(defaults.rate, gt=0.0, description="Highest learning rate.")
        patience: int = Field(defaults.patience, ge=1, description="Epochs without gain to stop.")
        seed: int = Field(defaults.seed, ge=0, description="Of weights and augmentation.")
        pretrained: bool = Field(
            True, description="Without an earlier classifier, ask for weights of ImageNet."
        )
        from_scratch: bool = Field(
            False, description="Do not start from the earlier classifier, even where there is one."
        )
        always: bool = Field(
            False, description="Train even where there is too little new to be worth it."
        )
        resume: str = Field(
            "",
            description="Folder of a training that was ended, to go on from its newest checkpoint: "
            "the run's error names it. Everything else must be as it was.",
        )
        icon_cache: str = Field(
            "",
            description="Folder of clean art to train on as well: PNG files called as their icons.",
        )

    @dg.multi_asset(
        name=f"{pack.name}__{kind}_classifier",
        specs=[
            dg.AssetSpec(
                key,
                deps=[keys.voted_crops],
                group_name=GROUP,
                kinds={"pytorch", "onnx"},
                code_version=code,
                skippable=True,
                description=f"Names what {kind}s show, trained on what players agreed on: weights, "
                "ONNX model, which images were used, and how good it is on people from whom it has "
                "learned nothing.",
            )
        ],
        pool="gpu",
        op_tags={"dagster/priority": "1" if kind == "screen" else "0"},
    )
    def classifier(
        context: dg.AssetExecutionContext, config: ClassifierConfig, artifacts: Artifacts, gpu: Gpu
    ) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = config.model_dump(include=set(ClassifierHyperparameters.model_fields))
        training = ClassifierTraining(
            context=context,
            store=artifacts.store,
            gpu=gpu,
            pack=pack,
            kind=kind,
            key=key,
            hyperparameters=defaults.model_copy(update=chosen),
            options=config,
        )
        yield from training.make(code)

    return classifier


@dataclass(frozen=True)
class ClassifierTraining:
    """One run of one classifier's asset.

    Attributes:
        options: the asset's configuration, for what is no hyperparameter.
    """

    context: dg.AssetExecutionContext
    store: ArtifactStore
    gpu: Gpu
    pack: GamePack
    kind: ClassifierKind
    key: dg.AssetKey
    hyperparameters: ClassifierHyperparameters
    options: Any

    def make(self, code: str) -> Iterator[dg.MaterializeResult[Any]]:
        """Train, or say in words why not; nothing is materialized where there is too little yet."""
        crops = latest(self.context.instance, self.store, GameKeys.of(self.pack).voted_crops)
        voted, previous = VotedCrops.open(crops.path), self.previous
        try:
            selection = select_images(voted, self.kind, RULES[self.kind], self.reference)
        except TooFewImagesError as error:
            self._say(f"No {self.kind} classifier is trained. {error.problem}")
            return
        decision = self._decide(selection, believed_labels(voted, self.kind))
        self._say(decision.reason)
        if not decision.trains and previous is not None:
            yield keep_artifact(self._build(code, {}, ()), previous.version, show_classifier)
            return
        starts_from = previous if decision.fine_tunes else None
        yield self._train(code, crops, selection, starts_from)
        with suppress(OSError):  # a file in use; the garbage collection finds the folder later
            remove_tree(self.job_folder)

    @cached_property
    def job_folder(self) -> Path:
        return self.gpu.paths.state.jobs / f"{self.context.run.run_id[:8]}-{time.time_ns()}"

    @cached_property
    def previous(self) -> Artifact | None:
        """The newest classifier of this kind, where it is whole."""
        version = latest_version(self.context.instance, self.key)
        if version is None:
            return None
        try:
            artifact = self.store.open(version)
            ClassifierModel.open(artifact.path)
        except OutpostError as error:
            self._say(f"The classifier before this one cannot be used: {error.problem}")
            return None
        return artifact

    @cached_property
    def reference(self) -> tuple[ReferenceArt, ...]:
        """Clean art to train on as well."""
        folder: str = self.options.icon_cache
        return read_icon_cache(Path(folder)) if folder else ()

    def _decide(self, selection: Selection, believed: Mapping[str, str]) -> RetrainingDecision:
        if self.previous is None:
            return decide(self.kind, None, 0, believed)
        manifest = ClassifierModel.open(self.previous.path).manifest
        new = new_images(selection, manifest.images)
        decision = decide(self.kind, manifest, new, believed)
        return decision.overridden(always=self.options.always, anew=self.options.from_scratch)

    def _train(
        self, code: str, crops: Artifact, selection: Selection, previous: Artifact | None
    ) -> dg.MaterializeResult[Any]:
        spec, before = self._spec(selection, crops, code), self.previous
        recipe = {
            **spec.model_dump(mode="json", exclude={"lineage"}),
            "rules": RULES[self.kind].model_dump(mode="json"),
            "reference": sorted(one.sha256 for one in selection.examples if not one.contributors),
            "torchvision": installed_version("torchvision"),
            "beside": before.version.data_version if before else None,
        }
        inputs = (crops, previous) if previous else (crops,)
        build = self._build(code, recipe, inputs)

        def write(folder: Path) -> None:
            for note in selection.notes():
                self._say(note)
            voted = VotedCrops.open(crops.path)
            data = read_images(
                voted, self.kind, selection, spec.input_side, self.reference, build.report
            )
            # Beside the job's folder, which must be empty; both are removed together.
            data.write(self.job_folder / "images")
            weights = ClassifierModel.open(previous.path).weights if previous else None
            resume = find_checkpoint(Path(self.options.resume)) if self.options.resume else None
            job = write_classifier_job(
                self.job_folder / "job", spec, self.job_folder / "images", weights, resume
            )
            self._run(spec, job)
            champion = ClassifierModel.open(before.path) if before else None
            ClassifierModel.write(folder, job.parent, data, champion)

        return build_asset(build, write, show_classifier)

    def _spec(self, selection: Selection, crops: Artifact, code: str) -> ClassifierSpec:
        return ClassifierSpec(
            game=self.pack.name,
            kind=self.kind,
            classes=selection.classes,
            architecture=DEFAULTS[self.kind].architecture,
            input_side=DEFAULTS[self.kind].input_side,
            pretrained=self.options.pretrained,
            hyperparameters=self.hyperparameters,
            lineage={
                "game": self.pack.name,
                "voted_crops": crops.version.data_version,
                "code_version": code,
                "run_id": self.context.run.run_id,
            },
        )

    def _build(
        self, code: str, recipe: Mapping[str, Any], inputs: tuple[Artifact, ...]
    ) -> AssetBuild:
        return AssetBuild(self.context, self.store, self.key, code, recipe, inputs)

    def _run(self, spec: ClassifierSpec, job: Path) -> None:
        log = self.context.log
        run_on_host(self.gpu, classifier_job_spec(spec), job, _listener(log), log)

    def _say(self, message: str) -> None:
        notice(self.context.log.info, message)


def _listener(log: dg.DagsterLogManager) -> Callable[[JobEvent], None]:
    def on_event(event: JobEvent) -> None:
        if isinstance(event, ClassifierEpoch):
            notice(log.info, _epoch_line(event))

    return job_listener(log, on_event)


def _epoch_line(epoch: ClassifierEpoch) -> str:
    stage = "last layer" if epoch.stage == HEAD else f"epoch {epoch.epoch}/{epoch.epochs}"
    if epoch.val_accuracy is None:
        return f"{stage}: nothing to validate on"
    return f"{stage}: accuracy {epoch.val_accuracy:.3f}, loss {epoch.val_loss or 0:.3f}"


def show_classifier(folder: Path) -> Metadata:
    """How good it is and by how much that may be off, its mistakes, and how it came to be."""
    model = ClassifierModel.open(folder)
    scores, meta, gate = model.evaluation.scores, model.meta, model.evaluation.beside_previous
    epochs = model.epochs()
    images = [
        drawing(classifier_curves(epochs), "loss and accuracy by epoch"),
        drawing(reliability_svg(scores.reliability), "confidence and right answers"),
    ]
    if (sheet := model.sheet) is not None:
        images.append(image(sheet, "surest mistakes, least sure"))
    shown: dict[str, Any] = {
        "accuracy": _in_words(scores.accuracy),
        "accuracy_of_new_groups": _in_words(scores.accuracy_of_new_groups),
        "accuracy_of_known": _in_words(scores.accuracy_of_known),
        "unknown": scores.unknown,
        "calibration_error": scores.calibration_error,
        "calibration_error_before": scores.calibration_error_before,
        "judged_on": f"{scores.images} images of {scores.names} names, over {scores.over}",
        "beside_previous": gate.explanation if gate else None,
        "names": meta.names,
        "images": str(meta.images),
        "contributors": meta.contributors,
        "started_from": meta.weights,
        "temperature": meta.calibration.temperature,
        "min_confidence": f"{meta.calibration.min_confidence} ({meta.calibration.rule})",
        "epochs": len(epochs),
        "device": model.environment.device if model.environment else None,
    }
    return {
        **{name: value for name, value in shown.items() if value is not None},
        "notes": table(["what was left out, and why"], ([note] for note in meta.notes)),
        "worst_names": table(
            ["name", "right", "of", "95%", "trained on"],
            (
                [literal(one.name), one.right, one.images, one.interval, one.trained_on]
                for one in scores.per_name[:NAMES_SHOWN]
            ),
        ),
        "confusions": table(
            ["shown", "taken for", "images"],
            (
                [literal(one.truth), literal(one.answer), one.images]
                for one in scores.confusions[:CONFUSIONS_SHOWN]
            ),
        ),
        PREVIEW: images,
        "job": dg.MetadataValue.json(model.spec.model_dump(mode="json", exclude={"classes"})),
        **show_bill(model.bill),
    }


def _in_words(estimate: Estimate | None) -> str | None:
    if estimate is None:
        return None
    interval = f" (95%: {estimate.interval})" if estimate.interval else ""
    return f"{estimate.value:.3f}{interval}"
