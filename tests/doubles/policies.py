"""Jobs of policies that nobody has trained: all that is kept of one but the networks."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.files import write_json
from pipeline.jobs.program.constants import EVENTS_FILE, JOB_FILE, OUTPUTS_FOLDER, PROGRAM_FILE
from pipeline.play.policies.artifacts.policy_job import PolicySpec
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.cloning import (
    CLONE_FILE,
    CURVES_FILE,
    ROLES,
    ClonedPolicies,
    ClonedPolicy,
    curves_of,
)
from pipeline.play.policies.policy_program.constants import POLICIES_FOLDER
from pipeline.play.policies.settings import PRESETS

MEASURES = {
    "strategist": {"accuracy": 0.75},
    "tactician": {"accuracy": 0.651},
    "executor": {"position": 0.11, "click": 0.9},
}
"""On held-out sessions; the first and the third miss a target."""
PLAYS = tuple(
    SessionPlay(name=name, player="me", opponent="random", seconds=35.0, returns=returns)
    for name, returns in (("a", 2.0), ("b", None))
)


def cloned_policies() -> ClonedPolicies:
    """What is said of two epochs of each, of which the second was better."""
    policies = {
        role: ClonedPolicy(
            examples=9, held_out_examples=3, epochs=2, best_epoch=2, measures=MEASURES[role]
        )
        for role in ROLES
    }
    return ClonedPolicies(
        settings=PRESETS["brief"],
        sessions=("a",),
        held_out_sessions=("b",),
        minutes=0.6,
        policies=policies,
    )


def finished_policy_job(folder: Path) -> Path:
    """The folder of a job that is done, with files of no content in the place of the networks."""
    outputs = folder / OUTPUTS_FOLDER
    policies = outputs / POLICIES_FOLDER
    policies.mkdir(parents=True)
    spec = PolicySpec(game="toy", settings=PRESETS["brief"], sessions=("a", "b"))
    (folder / JOB_FILE).write_text(spec.model_dump_json(), "utf-8")
    (folder / PROGRAM_FILE).write_bytes(b"program")
    write_json(policies / CLONE_FILE, cloned_policies().model_dump(mode="json"))
    histories = {role: tuple(_entry(epoch) for epoch in (1, 2)) for role in ROLES}
    (policies / CURVES_FILE).write_text(curves_of(histories), "utf-8")
    write_json(policies / "curves.json", histories)
    for role in ROLES:
        (policies / f"{role}.onnx").write_bytes(b"")
    events = (
        {"event": "epoch", "seconds": 1.5, "stage": role, "epochs": 2, **entry}
        for role, history in histories.items()
        for entry in history
    )
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    (outputs / EVENTS_FILE).write_text(lines, "utf-8")
    return folder


def _entry(epoch: int) -> dict[str, object]:
    loss = {"loss": 1 / epoch}
    return {"epoch": epoch, "train": loss, "held_out": loss, "rate": 0.001}
