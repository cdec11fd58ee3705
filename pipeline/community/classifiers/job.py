"""The job of training a classifier: what to train, how, and the folder that carries it to a host.

The program is `pipeline.community.classifiers.classifier_program`; see its `main`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from pipeline.community.classifiers.classifier_program.constants import (
    DATA_FOLDER,
    ONNX_FILE,
    PREVIOUS_FILE,
    WEIGHTS_FILE,
)
from pipeline.jobs.events import EVENT_TYPES, EpochEvent, JobEvent
from pipeline.jobs.folder import JobError, write_job_folder
from pipeline.jobs.program.constants import CHECKPOINT_FILE
from pipeline.jobs.spec import JobSpec, pinned
from pipeline.manifests import Record

PROGRAM = (
    "pipeline.community.classifiers.classifier_program",
    "pipeline.training.detector_program.acceleration",
)
"""The program, and what travels with it."""
REQUIREMENTS = ("safetensors", "onnx", "onnxruntime", "psutil")
"""What the program needs beside torch and torchvision, which belong together on a host."""
LARGE_OUTPUTS = (CHECKPOINT_FILE, WEIGHTS_FILE, ONNX_FILE)

MATERIALIZE = "Materialize it again: icon_classifier or screen_classifier."

ClassifierKind = Literal["icon", "screen"]
Architecture = Literal["efficientnet_b0", "mobilenet_v3_small"]


class ClassifierHyperparameters(Record):
    """How a classifier is trained."""

    epochs: int = Field(6, ge=1, description="Most passes over the images, from scratch.")
    least_steps: int = Field(
        230, ge=0, description="Small sets are passed more often, until these are so many steps."
    )
    finetune_epochs: int = Field(
        3, ge=0, description="Most passes where it starts from the classifier before."
    )
    finetune_frozen: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        description="First share of the blocks that keep the weights of the classifier before.",
    )
    head_epochs: int = Field(
        60, ge=1, description="Passes of the last layer alone, on features computed once."
    )
    batch: int = Field(64, ge=2, description="Images in one step.")
    rate: float = Field(0.003, gt=0.0, description="Highest learning rate of AdamW.")
    finetune_rate: float = Field(
        0.3, gt=0.0, le=1.0, description="Of the rate, where it starts from weights."
    )
    weight_decay: float = Field(0.01, ge=0.0)
    gamma: float = Field(
        2.0, ge=0.0, description="Of the focal loss: how little counts what is sure already."
    )
    hard_cap: float = Field(
        3.0, ge=1.0, description="How much more often, at most, an image is seen that is wrong."
    )
    patience: int = Field(3, ge=1, description="Epochs without a better loss before it stops.")
    initial_scale: float = Field(
        0.5, gt=0.0, le=1.0, description="Of the side, in the first epochs from scratch."
    )
    full_size_fraction: float = Field(
        0.4, gt=0.0, le=1.0, description="Last share of the epochs, which see images whole."
    )
    seed: int = Field(42, ge=0)


class ClassifierDefaults(Record):
    """How a kind of classifier is made where nothing else is asked for."""

    architecture: Architecture
    input_side: int = Field(description="Pixels; inputs are squares.")
    hyperparameters: ClassifierHyperparameters


DEFAULTS: Mapping[ClassifierKind, ClassifierDefaults] = {
    "icon": ClassifierDefaults(
        architecture="efficientnet_b0",
        input_side=64,
        hyperparameters=ClassifierHyperparameters(),
    ),
    # Few large images of few kinds.
    "screen": ClassifierDefaults(
        architecture="mobilenet_v3_small",
        input_side=224,
        hyperparameters=ClassifierHyperparameters(epochs=8, batch=16, rate=0.002),
    ),
}


class ClassifierSpec(Record):
    """Everything that a host has to know to train a classifier and to export it."""

    game: str = Field(min_length=1)
    kind: ClassifierKind
    classes: tuple[str, ...] = Field(min_length=2, description="Index i is label i.")
    architecture: Architecture
    input_side: int = Field(ge=32, multiple_of=32, description="Pixels; inputs are squares.")
    pretrained: bool = Field(
        True, description="Without an earlier classifier, take weights of ImageNet if they come."
    )
    target_accuracy: float = Field(
        0.98, ge=0.0, le=1.0, description="Share of answers above 'I don't know' that are right."
    )
    hyperparameters: ClassifierHyperparameters = ClassifierHyperparameters()
    lineage: dict[str, str] = Field(
        {}, description="Written into the ONNX metadata with the prefix 'outpost_'."
    )


class ClassifierEpoch(EpochEvent):
    """One finished epoch, with its figures on the images that are not trained on."""

    train_loss: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    input_side: int | None = Field(None, description="Pixels of the images of this epoch.")


CLASSIFIER_EVENTS: Mapping[str, type[JobEvent]] = {**EVENT_TYPES, "epoch": ClassifierEpoch}


def write_classifier_job(
    folder: Path,
    spec: ClassifierSpec,
    data: Path,
    previous: Path | None = None,
    resume: Path | None = None,
) -> Path:
    """Fill an empty folder with everything that the job needs; the path of its job file.

    Args:
        folder: created; must be absent or empty.
        spec: what to do.
        data: folder that `pipeline.community.classifiers.dataset.ClassifierData.write` filled.
        previous: weights of an earlier classifier to start from.
        resume: as of `pipeline.jobs.folder.write_job_folder`.

    Raises:
        JobError: the folder is not empty, or a checkpoint is missing.
    """
    inputs = {DATA_FOLDER: data}
    if previous is not None:
        inputs[PREVIOUS_FILE] = previous
    return write_job_folder(folder, PROGRAM, spec.model_dump_json(indent=1), inputs, resume)


def classifier_job_spec(spec: ClassifierSpec) -> JobSpec:
    """What those who run the training have to know of it."""
    return JobSpec(
        name=f"training of the {spec.kind} classifier",
        requirements=pinned(REQUIREMENTS),
        event_types=CLASSIFIER_EVENTS,
        large_outputs=LARGE_OUTPUTS,
        memory_fix=f"Lower the batch (now {spec.hyperparameters.batch}), or close other programs.",
    )


def read_classifier_job(file: Path) -> ClassifierSpec:
    """Read a job file.

    Raises:
        JobError: it is not one.
    """
    try:
        return ClassifierSpec.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise JobError(f"{file} is not the job of a classifier: {error}", MATERIALIZE) from error
