"""A job on a host, followed from its upload to its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.jobs.checkpoints import CheckpointDescription
from pipeline.jobs.events import OnEvent, OnLog
from pipeline.jobs.failures import job_failure
from pipeline.jobs.local import Listener
from pipeline.jobs.program.constants import DONE_FILE, EVENTS_FILE, LOG_FILE, OUTPUTS_FOLDER
from pipeline.jobs.spec import JobSpec
from resources.gpu.hosts.ssh import HostLostError, RemoteCommandError
from resources.gpu.hosts.transfer import TransferError
from resources.gpu.hosts.workspace import Look, Workplace
from resources.gpu.timeouts import Pace

Watch = Callable[[Workplace], None]
"""Called at every look; may have the job finish, and raises to give it up."""
SHELL_KILLED = 137


@dataclass(frozen=True)
class Assignment:
    """A job and who listens to it.

    Attributes:
        job: the job file; `outputs` beside it becomes a copy of what lies on the host.
    """

    spec: JobSpec
    job: Path
    on_event: OnEvent
    on_log: OnLog

    @property
    def outputs(self) -> Path:
        """Where everything comes back to."""
        return self.job.parent / OUTPUTS_FOLDER


class Following:
    """Keeps the outputs here up to date with those on the host."""

    def __init__(self, workplace: Workplace, assignment: Assignment, pace: Pace) -> None:
        """What `outputs` holds already was brought from an earlier host and counts as told."""
        self.workplace = workplace
        self.assignment = assignment
        self.pace = pace
        self.log = assignment.outputs / LOG_FILE
        self.events = assignment.outputs / EVENTS_FILE
        self.listener = Listener(
            assignment.spec, assignment.outputs, assignment.on_event, assignment.on_log
        )
        self.checkpoint: CheckpointDescription | None = None
        self.checkpoint_at = time.monotonic()
        self.has_ended = False

    def run(self, watch: Watch) -> Path:
        """Bring the job, run it to its end, and return the folder of its outputs.

        Raises:
            JobFailedError: the job failed; its outputs are here all the same.
            HostLostError: the host is gone, or its job without a trace.
        """
        sent = self.workplace.upload(self.assignment.job.parent)
        self.assignment.on_log(f"Brought the job to the host: {sent / 1e6:.1f} MB were new to it.")
        self.workplace.start()
        look = self.follow(watch)
        outputs = self.assignment.outputs
        self.workplace.fetch_outputs(outputs)
        self.has_ended = True
        if look.code != 0 or not (outputs / DONE_FILE).is_file():
            code = SHELL_KILLED if look.code is None else look.code
            raise job_failure(self.assignment.spec, code, outputs)
        return outputs

    def follow(self, watch: Watch) -> Look:
        """Tell what the job tells, until it has ended; keep its checkpoints."""
        while True:
            look = self.mirror()
            if look.state != "running" and not (look.log or look.events):
                break
            self.keep_checkpoint(look, self.pace.checkpoint)
            if look.state == "running":
                watch(self.workplace)
                time.sleep(self.pace.poll)
        self.listener.tell(at_end=True)
        if look.state != "ended":
            raise HostLostError(
                "The job is gone from the host without having ended: the host was restarted.",
                "Train again; it continues if it can.",
            )
        return look

    def mirror(self) -> Look:
        """Take over what was written since the last look."""
        look = self._take()
        self.listener.tell()
        return look

    def keep_checkpoint(self, look: Look, not_within: float) -> None:
        """Fetch the newest checkpoint, unless one was fetched a short while ago."""
        if look.checkpoint is None or look.checkpoint == self.checkpoint:
            return
        if time.monotonic() - self.checkpoint_at < not_within:
            return
        try:
            self.workplace.fetch_checkpoint(look.checkpoint, self.assignment.outputs)
        except (TransferError, RemoteCommandError):
            return  # replaced or removed meanwhile: the next look tells what is there now
        self.checkpoint, self.checkpoint_at = look.checkpoint, time.monotonic()

    def salvage(self) -> None:
        """End the job and bring what helps to go on and to understand, telling nobody."""
        self.workplace.stop()
        while (look := self._take()).log or look.events:
            pass
        self.keep_checkpoint(look, 0.0)
        if look.state != "none":
            self.workplace.fetch_outputs(
                self.assignment.outputs, self.assignment.spec.large_outputs
            )

    def _take(self) -> Look:
        look = self.workplace.look(_size(self.log), _size(self.events))
        _append(self.log, look.log)
        _append(self.events, look.events)
        return look


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _append(file: Path, content: bytes) -> None:
    with file.open("ab") as stream:
        stream.write(content)
