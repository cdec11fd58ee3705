"""Policies that learn from what is watched, each on a copy of the one in use; loads torch.

A folder of shadow learning is a folder of policies (`pipeline.play.policies.cloning`) with the
weights in use, and `shadow.json`. What is learned of given ticks is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json, write_text
from pipeline.manifests import Record
from pipeline.play.background.student import Student, digest_of_policies
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.checkpoints import BEST, file_of, read_checkpoint
from pipeline.play.policies.cloning import (
    CLONE_FILE,
    CURVES_FILE,
    ROLES,
    ClonedPolicies,
    unwritable,
)
from pipeline.play.policies.examples import Examples, latest
from pipeline.play.policies.hindsight import with_goals
from pipeline.play.policies.losses import loss_of
from pipeline.play.policies.networks import EntityTransformer
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.policies.training import measure, network_of, rate_at
from pipeline.play.shadow.curves import shadow_curves
from pipeline.play.shadow.moments import PlaySoFar, Tick, WatchedPart, examples_in
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.simulator.rules import TICKS_A_SECOND

HISTORY_FILE = "shadow.json"
MEASURED_ON = 500
"""The latest examples held out of what is watched, and the most of old play."""


class ShadowFolderError(OutpostError):
    """A folder of policies that cannot be gone on with."""


class ShadowUpdate(Record):
    """How one policy has learned in one training."""

    role: Role
    training: int = Field(ge=1, description="Its number.")
    minutes: float = Field(description="Of play watched so far.")
    observations: int = Field(description="That it could learn from.")
    rate: float
    loss: float = Field(description="On what it learned from, new and old.")
    watched: dict[str, float] = Field(
        description="Measures on what was watched and held out; empty at first."
    )
    old: dict[str, float] = Field(description="Measures on old play that is held out.")
    is_better: bool = Field(description="Than the weights in use, which it then replaces.")


class Learner:
    """Watches ticks, and trains when enough have come."""

    def __init__(
        self, students: Sequence[RoleLearner], settings: ShadowSettings, ticks: int, folder: Path
    ) -> None:
        self._students = students
        self._settings = settings
        self._play = PlaySoFar()
        self._ticks = ticks
        self._folder = folder

    @classmethod
    def start(
        cls, policies: Path, old: Sequence[Demonstration], settings: ShadowSettings, folder: Path
    ) -> Learner:
        """Take policies from a folder, or go on where that was interrupted.

        Args:
            policies: as `cloning.clone` has filled it.
            old: at least two sessions of the play they were cloned from; one of four is held out.
            folder: of what comes of it.

        Raises:
            PolicyCheckpointError: a checkpoint is damaged.
            CloneError: the policies do not say how they were made, or the folder cannot be written
                to.
            ShadowFolderError: there is no old play.
        """
        cloned = ClonedPolicies.read(policies)
        if len(old) < 2:
            raise ShadowFolderError(
                f"{len(old)} sessions of old play are too few to forget nothing of it.",
                "Give at least two of those that the policies were cloned from.",
            )
        held_out, shown = -(-len(old) // 4), [with_goals(one) for one in old]
        halves = (shown[held_out:], shown[:held_out])
        facts = {
            "shadow": settings.model_dump(mode="json"),
            "policies": digest_of_policies(policies),
        }
        counts = (settings.observations, MEASURED_ON)
        try:
            students = []
            for role in ROLES:
                saved = read_checkpoint(file_of(policies / role, BEST), role)
                network = network_of(saved, cloned.settings)
                kept = [
                    _spread(_replayed(role, part, settings, cloned.settings), count)
                    for part, count in zip(halves, counts, strict=True)
                ]
                learned = (settings, cloned.settings, facts)
                students.append(RoleLearner(role, network, learned, kept, folder))
            with replacing(folder / CLONE_FILE) as fresh:
                write_json(fresh, cloned.model_dump(mode="json"))
        except OSError as error:
            raise unwritable(folder, error) from error
        minutes = max((one.history[-1].minutes for one in students if one.history), default=0.0)
        return cls(students, settings, round(minutes * 60 * TICKS_A_SECOND), folder)

    def watch(self, tick: Tick) -> list[ShadowUpdate]:
        """Take a tick; the trainings that were due then.

        Raises:
            WatchingError: it is of another game.
            PolicyTrainingError: weights have become no numbers.
            CloneError: the folder cannot be written to.
        """
        self._play.add(tick)
        self._ticks += 1
        if self._ticks % round(self._settings.interval * TICKS_A_SECOND):
            return []
        parts = self._play.take()
        minutes = self._ticks / TICKS_A_SECOND / 60
        try:
            trained = [one.train(parts, minutes) for one in self._students]
            updates = [update for update in trained if update is not None]
            if updates:
                self._write_curves()
        except OSError as error:
            raise unwritable(self._folder, error) from error
        return updates

    def _write_curves(self) -> None:
        histories = {one.role: one.history for one in self._students}
        with replacing(self._folder / HISTORY_FILE) as fresh:
            write_json(
                fresh, {role: [u.model_dump() for u in those] for role, those in histories.items()}
            )
        rows = [u.model_dump() for those in histories.values() for u in those]
        with replacing(self._folder / CURVES_FILE) as fresh:
            write_text(fresh, shadow_curves(rows))


class RoleLearner:
    """One policy: the weights in use, and the copy that learns.

    Attributes:
        history: its trainings so far.
    """

    def __init__(
        self,
        role: Role,
        network: EntityTransformer,
        facts: tuple[ShadowSettings, CloneSettings, dict[str, Any]],
        old: Sequence[Examples],
        folder: Path,
    ) -> None:
        self.role = role
        self._settings, self._cloned, trained = facts
        self._old, self._old_held_out = old
        self._learned: list[Examples] = []
        self._held_out: list[Examples] = []
        self._student = Student(role, network, self._cloned, trained, folder)
        self.history = [ShadowUpdate.model_validate(entry) for entry in self._student.history]

    def train(self, parts: Sequence[WatchedPart], minutes: float) -> ShadowUpdate | None:
        """Learn from what is new, what is left of what came before, and old play."""
        self._learned = self._with(self._learned, parts, self._settings.observations, False)
        self._held_out = self._with(self._held_out, parts, MEASURED_ON, True)
        observations = sum(map(len, self._learned))
        if observations < self._settings.smallest:
            return None
        number = self._student.trainings + 1
        loss, rate = self._step_through(self._learned[0], number)
        watched, old = self._measured(self._student.copy)
        is_better = _score(watched, old) <= _score(*self._measured(self._student.in_use))
        update = ShadowUpdate(
            role=self.role,
            training=number,
            minutes=round(minutes, 6),
            observations=observations,
            rate=rate,
            loss=loss,
            watched=watched,
            old=old,
            is_better=is_better,
        )
        self.history.append(update)
        self._student.tell(update.model_dump())
        if is_better:
            self._student.take()
        self._student.keep_copy(self._settings.keep_every, self._settings.kept)
        self._student.write_copy()
        return update

    def _with(
        self, before: list[Examples], parts: Sequence[WatchedPart], count: int, held_out: bool
    ) -> list[Examples]:
        """The latest examples, as one, or none."""
        new = [
            examples_in(self.role, part, self._settings, self._cloned, held_out=held_out)
            for part in parts
        ]
        every = [one for one in (*before, *new) if len(one)]
        return [latest(every, count)] if every else []

    def _step_through(self, learned: Examples, number: int) -> tuple[float, float]:
        """Take the steps of a training; the mean loss and the last rate."""
        settings = self._settings
        total = max(1, round(settings.minutes * 60 / settings.interval)) * settings.steps
        rng = np.random.default_rng([settings.seed, number])
        losses, rate = [], 0.0
        self._student.copy.train()
        for step in range((number - 1) * settings.steps + 1, number * settings.steps + 1):
            rate = settings.learning_rate * rate_at(min(step, total), total, settings.warm_up)
            loss = self._loss(learned, rng) + settings.replayed * self._loss(self._old, rng)
            self._student.step(loss, rate)
            losses.append(float(loss.detach()))
        return round(float(np.mean(losses)), 6), rate

    def _loss(self, examples: Examples, rng: np.random.Generator) -> torch.Tensor:
        chosen = np.sort(rng.integers(0, len(examples), self._settings.batch))
        dropped = rng.random(len(chosen)) < self._cloned.dropped
        batch, smoothing = examples.rows(chosen), self._cloned.label_smoothing
        loss, _measures = loss_of(self.role, self._student.copy, batch, dropped, smoothing)
        return loss

    def _measured(self, network: EntityTransformer) -> tuple[dict[str, float], dict[str, float]]:
        watched = measure(self.role, network, self._held_out[0]) if self._held_out else {}
        return watched, measure(self.role, network, self._old_held_out)


def read_history(folder: Path) -> dict[Role, list[ShadowUpdate]]:
    """The trainings in a folder of shadow learning; empty where there were none.

    Raises:
        ShadowFolderError: the file is damaged.
    """
    file = folder / HISTORY_FILE
    return read_json(file, dict[Role, list[ShadowUpdate]], _damaged) if file.is_file() else {}


def _replayed(
    role: Role, old: Sequence[Demonstration], settings: ShadowSettings, cloned: CloneSettings
) -> Examples:
    """Examples of old play."""
    parts = [WatchedPart(shown, 0, len(shown)) for shown in old]
    every = [
        examples_in(role, part, settings, cloned, held_out=held_out)
        for part in parts
        for held_out in (False, True)
    ]
    some = [one for one in every if len(one)]
    if not some:
        raise ShadowFolderError(
            f"The old play shows nothing that a {role} could keep in mind.",
            "Give sessions in which somebody plays: right clicks and keys.",
        )
    return latest(some, sum(map(len, some)))


def _spread(examples: Examples, most: int) -> Examples:
    """No more than so many of them, from all of the sessions."""
    return examples.rows(slice(None, None, -(-len(examples) // most)))


def _score(watched: dict[str, float], old: dict[str, float]) -> float:
    """What is to be small."""
    return old["loss"] + watched.get("loss", 0.0)


def _damaged(file: Path, error: Exception) -> ShadowFolderError:
    return ShadowFolderError(
        f"{file} cannot be read: {error}", "Remove the folder, and let the policies watch again."
    )
