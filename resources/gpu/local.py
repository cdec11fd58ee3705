"""This machine as a provider: the job program as a subprocess."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.training.job import PROGRAM, JobSpec
from pipeline.training.program import EXIT_DISK_FULL, EXIT_NO_MEMORY
from pipeline.training.results import parse_event
from resources.gpu.lease import Host, OnEvent, OnLog, TrainingFailedError, ignore
from resources.gpu.processes import running
from resources.gpu.tails import LineTail, without_colours

POLL_SECONDS = 0.2
LAST_LINES = 15


class LocalProvider:
    """Lends the machine that Outpost runs on; it costs nothing."""

    @contextmanager
    def rent(self, spec: JobSpec) -> Iterator[LocalLease]:
        """Lease this machine. Nothing runs on it except within `LocalLease.run`."""
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
        command = [sys.executable, str(job.parent / PROGRAM.name), str(job), "--lifeline"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        with log.open("ab") as output, running(command, output, job.parent, environment) as process:
            while process.poll() is None:
                _tell(events.new_lines(), lines.new_lines(), on_event, on_log)
                time.sleep(POLL_SECONDS)
        _tell(events.new_lines(), lines.last_lines(), on_event, on_log)
        if process.returncode != 0 or not (outputs / "done.json").is_file():
            raise self._failure(process, log)
        return outputs

    def _failure(self, process: subprocess.Popen[bytes], log: Path) -> TrainingFailedError:
        problem, fix = self._explain(process.returncode, log.parent)
        text = log.read_text(encoding="utf-8", errors="replace")
        last = [line for line in map(without_colours, text.splitlines()) if line][-LAST_LINES:]
        quoted = "\n".join(f"  | {line}" for line in last) or "  | (nothing)"
        return TrainingFailedError(f"{problem} The log ends with:\n{quoted}", f"{fix} Log: {log}")

    def _explain(self, code: int, folder: Path) -> tuple[str, str]:
        """What went wrong and what to do, as far as the exit code tells."""
        if code == EXIT_DISK_FULL:
            return (
                f"The disk that holds {folder} is full.",
                "Free some space and run again; nothing of the training was stored.",
            )
        killed = sys.platform != "win32" and code == -signal.SIGKILL
        if code == EXIT_NO_MEMORY or killed:
            how = "The system ended the training, most likely for" if killed else "It ran"
            chosen = self.spec.hyperparameters
            return (
                f"{how} want of memory.",
                f"Lower the batch (now {chosen.batch}) or imgsz (now {chosen.imgsz}), or close "
                "other programs.",
            )
        return (
            f"The training job ended with exit code {code}.",
            "Read the last lines above, mend the cause and run again.",
        )


def _tell(events: Iterator[str], lines: Iterator[str], on_event: OnEvent, on_log: OnLog) -> None:
    for line in lines:
        on_log(without_colours(line))
    for line in events:
        on_event(parse_event(line))
