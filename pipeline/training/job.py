"""The training job: what to train, with what, and the folder that carries it to a host.

The program is `pipeline.training.detector_program`; see its `main` for what lies in the folder
beside that of every job.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from pipeline.errors import OutpostError
from pipeline.jobs.folder import JobError, write_job_folder
from pipeline.jobs.program.constants import CHECKPOINT_FILE
from pipeline.jobs.spec import JobSpec, pinned
from pipeline.manifests import Record
from pipeline.training.detector_program.constants import (
    BEST_WEIGHTS,
    LAST_WEIGHTS,
    ONNX_FILE,
    PREFIXES,
)
from pipeline.training.results import TRAINING_EVENTS

PROGRAM: str | Path = "pipeline.training.detector_program"
REQUIREMENTS = ("ultralytics-opencv-headless", "onnx", "onnxruntime", "onnxslim")
"""What the program needs beside torch."""
LARGE_OUTPUTS = (CHECKPOINT_FILE, BEST_WEIGHTS, LAST_WEIGHTS, ONNX_FILE)
PRETRAINED = "pretrain"
"""The first of two stages, and what the registry calls its weights."""
OWN_OUTPUTS = ("best", "last", "checkpoint")
"""Names in the outputs that no stage of training may have."""


class HyperparameterError(OutpostError):
    """A hyperparameter that does not exist or cannot have that value."""


class JobStage(StrEnum):
    """What a job can do, in this order. Training may have stages of its own: `TrainingStage`."""

    TRAIN = "train"
    EXPORT = "export"


class ImageOrigin(StrEnum):
    """Which images of a list are taken, told by how their names begin."""

    ALL = "all"
    SYNTHETIC = "synthetic"
    REAL = "real"

    def of(self, lines: Iterable[str]) -> list[str]:
        """Those of the lines of a list that are taken, repetitions included."""
        prefix = PREFIXES[self]
        return [line for line in lines if line and PurePosixPath(line).name.startswith(prefix)]


class Hyperparameters(Record):
    """How a detector is trained; names and meanings are those of ultralytics.

    The defaults suit images in isometric projection on one GPU with 24 GB.
    """

    epochs: int = Field(150, ge=1, description="Most passes over the training list.")
    imgsz: int = Field(
        640,
        ge=128,
        multiple_of=32,
        description="Longer side in pixels; the shipped model works at it too. At least 128, below "
        "which the head has fewer than its 300 candidates.",
    )
    rect: bool = Field(
        False,
        description="Train on images of the set's own shape instead of squares, which are padded: "
        "two fifths less work for screenshots of 16:9. Goes without mosaic and mixup; where shapes "
        "differ within a set, images come in the order of their shapes.",
    )
    initial_scale: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Size of images in the first epoch, of imgsz; it grows to 1 (progressive "
        "resizing). 0.6 saves a third of the time of a training from scratch.",
    )
    full_size_fraction: float = Field(
        0.25, ge=0.0, le=1.0, description="Last share of the epochs, which run at imgsz."
    )
    batch: int = Field(32, ge=1, description="Images in one step.")
    patience: int = Field(20, ge=0, description="Epochs without a better mAP before it stops.")
    workers: int = Field(8, ge=0, description="Loader processes; on a CPU none are used.")
    optimizer: Literal["auto", "SGD", "MuSGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSProp"] = (
        Field("auto", description="'auto' also chooses lr0 and momentum by itself.")
    )
    lr0: float = Field(0.01, gt=0.0, description="First learning rate.")
    lrf: float = Field(0.01, gt=0.0, le=1.0, description="Last learning rate, of the first.")
    cos_lr: bool = Field(False, description="Lower the learning rate along a cosine.")
    momentum: float = Field(0.937, ge=0.0, lt=1.0)
    weight_decay: float = Field(0.0005, ge=0.0)
    warmup_epochs: float = Field(3.0, ge=0.0, description="Epochs in which the rate rises.")
    nbs: int = Field(64, ge=1, description="Gradients add up over steps to so many images.")
    box: float = Field(7.5, ge=0.0, description="Weight of the box loss.")
    cls: float = Field(0.5, ge=0.0, description="Weight of the class loss.")
    dfl: float = Field(1.5, ge=0.0, description="Weight of the distance loss.")
    freeze: int | None = Field(None, ge=0, description="First layers that keep their weights.")
    mosaic: float = Field(1.0, ge=0.0, le=1.0, description="Chance of four images in one.")
    close_mosaic: int = Field(10, ge=0, description="Last epochs, which go without mosaic.")
    mixup: float = Field(0.1, ge=0.0, le=1.0, description="Chance of two images blended.")
    degrees: float = Field(10.0, ge=0.0, le=180.0, description="Largest rotation.")
    translate: float = Field(0.1, ge=0.0, le=1.0, description="Largest shift, of the side.")
    scale: float = Field(0.5, ge=0.0, le=1.0, description="Largest change of size.")
    flipud: float = Field(0.0, ge=0.0, le=1.0, description="Chance of upside down.")
    fliplr: float = Field(0.5, ge=0.0, le=1.0, description="Chance of left to right.")
    hsv_h: float = Field(0.015, ge=0.0, le=1.0, description="Largest change of hue.")
    hsv_s: float = Field(0.7, ge=0.0, le=1.0, description="Largest change of saturation.")
    hsv_v: float = Field(0.4, ge=0.0, le=1.0, description="Largest change of brightness.")
    multi_scale: float = Field(0.0, ge=0.0, lt=1.0, description="Range of sizes, of imgsz.")
    cache: Literal[False, "ram", "disk"] = Field(False, description="Keep decoded images.")
    seed: int = Field(42, ge=0)
    deterministic: bool = Field(True, description="Same numbers on the same machine.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Of the layers; 'auto' is mixed where the host is faster for it."
    )
    channels_last: bool = Field(True, description="Memory order of images; faster on most hosts.")


class ExportOptions(Record):
    """How the ONNX model is written."""

    opset: int = Field(12, ge=11, le=20, description="ONNX operator set.")
    simplify: bool = Field(True, description="Fold constants and drop what does nothing.")
    dynamic: bool = Field(False, description="Leave batch, height and width open.")


StageName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class TrainingStage(Record):
    """One training among those of a job; it starts from the best checkpoint of the one before."""

    name: StageName = "train"
    train_on: ImageOrigin = Field(ImageOrigin.ALL, description="Of the training list.")
    validate_on: ImageOrigin = Field(ImageOrigin.ALL, description="Of the validation list.")
    hyperparameters: dict[str, Any] = Field({}, description="What differs from those of the job.")


SINGLE_STAGE = (TrainingStage(),)
FINETUNING: Mapping[str, Any] = {
    "epochs": 50,
    "patience": 15,
    "optimizer": "AdamW",
    "lr0": 0.0003,
    "warmup_epochs": 1.0,
    "close_mosaic": 10,
    "initial_scale": 1.0,
}
"""How fine-tuning differs where nothing else is asked for: shorter, and with steps that do not undo
what was learned before. An optimizer is named because 'auto' would choose its own learning rate."""


class TrainingSpec(Record):
    """Everything that a host has to know to train and to export."""

    game: str = Field(min_length=1)
    class_names: tuple[str, ...] = Field(min_length=1, description="Index i is class i.")
    stages: tuple[JobStage, ...] = Field((JobStage.TRAIN, JobStage.EXPORT), min_length=1)
    weights: str = Field(
        "yolo26n.pt",
        pattern=r"^[A-Za-z0-9._-]+\.pt$",
        description="Checkpoint to start from, or to export: a file in the job's folder, else the "
        "name of a released one.",
    )
    architecture: str = Field(
        "yolo26n.yaml", description="What is trained from scratch when there are no weights."
    )
    hyperparameters: Hyperparameters = Hyperparameters()
    training: tuple[TrainingStage, ...] = Field(
        SINGLE_STAGE, min_length=1, description="Trainings, each from the best of the one before."
    )
    export: ExportOptions = ExportOptions()
    lineage: dict[str, str] = Field(
        {}, description="Written into the ONNX metadata with the prefix 'outpost_'."
    )
    metadata: dict[str, str] = Field(
        {},
        description="Written into the ONNX metadata as it is, such as the scale of training "
        "(`detector_runtime.models.training_scale`).",
    )

    @model_validator(mode="after")
    def _stages_are_in_order(self) -> Self:
        if list(self.stages) != [stage for stage in JobStage if stage in self.stages]:
            raise ValueError(f"stages must be in the order {[str(stage) for stage in JobStage]}")
        return self

    @model_validator(mode="after")
    def _training_is_sound(self) -> Self:
        names = [stage.name for stage in self.training]
        if len(set(names)) < len(names) or set(names) & set(OWN_OUTPUTS):
            raise ValueError(
                f"the stages of training are called {names}: each needs a name of its own, and "
                f"none may be {', '.join(OWN_OUTPUTS)}"
            )
        for stage in self.training:
            self.hyperparameters_of(stage)
        return self

    def hyperparameters_of(self, stage: TrainingStage) -> Hyperparameters:
        """All hyperparameters of one stage of training.

        Raises:
            HyperparameterError: the stage asks for what does not exist.
        """
        return hyperparameters(self.hyperparameters.model_dump(), stage.hyperparameters)

    @property
    def imgsz(self) -> int:
        """Longer side in pixels at which the shipped model works: that of the last training."""
        return self.hyperparameters_of(self.training[-1]).imgsz


def hyperparameters(*overrides: Mapping[str, Any]) -> Hyperparameters:
    """The defaults with overrides applied from left to right.

    Raises:
        HyperparameterError: an unknown name or a value out of its range; the text says what
            would do.
    """
    merged = {key: value for override in overrides for key, value in override.items()}
    try:
        return Hyperparameters.model_validate(merged)
    except ValidationError as error:
        raise HyperparameterError(*problems_of(error, "hyperparameter", Hyperparameters)) from error


def two_stages(
    pretraining: Mapping[str, Any] | None = None,
    finetuning: Mapping[str, Any] | None = None,
    finetune_on: ImageOrigin = ImageOrigin.REAL,
) -> tuple[TrainingStage, TrainingStage]:
    """Train on the synthetic images, then fine-tune on the real ones as often as listed.

    Both are validated on the whole validation list, so that their curves can be compared.

    Args:
        pretraining: what differs from the job's hyperparameters in the first stage.
        finetuning: the same of the second; `FINETUNING` holds where it says nothing.
        finetune_on: `ALL` keeps the synthetic images in the second stage, for classes of which
            there is no real image.
    """
    return (
        TrainingStage(
            name=PRETRAINED, train_on=ImageOrigin.SYNTHETIC, hyperparameters=dict(pretraining or {})
        ),
        TrainingStage(
            name="finetune",
            train_on=finetune_on,
            hyperparameters={**FINETUNING, **(finetuning or {})},
        ),
    )


def write_job(
    folder: Path,
    spec: TrainingSpec,
    training_set: Path | None = None,
    weights: Path | None = None,
    resume: Path | None = None,
) -> Path:
    """Fill an empty folder with everything that the job needs; the path of its job file.

    The training set is linked file by file, or copied: ultralytics writes caches beside the labels.

    Args:
        folder: created; must be absent or empty.
        spec: what to do.
        training_set: directory with train.txt, val.txt, images/ and labels/; needed to train.
        weights: the checkpoint that `spec.weights` names, when it is at hand; needed to export
            without training.
        resume: as of `write_job_folder`, of a job with the same stages of training.

    Raises:
        JobError: something that the stages need is missing.
    """
    _check_parts(spec, training_set, weights)
    inputs: dict[str, Path] = {}
    if training_set is not None and JobStage.TRAIN in spec.stages:
        inputs["data"] = training_set
    if weights is not None:
        inputs[spec.weights] = weights
    return write_job_folder(folder, PROGRAM, spec.model_dump_json(indent=1), inputs, resume)


def job_spec(spec: TrainingSpec) -> JobSpec:
    """What those who run the training have to know of it."""
    chosen = spec.hyperparameters
    return JobSpec(
        name="training",
        requirements=pinned(REQUIREMENTS),
        event_types=TRAINING_EVENTS,
        large_outputs=LARGE_OUTPUTS,
        memory_fix=f"Lower the batch (now {chosen.batch}) or imgsz (now {chosen.imgsz}), or close "
        "other programs.",
    )


def read_job(file: Path) -> TrainingSpec:
    """Read a job file.

    Raises:
        JobError: it is not one.
    """
    try:
        return TrainingSpec.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise JobError(f"{file} is not a job: {error}", "Write it with write_job.") from error


def _check_parts(spec: TrainingSpec, training_set: Path | None, weights: Path | None) -> None:
    if JobStage.TRAIN not in spec.stages and weights is None:
        raise JobError(
            "A job that exports without training needs the weights to export.",
            "Materialize trained_weights first.",
        )
    if weights is not None and not weights.is_file():
        raise JobError(f"There are no weights at {weights}.", "Correct the path.")
    if JobStage.TRAIN not in spec.stages:
        return
    for name in ("train.txt", "val.txt"):
        if training_set is None or not (training_set / name).is_file():
            raise JobError(
                f"The training set {training_set} has no {name}.", "Materialize cvat_merge first."
            )
        listed = (training_set / name).read_text(encoding="utf-8").splitlines()
        for stage in spec.training:
            _check_list(name, listed, stage)


def _check_list(name: str, listed: list[str], stage: TrainingStage) -> None:
    taken = stage.train_on if name == "train.txt" else stage.validate_on
    if taken.of(listed):
        return
    if not any(line.strip() for line in listed):
        raise JobError(
            f"{name} of the training set lists no image.",
            "Give both training and validation something: see merge_summary.json.",
        )
    raise JobError(
        f"{name} of the training set lists no {taken} image, which the stage '{stage.name}' "
        "asks for.",
        f"Give it some (their names begin with '{PREFIXES[taken]}'), or train in a single stage.",
    )


def problems_of(error: ValidationError, what: str, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong with the fields of a model, and what to write instead.

    Args:
        what: the word for a field, for example 'hyperparameter'.
        model: whose fields are known.
    """
    known = list(model.model_fields)
    lines, fixes = [], []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"There is no {what} '{name}'.")
            near = difflib.get_close_matches(name, known, n=1)
            fixes.append(f"write '{near[0]}'" if near else f"use one of {', '.join(known)}")
        else:
            lines.append(f"The {what} '{name}' cannot be {problem['input']!r}.")
            fixes.append(f"correct '{name}': {problem['msg'].removeprefix('Input ')}")
    return "\n".join(lines), "; ".join(fixes)
