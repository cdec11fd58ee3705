"""A job on this machine: its program in a process of its own, followed to its end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.jobs.child_process import running
from pipeline.jobs.events import OnEvent, OnLog, ignore, parse_event
from pipeline.jobs.failures import job_failure
from pipeline.jobs.program.constants import (
    DONE_FILE,
    EVENTS_FILE,
    LIFELINE,
    LOG_FILE,
    OUTPUTS_FOLDER,
    PROGRAM_FILE,
)
from pipeline.jobs.spec import JobSpec
from pipeline.jobs.tail import LineTail, without_colours
from pipeline.processes import without_secrets

POLL_SECONDS = 0.1


class Listener:
    """Hands what is appended to a job's events and log to those who listen."""

    def __init__(self, spec: JobSpec, outputs: Path, on_event: OnEvent, on_log: OnLog) -> None:
        """What the files hold already counts as told."""
        self.types = spec.event_types
        self.on_event, self.on_log = on_event, on_log
        self.events = LineTail(outputs / EVENTS_FILE)
        self.log = LineTail(outputs / LOG_FILE)

    def tell(self, at_end: bool = False) -> None:
        """Tell what is new; at the end a last line of the log without an end, too."""
        lines: Iterator[str] = self.log.last_lines() if at_end else self.log.new_lines()
        for line in lines:
            self.on_log(without_colours(line))
        for line in self.events.new_lines():
            self.on_event(parse_event(line, self.types))


def run_job(
    job: Path,
    spec: JobSpec,
    on_event: OnEvent = ignore,
    on_log: OnLog = ignore,
    at_every_poll: Callable[[], None] = lambda: None,
) -> Path:
    """Run a job to its end and return the folder of its outputs.

    Whatever is raised in here, an interrupt or an error of a listener among it, ends the program
    and everything that it started before it goes on. They also end when this process is killed.

    Args:
        job: the job file, in a folder that `pipeline.jobs.folder.write_job_folder` filled.
        spec: the kind of job.
        on_event: told of every event as it happens; must be quick.
        on_log: told of every line of the log, without colours.
        at_every_poll: raises to give the job up.

    Raises:
        JobFailedError: the job failed; the text quotes the end of its log and says where all is.
    """
    outputs = job.parent / OUTPUTS_FOLDER
    outputs.mkdir(exist_ok=True)
    listener = Listener(spec, outputs, on_event, on_log)
    # A lifeline, so that not even kill -9 of this process leaves the program behind.
    command = [sys.executable, str(job.parent / PROGRAM_FILE), str(job), LIFELINE]
    environment = {**without_secrets(os.environ), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    with (
        (outputs / LOG_FILE).open("ab") as log,
        running(command, log, job.parent, environment) as process,
    ):
        while process.poll() is None:
            at_every_poll()
            listener.tell()
            time.sleep(POLL_SECONDS)
    listener.tell(at_end=True)
    if process.returncode != 0 or not (outputs / DONE_FILE).is_file():
        raise job_failure(spec, process.returncode, outputs)
    return outputs
