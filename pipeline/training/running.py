"""Running a job on this machine from Python: its program in a process of its own, followed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pipeline.errors import OutpostError
from pipeline.processes import without_secrets
from pipeline.training.detector_program.constants import LIFELINE_GRACE_SECONDS
from pipeline.training.job import PROGRAM_FILE
from pipeline.training.results import Event, FailedEvent, parse_event

POLL_SECONDS = 0.1
LAST_LINES = 15


class TrainingRunError(OutpostError):
    """A training that ended without having done its work; what it left is kept."""


def run_job(job: Path, on_event: Callable[[Event], None]) -> Path:
    """Run a job to its end and return the folder of its outputs.

    Whatever is raised in here, an interrupt or an error of the listener among it, ends the program
    before it goes on. The program also ends when this process is killed.

    Args:
        job: the job file, in a folder that `write_job` filled.
        on_event: told of every event as it happens.

    Raises:
        TrainingRunError: the job failed; the text quotes the end of its log and says where all is.
    """
    outputs = job.parent / "outputs"
    outputs.mkdir(exist_ok=True)
    events = _Events(outputs / "metrics.jsonl")
    failed: list[str] = []

    def tell() -> None:
        for event in events.new():
            if isinstance(event, FailedEvent):
                failed.append(event.message)
            on_event(event)

    with (outputs / "log.txt").open("ab") as log, _program(job, log) as process:
        while process.poll() is None:
            tell()
            time.sleep(POLL_SECONDS)
        tell()
    if process.returncode != 0 or not (outputs / "done.json").is_file():
        raise _failure(outputs, process.returncode, failed)
    return outputs


class _Events:
    """The events of a file that another process appends to, each once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.offset = file.stat().st_size if file.is_file() else 0

    def new(self) -> Iterator[Event]:
        if not self.file.is_file():
            return
        with self.file.open("rb") as stream:
            stream.seek(self.offset)
            *whole, _ = stream.read().split(b"\n")
        for line in whole:
            self.offset += len(line) + 1
            yield parse_event(line.decode("utf-8"))


@contextlib.contextmanager
def _program(job: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    # Its standard input is the lifeline: closed, by whatever, it tells the program to end.
    process = subprocess.Popen(
        [sys.executable, str(job.parent / PROGRAM_FILE), str(job), "--lifeline"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=job.parent,
        env={**without_secrets(os.environ), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, wait, then kill it and what it started."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    if process.poll() is None and sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LIFELINE_GRACE_SECONDS)
    finally:
        if sys.platform == "win32":
            process.kill()
        else:
            # Its loader processes with it; macOS answers EPERM where nothing but zombies is left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _failure(outputs: Path, code: int, failed: list[str]) -> TrainingRunError:
    text = (outputs / "log.txt").read_text(encoding="utf-8", errors="replace")
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    told = "; ".join(failed) or f"its program ended with code {code}"
    quoted = "\n".join(f"  | {line}" for line in last) or "  | (nothing)"
    return TrainingRunError(
        f"The training failed: {told}. Its log ends with:\n{quoted}",
        f"Correct the cause and train again, with resume={str(outputs.parent)!r} if an epoch had "
        f"been finished. Log: {outputs / 'log.txt'}",
    )
