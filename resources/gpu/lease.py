"""What every provider offers: a lease on a host, on which a job runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutpostError
from pipeline.training.job import JobSpec
from pipeline.training.results import Event

OnEvent = Callable[[Event], None]
OnLog = Callable[[str], None]

BILL_FILE, HOST_FILE = "lease.json", "host.json"
"""In the outputs of a job, but written here: what the lease cost, and where it was."""


class TrainingFailedError(OutpostError):
    """A job that ended without having done its work. Its outputs so far and its log are kept.

    Attributes:
        was_killed: a signal from outside ended it, as far as its exit code tells.
    """

    def __init__(self, problem: str, fix: str, was_killed: bool = False) -> None:
        super().__init__(problem, fix)
        self.was_killed = was_killed


@dataclass(frozen=True)
class Host:
    """Where a job runs."""

    provider: str
    name: str
    usd_per_hour: float


def ignore(_: object) -> None:
    """A listener that does nothing."""


class Lease(Protocol):
    """A host for the time of a `with` block; afterwards nothing of it is left running."""

    @property
    def host(self) -> Host:
        """The host that was leased."""

    def run(self, job: Path, on_event: OnEvent = ignore, on_log: OnLog = ignore) -> Path:
        """Run a job to its end and return the local folder of its outputs.

        Args:
            job: the job file, in a folder that `pipeline.training.job.write_job` filled.
            on_event: told of every event as it happens; must be quick.
            on_log: told of every line of the log, without colours.

        Raises:
            TrainingFailedError: the job failed; what it left is in `outputs` beside the job file.
        """


class GpuProvider(Protocol):
    """A source of hosts."""

    def rent(self, spec: JobSpec, on_log: OnLog = ignore) -> AbstractContextManager[Lease]:
        """Lease a host that can run the job; whatever happens in the block, the lease ends.

        Args:
            spec: the job.
            on_log: told what becomes of the search for a host, and of the host itself.
        """
