"""Three policies from play: learned one after another, exported, with their curves; loads torch.

A folder of policies holds `<role>.onnx`, `clone.json`, `curves.json`, `curves.svg`, and a folder of
checkpoints for each policy.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import make_room, read_json, replacing, write_json, write_text
from pipeline.jobs.events import EpochEvent
from pipeline.manifests import Record
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.checkpoints import PolicyCheckpoint
from pipeline.play.policies.examples import examples_of, split_sessions
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.policies.training import Lesson, network_of, train_policy
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.progress import Progress, Report, silent
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

ROLES: tuple[Role, ...] = get_args(Role)
CLONE_FILE = "clone.json"


class CloneError(OutpostError):
    """A folder that policies cannot be written to, or read from."""


class ClonedPolicy(Record):
    """How one policy has learned."""

    examples: int
    held_out_examples: int
    best_epoch: int
    measures: dict[str, float] = Field(description="Of the best epoch, on held-out sessions.")


class ClonedPolicies(Record):
    """What came of cloning: `clone.json`."""

    settings: CloneSettings
    sessions: tuple[str, ...]
    held_out_sessions: tuple[str, ...]
    minutes: float = Field(description="Of play to learn from.")
    policies: dict[Role, ClonedPolicy]

    @classmethod
    def read(cls, folder: Path) -> ClonedPolicies:
        """What came of the cloning into a folder.

        Raises:
            CloneError: the folder does not say, or is damaged.
        """
        return read_json(folder / CLONE_FILE, cls, _damaged)


def clone(
    demonstrations: Sequence[Demonstration],
    settings: CloneSettings,
    folder: Path,
    report: Report = silent,
) -> ClonedPolicies:
    """Learn three policies; a folder in which that was begun is gone on with.

    Raises:
        ExamplesError: too few sessions, or nothing in them to learn.
        PolicyCheckpointError: the folder holds another training.
        CloneError: the folder cannot be written to.
    """
    learned, held_out = split_sessions(demonstrations, settings.held_out)
    trained = {
        "settings": settings.model_dump(mode="json"),
        "sessions": digest_of([*learned, *held_out]),
    }
    try:
        make_room(folder / CLONE_FILE)
        done = {
            role: _learn(role, (learned, held_out), settings, folder, trained, report)
            for role in ROLES
        }
        cloned = ClonedPolicies(
            settings=settings,
            sessions=tuple(one.name for one in learned),
            held_out_sessions=tuple(one.name for one in held_out),
            minutes=round(sum(map(len, learned)) / TICKS_A_SECOND / 60, 2),
            policies={role: policy for role, (policy, _) in done.items()},
        )
        histories = {role: best.history for role, (_, best) in done.items()}
        with replacing(folder / "curves.json") as fresh:
            write_json(fresh, histories)
        with replacing(folder / "curves.svg") as fresh:
            write_text(fresh, curves_of(histories))
        with replacing(folder / CLONE_FILE) as fresh:
            write_json(fresh, cloned.model_dump(mode="json"))
    except OSError as error:
        raise CloneError(
            f"The policies cannot be written to {folder}: {error}",
            "Name a folder that you may write to, with a hundred megabytes left.",
        ) from error
    return cloned


def digest_of(demonstrations: Sequence[Demonstration]) -> str:
    """Of all that can be learned from some sessions, in whatever order they come."""
    whole = hashlib.sha256()
    for shown in sorted(demonstrations, key=lambda one: one.name):
        whole.update(shown.name.encode())
        for array in (shown.entities, shown.status, shown.actions, shown.goals):
            whole.update(str((array.shape, array.dtype)).encode())
            whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def curves_of(histories: dict[Role, tuple[dict[str, Any], ...]]) -> str:
    """Losses and what is right on held-out sessions, by epoch, as the text of an SVG."""
    epochs = [
        EpochEvent(seconds=0.0, stage=role, epoch=entry["epoch"], epochs=len(history))
        for role, history in histories.items()
        for entry in history
    ]
    entries = [entry for history in histories.values() for entry in history]
    losses = (
        Curve("loss", COLOURS[0], tuple(entry["train"]["loss"] for entry in entries)),
        Curve("", COLOURS[0], tuple(entry["held_out"]["loss"] for entry in entries), "3 2"),
    )
    names = sorted({name for entry in entries for name in entry["held_out"]} - {"loss"})
    shares = tuple(
        Curve(name, colour, tuple(entry["held_out"].get(name) for entry in entries))
        for name, colour in zip(names, COLOURS, strict=False)
    )
    panels = (
        CurvePanel("loss (dashed: held-out sessions)", losses),
        CurvePanel("held-out sessions", shares, ceiling=1.0),
    )
    return draw_panels(panels, epochs)


def _learn(
    role: Role,
    sessions: tuple[Sequence[Demonstration], Sequence[Demonstration]],
    settings: CloneSettings,
    folder: Path,
    trained: dict[str, Any],
    report: Report,
) -> tuple[ClonedPolicy, PolicyCheckpoint]:
    """One policy, learned, exported, and the checkpoint with its whole history."""
    train, held_out = (
        examples_of(
            role,
            part,
            delay=settings.delay,
            others_per_act=settings.others_per_act,
            seed=settings.seed,
        )
        for part in sessions
    )
    began = time.monotonic()

    def on_step(done: int, total: int) -> None:
        report(Progress(f"train the {role}", done, total, time.monotonic() - began))

    outcome = train_policy(Lesson(role, train, held_out), settings, folder / role, trained, on_step)
    best = outcome.best
    export_policy(network_of(best, settings), settings.delay, folder)
    policy = ClonedPolicy(
        examples=len(train),
        held_out_examples=len(held_out),
        best_epoch=best.epoch,
        measures=best.history[-1]["held_out"],
    )
    return policy, outcome.last


def _damaged(file: Path, error: Exception) -> CloneError:
    return CloneError(
        f"{file} cannot be read: {error}",
        "Name a folder of policies, or clone them again: outpost play clone.",
    )
