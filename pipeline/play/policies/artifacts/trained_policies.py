"""Three policies as an artifact: a folder to play from, and the job that made it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.jobs.events import EventError, read_events
from pipeline.jobs.kept import JobFiles, keep_job
from pipeline.jobs.program.constants import EVENTS_FILE, JOB_FILE, OUTPUTS_FOLDER
from pipeline.play.policies.artifacts.event_files import EVENTS_FOLDER, EventFiles
from pipeline.play.policies.artifacts.policy_job import MATERIALIZE, PolicySpec, read_policy_job
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.checkpoints import KeptCheckpoint, kept_checkpoints
from pipeline.play.policies.cloning import CLONE_FILE, CURVES_FILE, ROLES, ClonedPolicies
from pipeline.play.policies.following import POLICY_EVENTS, PolicyEpoch
from pipeline.play.policies.policy_program.constants import POLICIES_FOLDER

SESSIONS_FILE = "sessions.json"


class TrainedPoliciesError(OutpostError):
    """A folder that does not hold trained policies."""


@dataclass(frozen=True)
class TrainedPolicies(JobFiles):
    """The artifact of `play/policies`: what `outpost play` plays, corrects and goes on training.

    <role>.onnx              what plays
    clone.json               settings, sessions, what each reaches on held-out sessions
    curves.svg, curves.json  losses and shares by epoch
    <role>/                  checkpoints: best, last, one of every n-th epoch
    tensorboard/             the curves as event files
    sessions.json            who has played what was learned from, and with what return
    job.json, program.pyz    what was asked, and of which program
    metrics.jsonl, log.txt, environment.json, host.json, lease.json   as of every job
    """

    spec: PolicySpec
    cloned: ClonedPolicies
    sessions: tuple[SessionPlay, ...]

    @classmethod
    def open(cls, folder: Path) -> TrainedPolicies:
        """Read what `write` wrote.

        Raises:
            TrainedPoliciesError: a file is missing or damaged.
            JobError: its job cannot be read.
        """
        for name in (*(f"{role}.onnx" for role in ROLES), CURVES_FILE, EVENTS_FILE):
            if not (folder / name).is_file():
                raise TrainedPoliciesError(
                    f"{folder} holds no three policies: {name} is missing.", MATERIALIZE
                )
        return cls(
            folder,
            read_policy_job(folder / JOB_FILE),
            read_json(folder / CLONE_FILE, ClonedPolicies, _damaged),
            read_json(folder / SESSIONS_FILE, tuple[SessionPlay, ...], _damaged),
        )

    @classmethod
    def write(cls, folder: Path, job: Path, sessions: Sequence[SessionPlay]) -> TrainedPolicies:
        """Fill an empty folder with what the job in another one has made.

        Args:
            job: the job's folder; it stays as it is.
            sessions: that were learned from or held out.
        """
        shutil.copytree(job / OUTPUTS_FOLDER / POLICIES_FOLDER, folder, dirs_exist_ok=True)
        keep_job(folder, job, ())
        write_json(folder / SESSIONS_FILE, [one.model_dump(mode="json") for one in sessions])
        trained = cls.open(folder)
        files = EventFiles(folder / EVENTS_FOLDER)
        for epoch in trained.epochs():
            files.add(epoch)
        return trained

    @property
    def curves(self) -> str:
        """Losses and what is right on held-out sessions, by epoch, as the text of an SVG."""
        return (self.folder / CURVES_FILE).read_text(encoding="utf-8")

    @property
    def event_files(self) -> Path:
        """The folder for `tensorboard --logdir`."""
        return self.folder / EVENTS_FOLDER

    def epochs(self) -> tuple[PolicyEpoch, ...]:
        """Every finished epoch; of one that was told twice, what was told last.

        Raises:
            TrainedPoliciesError: the events cannot be read.
        """
        try:
            events = read_events(self.folder / EVENTS_FILE, POLICY_EVENTS)
        except (OSError, EventError) as error:
            raise _damaged(self.folder / EVENTS_FILE, error) from error
        found = {
            (event.stage, event.epoch): event for event in events if isinstance(event, PolicyEpoch)
        }
        # A policy after the other, as they learn.
        return tuple(found.values())

    def checkpoints(self) -> list[KeptCheckpoint]:
        """All that were kept.

        Raises:
            PolicyCheckpointError: one is damaged.
        """
        return [one for role in ROLES for one in kept_checkpoints(self.folder, role)]


def _damaged(file: Path, why: Exception) -> TrainedPoliciesError:
    return TrainedPoliciesError(f"{file} cannot be read: {why}", MATERIALIZE)
