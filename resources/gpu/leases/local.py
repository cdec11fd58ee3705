"""This machine as a provider: the job program as a subprocess."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.jobs.environment import JobEnvironment
from pipeline.jobs.events import OnEvent, OnLog, ignore
from pipeline.jobs.local import run_job
from pipeline.jobs.program.constants import OUTPUTS_FOLDER
from pipeline.jobs.spec import JobSpec
from resources.gpu.lease import Host
from resources.gpu.leases.charges import own_machine_bill
from resources.gpu.signals import require_a_parent


class LocalProvider:
    """Lends the machine that Outpost runs on; it costs nothing."""

    @contextmanager
    def rent(self, spec: JobSpec, on_log: OnLog = ignore) -> Iterator[LocalLease]:
        """Lease this machine. Nothing runs on it except within `LocalLease.run`."""
        on_log("Using this machine.")
        yield LocalLease(spec, Host("local", platform.node(), usd_per_hour=0.0))


@dataclass(frozen=True)
class LocalLease:
    """This machine, for one job."""

    spec: JobSpec
    host: Host

    def run(self, job: Path, on_event: OnEvent = ignore, on_log: OnLog = ignore) -> Path:
        """Run the job's program and follow it; see `resources.gpu.lease.Lease`."""
        began = time.monotonic()
        outputs = job.parent / OUTPUTS_FOLDER
        try:
            return run_job(job, self.spec, on_event, on_log, require_a_parent)
        finally:
            environment = JobEnvironment.of(outputs)
            gpu = environment.gpu if environment else None
            bill = own_machine_bill(self.host, gpu, time.monotonic() - began)
            bill.write_if_possible(outputs, on_log)
