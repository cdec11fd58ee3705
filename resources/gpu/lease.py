"""What every provider offers: a lease on a host, on which a job runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.jobs.events import OnEvent, OnLog, ignore
from pipeline.jobs.spec import JobSpec


@dataclass(frozen=True)
class Host:
    """Where a job runs."""

    provider: str
    name: str
    usd_per_hour: float


class Lease(Protocol):
    """A host for the time of a `with` block; afterwards nothing of it is left running."""

    @property
    def host(self) -> Host:
        """The host that was leased."""

    def run(self, job: Path, on_event: OnEvent = ignore, on_log: OnLog = ignore) -> Path:
        """Run a job to its end and return the local folder of its outputs.

        Args:
            job: the job file, in a folder that `pipeline.jobs.folder.write_job_folder` filled.
            on_event: told of every event as it happens; must be quick.
            on_log: told of every line of the log, without colours.

        What it cost is among the outputs: `pipeline.jobs.bill.Bill`.

        Raises:
            JobFailedError: the job failed; what it left is in `outputs` beside the job file.
        """


class GpuProvider(Protocol):
    """A source of hosts."""

    def rent(self, spec: JobSpec, on_log: OnLog = ignore) -> AbstractContextManager[Lease]:
        """Lease a host that can run the job; whatever happens in the block, the lease ends.

        Args:
            spec: the kind of job.
            on_log: told what becomes of the search for a host, and of the host itself.
        """
