"""What a training leaves: the outputs of its job, and the artifact that is made of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.jobs.kept import JobFiles, keep_job
from pipeline.jobs.program.constants import EVENTS_FILE, JOB_FILE, OUTPUTS_FOLDER
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
KEPT_FILES = (BEST_WEIGHTS, LAST_WEIGHTS, PRETRAINED_WEIGHTS, RESULTS_FILE)
"""Of a job's outputs, in the artifact besides those of every job; those that there are."""


class TrainedWeightsError(OutpostError):
    """A folder that does not hold trained weights."""


@dataclass(frozen=True)
class TrainingOutputs(JobFiles):
    """The files of a training by what they are, in a job's outputs and in the artifact alike."""

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

    @classmethod
    def write(cls, folder: Path, job: Path) -> TrainedWeights:
        """Fill an empty folder with what the job in another one has made.

        Args:
            folder: of the artifact.
            job: the job's folder; it stays as it is.
        """
        keep_job(folder, job, KEPT_FILES)
        plots = job / OUTPUTS_FOLDER / PLOTS
        if plots.is_dir():
            shutil.copytree(plots, folder / PLOTS)
        return cls.open(folder)
