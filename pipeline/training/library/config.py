"""The configuration of a training that is started from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from detector_runtime.models.base import TrainedOn
from pydantic import Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.training.job import (
    SINGLE_STAGE,
    ExportOptions,
    HyperparameterError,
    Hyperparameters,
    ImageOrigin,
    JobStage,
    TrainingSpec,
    TrainingStage,
    hyperparameters,
    problems_of,
    two_stages,
)
from pipeline.training.library.registry import NAME_PATTERN, ModelRegistry


class TrainingConfigError(OutpostError, ValueError):
    """A field of the configuration that does not exist or cannot have that value."""


class TrainingConfig(Hyperparameters):
    """What is trained, on what, and what is kept; every hyperparameter is a field of its own.

    All fields have defaults except `training_set`, which a training cannot do without. Instances
    are read-only; `with_changes` makes another one.

    Raises:
        TrainingConfigError: an unknown field or an impossible value; also a `ValueError`. The text
            names the field and the nearest one that exists.
    """

    training_set: Path | None = Field(
        None,
        description="Folder with train.txt, val.txt, dataset.yaml, images/ and labels/, as "
        "cvat_merge makes it: its asset page shows the path.",
    )
    game: str = Field("custom", pattern=NAME_PATTERN, description="For the registry and the model.")
    purpose: str = Field("detector", pattern=NAME_PATTERN, description="For the registry.")
    checkpoint_dir: Path = Field(
        Path("checkpoints"), description="Receives manifest.jsonl and one folder a training."
    )
    checkpoint_every: int = Field(1, ge=1, description="Epochs between periodic checkpoints.")
    keep_last: int = Field(3, ge=1, description="Periodic checkpoints kept beside the best one.")
    weights: Path = Field(
        Path("yolo26n.pt"),
        description="Checkpoint to start from: a file, else the name of a released one.",
    )
    architecture: str = Field(
        "yolo26n.yaml", description="What is trained from scratch when there are no weights."
    )
    two_stage: bool = Field(
        False, description="Train on synthetic images, then fine-tune on real ones."
    )
    pretraining: dict[str, Any] = Field(
        {}, description="Hyperparameters that differ in the first of two stages."
    )
    finetuning: dict[str, Any] = Field(
        {}, description="Hyperparameters that differ in the second of two stages."
    )
    finetune_on: Literal["real", "all"] = "real"
    trained_on: TrainedOn = Field(
        "frame",
        description="What the drawn images show: whole screenshots, or tiles of them in the game's "
        "own pixels. A model of tiles takes screenshots of any size, and sees them at its scale.",
    )
    export: bool = Field(True, description="Write an ONNX model of the best weights.")
    registry: Path | None = Field(None, description="Folder of a registry to enter the result in.")
    version: str | None = Field(
        None, pattern=NAME_PATTERN, description="In the registry; None takes the next number."
    )

    if not TYPE_CHECKING:  # A type checker knows the fields better than this signature does.

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise TrainingConfigError(*problems_of(error, "field", type(self))) from error
            self._check_stages()

    def with_changes(self, **changes: Any) -> Self:
        """The same configuration with some fields changed, all of them checked again.

        Raises:
            TrainingConfigError: as for a new one.
        """
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})

    def spec(self, class_names: tuple[str, ...], lineage: dict[str, str]) -> TrainingSpec:
        """The job that carries it out.

        Raises:
            TrainingConfigError: a field cannot have its value, such as weights of another kind.
        """
        training: tuple[TrainingStage, ...] = SINGLE_STAGE
        if self.two_stage:
            finetune_on = ImageOrigin(self.finetune_on)
            training = two_stages(self.pretraining, self.finetuning, finetune_on)
        try:
            return TrainingSpec(
                game=self.game,
                class_names=class_names,
                stages=(JobStage.TRAIN, JobStage.EXPORT) if self.export else (JobStage.TRAIN,),
                weights=self.weights.name,
                architecture=self.architecture,
                hyperparameters=self.hyperparameters,
                training=training,
                lineage=lineage,
                export=ExportOptions(dynamic=self.trained_on == "tile"),
            )
        except ValidationError as error:
            raise TrainingConfigError(*problems_of(error, "field", TrainingSpec)) from error

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Those among the fields, of a single or the first stage."""
        return Hyperparameters(**self.model_dump(include=set(Hyperparameters.model_fields)))

    def _check_stages(self) -> None:
        for name in ("pretraining", "finetuning"):
            try:
                hyperparameters(getattr(self, name))
            except HyperparameterError as error:
                raise TrainingConfigError(f"In '{name}': {error.problem}", error.fix) from error


def require_new_version(
    registry: Path | None, game: str, purpose: str, version: str | None
) -> None:
    """Refuse before a training what the registry would refuse after it.

    Raises:
        TrainingConfigError: the registry holds that version already.
    """
    if registry is None or version is None:
        return
    if any(entry.version == version for entry in ModelRegistry(registry).list(game, purpose)):
        raise TrainingConfigError(
            f"{game}/{purpose} {version} is registered already.",
            "Choose another version, or leave it out to take the next number.",
        )
