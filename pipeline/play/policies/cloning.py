"""Three policies from play: learned one after another, exported, with their curves.

A folder of policies holds `<role>.onnx`, `clone.json`, `curves.json`, `curves.svg`, and a folder of
checkpoints for each policy.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from pipeline.play.policies.examples import Examples, examples_of, split_sessions
from pipeline.play.policies.following import Follower
from pipeline.play.policies.hindsight import with_goals
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.progress import Progress, Report, silent
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

ROLES: tuple[Role, ...] = get_args(Role)
CLONE_FILE = "clone.json"
CURVES_FILE = "curves.svg"


class CloneError(OutpostError):
    """A folder that policies cannot be written to, or read from."""


class ClonedPolicy(Record):
    """How one policy has learned."""

    examples: int
    held_out_examples: int
    epochs: int | None = Field(
        None, description="That were done; None of policies of before this was kept."
    )
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
    follower: Follower | None = None,
    device: str = "cpu",
) -> ClonedPolicies:
    """Learn three policies; a folder in which that was begun is gone on with.

    Where nobody has stated a goal, that is learned which the player's acts tell (`hindsight`).

    Args:
        report: told how far each policy is.
        follower: told of epochs, and asked whether to end early.
        device: of torch, on which they learn.

    Raises:
        ExamplesError: too few sessions, or nothing in them to learn.
        PolicyCheckpointError: the folder holds another training.
        PolicyTrainingError: a loss has become no number.
        CloneError: the folder cannot be written to.
    """
    with_all_goals = [with_goals(shown) for shown in demonstrations]
    learned, held_out = split_sessions(with_all_goals, settings.held_out)
    trained = {
        "settings": settings.model_dump(mode="json"),
        "sessions": digest_of([*learned, *held_out]),
    }
    follower = _reporting(follower or Follower(), report)
    training = _Training((learned, held_out), settings, folder, trained, device)
    try:
        make_room(folder / CLONE_FILE)
        done = {role: training.learn(role, follower) for role in ROLES}
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
        with replacing(folder / CURVES_FILE) as fresh:
            write_text(fresh, curves_of(histories))
        with replacing(folder / CLONE_FILE) as fresh:
            write_json(fresh, cloned.model_dump(mode="json"))
    except OSError as error:
        raise unwritable(folder, error) from error
    return cloned


def check_folder(folder: Path) -> None:
    """Raise CloneError where policies cannot be written: better before play than after it."""
    try:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise unwritable(folder, error) from error


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


@dataclass(frozen=True, eq=False)
class _Training:
    """What three policies learn from, how, and where.

    Attributes:
        sessions: those to learn from, and those held out.
        trained: facts that tell this training from others.
    """

    sessions: tuple[Sequence[Demonstration], Sequence[Demonstration]]
    settings: CloneSettings
    folder: Path
    trained: dict[str, Any]
    device: str

    def learn(self, role: Role, follower: Follower) -> tuple[ClonedPolicy, PolicyCheckpoint]:
        """One policy, learned, exported, and the checkpoint with its whole history."""
        # torch takes seconds to import, and what came of a training is read without it.
        from pipeline.play.policies.onnx_files import export_policy
        from pipeline.play.policies.training import Lesson, network_of, train_policy

        settings, folder = self.settings, self.folder / role
        train, held_out = (self._examples(role, part) for part in self.sessions)
        lesson = Lesson(role, train, held_out)
        outcome = train_policy(lesson, settings, folder, self.trained, follower, self.device)
        best = outcome.best
        sessions = self.trained["sessions"]
        export_policy(network_of(best, settings), settings.delay, self.folder, sessions)
        policy = ClonedPolicy(
            examples=len(train),
            held_out_examples=len(held_out),
            epochs=outcome.last.epoch,
            best_epoch=best.epoch,
            measures=best.history[-1]["held_out"],
        )
        return policy, outcome.last

    def _examples(self, role: Role, sessions: Sequence[Demonstration]) -> Examples:
        settings = self.settings
        return examples_of(
            role,
            sessions,
            delay=settings.delay,
            others_per_act=settings.others_per_act,
            seed=settings.seed,
        )


def _reporting(follower: Follower, report: Report) -> Follower:
    """A follower that also reports steps, with the pace of each policy."""
    began: dict[Role, float] = {}

    def on_step(role: Role, done: int, total: int) -> None:
        seconds = time.monotonic() - began.setdefault(role, time.monotonic())
        report(Progress(f"train the {role}", done, total, seconds))
        follower.on_step(role, done, total)

    return replace(follower, on_step=on_step)


def unwritable(folder: Path, error: OSError) -> CloneError:
    """What to raise where a folder of policies cannot be written to."""
    return CloneError(
        f"The policies cannot be written to {folder}: {error}",
        "Name a folder that you may write to, with a hundred megabytes left.",
    )


def _damaged(file: Path, error: Exception) -> CloneError:
    return CloneError(
        f"{file} cannot be read: {error}",
        "Name a folder of policies, or clone them again: outpost play clone.",
    )
