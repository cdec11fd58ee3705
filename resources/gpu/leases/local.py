"""This machine as a provider: the job program as a subprocess."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.processes import without_secrets
from pipeline.training.job import PROGRAM_FILE, JobSpec
from resources.gpu.hosts.failures import training_failure
from resources.gpu.hosts.processes import running
from resources.gpu.hosts.tail import LineTail, tell
from resources.gpu.lease import Host, OnEvent, OnLog, ignore
from resources.gpu.signals import require_a_parent

POLL_SECONDS = 0.2


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
        """Run the job's program and follow it; see `resources.gpu.lease.Lease`.

        Any exception in here, an interrupt of the orchestrator among them, ends the program and
        everything that it started before it goes on.
        """
        outputs = job.parent / "outputs"
        outputs.mkdir(exist_ok=True)
        log = outputs / "log.txt"
        events, lines = LineTail(outputs / "metrics.jsonl"), LineTail(log)
        # A lifeline, so that not even kill -9 of this process leaves a training behind.
        command = [sys.executable, str(job.parent / PROGRAM_FILE), str(job), "--lifeline"]
        environment = {**without_secrets(os.environ), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        with log.open("ab") as output, running(command, output, job.parent, environment) as process:
            while process.poll() is None:
                require_a_parent()
                tell(events.new_lines(), lines.new_lines(), on_event, on_log)
                time.sleep(POLL_SECONDS)
        tell(events.new_lines(), lines.last_lines(), on_event, on_log)
        if process.returncode != 0 or not (outputs / "done.json").is_file():
            raise training_failure(self.spec, process.returncode, log)
        return outputs
