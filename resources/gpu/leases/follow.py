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
from pipeline.jobs.program.constants import (
    DONE_FILE,
    EVENTS_FILE,
    EXIT_KILLED,
    LOG_FILE,
    OUTPUTS_FOLDER,
)
from pipeline.jobs.spec import JobSpec
from resources.gpu.hosts.ssh import HostLostError, RemoteCommandError
from resources.gpu.hosts.transfer import TransferError
from resources.gpu.hosts.workspace import JobStatus, RemoteWorkspace
from resources.gpu.timeouts import Timeouts

PollHook = Callable[[RemoteWorkspace], None]
"""Called at every poll; may have the job finish, and raises to give it up."""


@dataclass(frozen=True)
class RemoteJob:
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


class JobFollower:
    """Keeps the outputs here up to date with those on the host."""

    def __init__(
        self, workspace: RemoteWorkspace, remote_job: RemoteJob, timeouts: Timeouts
    ) -> None:
        """What `outputs` holds already was brought from an earlier host and counts as told."""
        self.workspace = workspace
        self.remote_job = remote_job
        self.timeouts = timeouts
        self.log = remote_job.outputs / LOG_FILE
        self.events = remote_job.outputs / EVENTS_FILE
        self.listener = Listener(
            remote_job.spec, remote_job.outputs, remote_job.on_event, remote_job.on_log
        )
        self.checkpoint: CheckpointDescription | None = None
        self.checkpoint_at = time.monotonic()
        self.has_ended = False

    def run(self, on_poll: PollHook) -> Path:
        """Bring the job, run it to its end, and return the folder of its outputs.

        Raises:
            JobFailedError: the job failed; its outputs are here all the same.
            HostLostError: the host is gone, or its job without a trace.
        """
        sent = self.workspace.upload(self.remote_job.job.parent)
        self.remote_job.on_log(f"Brought the job to the host: {sent / 1e6:.1f} MB were new to it.")
        self.workspace.start()
        status = self.follow(on_poll)
        outputs = self.remote_job.outputs
        self.workspace.fetch_outputs(outputs)
        self.has_ended = True
        if status.code != 0 or not (outputs / DONE_FILE).is_file():
            code = EXIT_KILLED if status.code is None else status.code
            raise job_failure(self.remote_job.spec, code, outputs)
        return outputs

    def follow(self, on_poll: PollHook) -> JobStatus:
        """Tell what the job tells, until it has ended; keep its checkpoints."""
        while True:
            status = self._append_new()
            self.listener.tell()
            if status.state != "running" and not (status.log or status.events):
                break
            self.keep_checkpoint(status, self.timeouts.checkpoint_interval)
            if status.state == "running":
                on_poll(self.workspace)
                time.sleep(self.timeouts.poll_interval)
        self.listener.tell(at_end=True)
        if status.state != "ended":
            raise HostLostError(
                "The job is gone from the host without having ended: the host was restarted.",
                "Run it again; it continues if it can.",
            )
        return status

    def keep_checkpoint(self, status: JobStatus, not_within: float) -> None:
        """Fetch the newest checkpoint, unless one was fetched a short while ago."""
        if status.checkpoint is None or status.checkpoint == self.checkpoint:
            return
        if time.monotonic() - self.checkpoint_at < not_within:
            return
        try:
            self.workspace.fetch_checkpoint(status.checkpoint, self.remote_job.outputs)
        except (TransferError, RemoteCommandError):
            return  # replaced or removed meanwhile: the next poll tells what is there now
        self.checkpoint, self.checkpoint_at = status.checkpoint, time.monotonic()

    def rescue_outputs(self) -> None:
        """End the job and bring what helps to go on and to understand, telling nobody."""
        self.workspace.stop()
        while (status := self._append_new()).log or status.events:
            pass
        self.keep_checkpoint(status, 0.0)
        if status.state != "none":
            self.workspace.fetch_outputs(
                self.remote_job.outputs, self.remote_job.spec.large_outputs
            )

    def _append_new(self) -> JobStatus:
        """Take over what was written since the last time."""
        with self.log.open("ab") as log, self.events.open("ab") as events:
            status = self.workspace.status(log.tell(), events.tell())
            log.write(status.log)
            events.write(status.events)
        return status
