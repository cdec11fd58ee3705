"""A job on a host, followed from its upload to its outputs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.training.detector_program.constants import CHECKPOINT_FILE, RESUME_FILE
from pipeline.training.detector_program.recording.outputs import sidecar_of
from pipeline.training.job import JobSpec
from resources.gpu.hosts.failures import training_failure
from resources.gpu.hosts.ssh import HostLostError, RemoteCommandError
from resources.gpu.hosts.tail import LineTail, tell
from resources.gpu.hosts.transfer import TransferError
from resources.gpu.hosts.workspace import Look, Workplace
from resources.gpu.lease import OnEvent, OnLog
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
        return self.job.parent / "outputs"


class Following:
    """Keeps the outputs here up to date with those on the host."""

    def __init__(self, workplace: Workplace, assignment: Assignment, pace: Pace) -> None:
        """What `outputs` holds already was brought from an earlier host and counts as told."""
        self.workplace = workplace
        self.assignment = assignment
        self.pace = pace
        self.log = assignment.outputs / "log.txt"
        self.events = assignment.outputs / "metrics.jsonl"
        self.lines, self.told = LineTail(self.log), LineTail(self.events)
        self.checkpoint: dict[str, Any] | None = None
        self.checkpoint_at = time.monotonic()
        self.has_ended = False

    def run(self, watch: Watch) -> Path:
        """Bring the job, run it to its end, and return the folder of its outputs.

        Raises:
            TrainingFailedError: the job failed; its outputs are here all the same.
            HostLostError: the host is gone, or its job without a trace.
        """
        sent = self.workplace.upload(self.assignment.job.parent)
        self.assignment.on_log(f"Brought the job to the host: {sent / 1e6:.1f} MB were new to it.")
        self.workplace.start()
        look = self.follow(watch)
        outputs = self.assignment.outputs
        self.workplace.fetch_outputs(outputs)
        self.has_ended = True
        if look.code != 0 or not (outputs / "done.json").is_file():
            code = SHELL_KILLED if look.code is None else look.code
            raise training_failure(self.assignment.spec, code, self.log)
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
        self._tell(at_end=True)
        if look.state != "ended":
            raise HostLostError(
                "The job is gone from the host without having ended: the host was restarted.",
                "Train again; it continues if it can.",
            )
        return look

    def mirror(self) -> Look:
        """Take over what was written since the last look."""
        look = self._take()
        self._tell()
        return look

    def keep_checkpoint(self, look: Look, not_within: float) -> None:
        """Fetch the newest checkpoint, unless one was fetched a short while ago."""
        if look.checkpoint in (None, self.checkpoint):
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
            self.workplace.fetch_outputs(self.assignment.outputs, LARGE)

    def _take(self) -> Look:
        look = self.workplace.look(_size(self.log), _size(self.events))
        _append(self.log, look.log)
        _append(self.events, look.events)
        return look

    def _tell(self, at_end: bool = False) -> None:
        lines = self.lines.last_lines() if at_end else self.lines.new_lines()
        tell(self.told.new_lines(), lines, self.assignment.on_event, self.assignment.on_log)


LARGE = ("checkpoint.pt", "best.pt", "last.pt", "best.onnx")
"""Left out of a salvage, which has a checkpoint and little time."""


def prepare_to_resume(assignment: Assignment) -> str:
    """Lay the newest checkpoint into the job's folder, so that the next host goes on from it.

    The newest is the one that was fetched last, else the one that the lost host had begun with; it
    stays in the outputs as well, for whoever goes on from there. Epochs that were told after it are
    forgotten: they will be trained and told again.

    Returns:
        Where the next host begins, for people.
    """
    outputs, folder = assignment.outputs, assignment.job.parent
    checkpoint, resume = outputs / CHECKPOINT_FILE, folder / RESUME_FILE
    events = outputs / "metrics.jsonl"
    if checkpoint.is_file() and sidecar_of(checkpoint).is_file():
        # What lies there may be another name of somebody's own checkpoint.
        for name in (resume, sidecar_of(resume)):
            name.unlink(missing_ok=True)
        shutil.copyfile(checkpoint, resume)
        shutil.copyfile(sidecar_of(checkpoint), sidecar_of(resume))
    elif not resume.is_file():
        events.unlink(missing_ok=True)
        return "Starting over on another host: no checkpoint had been fetched yet."
    if not sidecar_of(resume).is_file():
        events.unlink(missing_ok=True)
        return "Resuming on another host from the checkpoint that this training began with."
    told: dict[str, Any] = json.loads(sidecar_of(resume).read_text(encoding="utf-8"))
    if events.is_file():
        kept = _events_until(events.read_text(encoding="utf-8"), told)
        events.write_text(kept, encoding="utf-8", newline="\n")
    return f"Resuming on another host after epoch {told['epoch']}."


def _events_until(text: str, checkpoint: dict[str, Any]) -> str:
    """The whole lines up to the end of a checkpoint's epoch, if that was told."""
    *lines, _ = text.split("\n")
    wanted = (checkpoint.get("stage"), checkpoint["epoch"])
    for index, line in enumerate(lines):
        event = json.loads(line)
        if event["event"] == "epoch" and (event.get("stage"), event["epoch"]) == wanted:
            lines = lines[: index + 1]
            break
    return "".join(f"{line}\n" for line in lines)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _append(file: Path, content: bytes) -> None:
    with file.open("ab") as stream:
        stream.write(content)
