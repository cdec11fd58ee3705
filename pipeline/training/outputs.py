"""What a training leaves: the outputs of its job, and the artifact that is made of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.jobs.bill import BILL_FILE, Bill
from pipeline.jobs.environment import HOST_FILE, JobEnvironment
from pipeline.jobs.program.constants import (
    CHECKPOINT_FILE,
    ENVIRONMENT_FILE,
    EVENTS_FILE,
    JOB_FILE,
    LOG_FILE,
    OUTPUTS_FOLDER,
    PROGRAM_FILE,
)
from pipeline.manifests import sha256_of
from pipeline.training.detector_program.constants import (
    BEST_WEIGHTS,
    LAST_WEIGHTS,
    ONNX_FILE,
    PLOTS,
    RESULTS_FILE,
)
from pipeline.training.job import PRETRAINED, TrainingSpec, read_job
from pipeline.training.results import EpochMetrics, epochs_of, read_training_events

PRETRAINED_WEIGHTS = f"{PRETRAINED}.pt"
KEPT_FILES = (
    BEST_WEIGHTS,
    LAST_WEIGHTS,
    PRETRAINED_WEIGHTS,
    RESULTS_FILE,
    EVENTS_FILE,
    LOG_FILE,
    ENVIRONMENT_FILE,
    HOST_FILE,
    BILL_FILE,
)
"""Of a job's outputs, in the artifact; those that there are."""


class TrainedWeightsError(OutpostError):
    """A folder that does not hold trained weights."""


@dataclass(frozen=True)
class TrainingOutputs:
    """The files of a training by what they are, in a job's outputs and in the artifact alike.

    Nothing is read before it is asked for: a training that failed has left only some of them.
    """

    folder: Path

    @property
    def best(self) -> Path:
        """The checkpoint that validated best, for ultralytics."""
        return self.folder / BEST_WEIGHTS

    @property
    def last(self) -> Path:
        """The newest finished checkpoint, for ultralytics."""
        return self.folder / LAST_WEIGHTS

    @property
    def pretrained(self) -> Path:
        """The best checkpoint of the first of two stages."""
        return self.folder / PRETRAINED_WEIGHTS

    @property
    def onnx(self) -> Path:
        """The export, where the job made one; the artifact does not hold it."""
        return self.folder / ONNX_FILE

    @property
    def results(self) -> Path:
        """Figures of every epoch as CSV."""
        return self.folder / RESULTS_FILE

    @property
    def plots(self) -> Path:
        """Folder of what ultralytics drew; of two stages, each has a folder of its own in it."""
        return self.folder / PLOTS

    @property
    def log(self) -> Path:
        """Everything that was printed."""
        return self.folder / LOG_FILE

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint of a training that was ended before it was done."""
        return self.folder / CHECKPOINT_FILE

    @property
    def environment(self) -> JobEnvironment | None:
        """What it ran on."""
        return JobEnvironment.of(self.folder)

    @property
    def bill(self) -> Bill | None:
        """What it cost."""
        return Bill.of(self.folder)

    def epochs(self) -> tuple[EpochMetrics, ...]:
        """Every finished epoch.

        Raises:
            EventError, OSError: the events cannot be read.
        """
        return epochs_of(read_training_events(self.folder / EVENTS_FILE))


@dataclass(frozen=True)
class TrainedWeights(TrainingOutputs):
    """The artifact `trained_weights`: what a finished training made, its exact job and program."""

    spec: TrainingSpec

    @classmethod
    def open(cls, folder: Path) -> TrainedWeights:
        """Read the artifact.

        Raises:
            TrainedWeightsError: there are no weights in the folder, or its job cannot be read.
        """
        for name in (BEST_WEIGHTS, JOB_FILE):
            if not (folder / name).is_file():
                raise TrainedWeightsError(
                    f"{folder} holds no trained weights: {name} is missing.",
                    "Materialize trained_weights again.",
                )
        return cls(folder, read_job(folder / JOB_FILE))

    @property
    def program_sha256(self) -> str | None:
        """Digest of the program that ran; None in artifacts of before it was kept."""
        file = self.folder / PROGRAM_FILE
        return sha256_of(file) if file.is_file() else None

    @classmethod
    def write(cls, folder: Path, job: Path) -> TrainedWeights:
        """Fill an empty folder with what the job in another one has made.

        Args:
            folder: of the artifact.
            job: the job's folder; it stays as it is.
        """
        outputs = job / OUTPUTS_FOLDER
        for name in KEPT_FILES:
            if (outputs / name).is_file():
                shutil.copyfile(outputs / name, folder / name)
        if (outputs / PLOTS).is_dir():
            shutil.copytree(outputs / PLOTS, folder / PLOTS)
        shutil.copyfile(job / JOB_FILE, folder / JOB_FILE)
        shutil.copyfile(job / PROGRAM_FILE, folder / PROGRAM_FILE)
        return cls.open(folder)
