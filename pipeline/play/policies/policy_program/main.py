"""The training of three policies, on any host: `python program.pyz job.json`.

It needs Python 3.10, torch and what `pipeline.play.policies.artifacts.policy_job` names. Of the
job's folder (`pipeline.jobs.program.constants`), these are its own:

    job.json           what to do (`pipeline.play.policies.artifacts.policy_job.PolicySpec`)
    sessions/          demonstrations (`pipeline.play.stored_demonstrations`)
    outputs/policies/  what `pipeline.play.policies.cloning.clone` writes, once all is done

When `stop` appears, the policy that learns ends after its epoch, those that have learned nothing
yet get one epoch each, and all three are exported.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import ENVIRONMENT_FILE, STOP_FILE, WORK_FOLDER
from pipeline.jobs.program.host import environment
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.runner import run_program
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.following import Follower, PolicyEpoch
from pipeline.play.policies.policy_program.checkpoints import (
    archive_policies,
    continue_training,
)
from pipeline.play.policies.policy_program.constants import POLICIES_FOLDER, SESSIONS_FOLDER
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.stored_demonstrations import read_demonstrations
from pipeline.training.detector_program.acceleration.waiting import (
    ThreadsGiveWay,
    prepare_to_share,
)

PROGRESS_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    return run_program(arguments, run)


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train and export the three."""
    # Official builds of onnxruntime report to Microsoft unless this is set before the import.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    settings = CloneSettings.model_validate(job["settings"])
    chosen = prepare_to_share()
    outputs.event("stage", stage="prepare", message="Reading the sessions")
    shown = read_demonstrations(folder / SESSIONS_FOLDER)
    policies = folder / WORK_FOLDER / POLICIES_FOLDER
    shutil.rmtree(policies, ignore_errors=True)  # Of an earlier start, newer than its checkpoint.
    policies.mkdir(parents=True)
    if continue_training(folder, outputs, policies):
        outputs.event("message", message="Going on from the newest checkpoint")
    from pipeline.play.policies.training import device_of_host  # After `prepare_to_share`.

    device = device_of_host()
    outputs.json(ENVIRONMENT_FILE, environment())
    outputs.event("stage", stage="train", message=f"Training three policies on {device}")
    follower = _follower(settings, policies, outputs)
    with ThreadsGiveWay(chosen):
        clone(shown, settings, policies, follower=follower, device=device)
    for file in sorted(one for one in policies.rglob("*") if one.is_file()):
        place = file.relative_to(policies).as_posix()
        with outputs.replacing(f"{POLICIES_FOLDER}/{place}") as temporary:
            shutil.copyfile(file, temporary)
    outputs.finish()


def _follower(settings: CloneSettings, policies: Path, outputs: Outputs) -> Follower:
    teller = _Teller(settings, policies, outputs)
    return Follower(teller.on_step, teller.on_epoch, teller.is_asked_to_stop, outputs.began)


class _Teller:
    """Turns what a training tells into events and checkpoints of the job."""

    def __init__(self, settings: CloneSettings, policies: Path, outputs: Outputs) -> None:
        self.settings, self.policies, self.outputs = settings, policies, outputs
        self.told_at, self.is_stopping = 0.0, False
        self.begun: dict[Role, tuple[float, int]] = {}
        self.told = {(event["stage"], event["epoch"]) for event in outputs.told("epoch")}

    def on_step(self, role: Role, done: int, total: int) -> None:
        """Tell every few seconds how far a policy is."""
        now = time.monotonic()
        began, first = self.begun.setdefault(role, (now, done))
        if now - self.told_at < PROGRESS_SECONDS or done == first:
            return
        self.told_at, epochs = now, self.settings.of(role).epochs
        batches = total // epochs
        epoch = min(epochs - 1, (done - 1) // batches)
        self.outputs.event(
            "progress",
            stage=role,
            epoch=epoch + 1,
            epochs=epochs,
            batch=done - epoch * batches,
            batches=batches,
            seconds_left=round((total - done) * (now - began) / (done - first), 1),
        )

    def on_epoch(self, epoch: PolicyEpoch) -> None:
        """Keep a checkpoint of all policies, and tell of the epoch, once."""
        place = {"stage": epoch.stage, "epoch": epoch.epoch, "epochs": epoch.epochs}
        if not epoch.restored:
            self.outputs.keep_checkpoint(
                lambda file: archive_policies(self.policies, file), **place
            )
        if not epoch.restored or (epoch.stage, epoch.epoch) not in self.told:
            self.outputs.event("epoch", **epoch.model_dump(exclude={"event", "seconds"}))

    def is_asked_to_stop(self) -> bool:
        """Whether the file that asks for it is there; it is told once."""
        if not self.is_stopping and (self.outputs.folder.parent / STOP_FILE).exists():
            self.is_stopping = True
            self.outputs.event(
                "message",
                message="Asked to stop: what has not learned yet gets one epoch, then all is "
                "exported",
            )
        return self.is_stopping
