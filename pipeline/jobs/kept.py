"""What an artifact keeps of the job that made it: outputs, the exact job, and its program."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

KEPT_OUTPUTS = (EVENTS_FILE, LOG_FILE, ENVIRONMENT_FILE, HOST_FILE, BILL_FILE)
"""Of every job; those that there are."""


def keep_job(folder: Path, job: Path, outputs: Iterable[str]) -> None:
    """Copy what is kept of a job into the folder of an artifact; the job's stays as it is.

    Args:
        folder: of the artifact.
        job: the job's folder.
        outputs: names of those that are kept besides `KEPT_OUTPUTS`, as far as there are any.
    """
    made = job / OUTPUTS_FOLDER
    for name in (*outputs, *KEPT_OUTPUTS):
        if (made / name).is_file():
            shutil.copyfile(made / name, folder / name)
    for name in (JOB_FILE, PROGRAM_FILE):
        shutil.copyfile(job / name, folder / name)


@dataclass(frozen=True)
class JobFiles:
    """The files of any job by what they are, among its outputs and in an artifact alike.

    Nothing is read before it is asked for: a job that failed has left only some of them.
    """

    folder: Path

    @property
    def log(self) -> Path:
        """Everything that was printed."""
        return self.folder / LOG_FILE

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint of a job that was ended before it was done."""
        return self.folder / CHECKPOINT_FILE

    @property
    def environment(self) -> JobEnvironment | None:
        """What it ran on."""
        return JobEnvironment.of(self.folder)

    @property
    def bill(self) -> Bill | None:
        """What it cost.

        Raises:
            BillError: it cannot be read.
        """
        return Bill.of(self.folder)

    @property
    def program_sha256(self) -> str | None:
        """Digest of the program that ran; None in artifacts of before it was kept."""
        file = self.folder / PROGRAM_FILE
        return sha256_of(file) if file.is_file() else None
