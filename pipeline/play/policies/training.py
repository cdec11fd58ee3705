"""One policy learns: AdamW, warm-up and cosine, a checkpoint after each epoch; loads torch.

An epoch depends on its number, the settings and the checkpoint before it alone: a training that
was interrupted goes on to the same bytes, on the same machine with as many threads.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.errors import OutpostError
from pipeline.play.policies.checkpoints import (
    BEST,
    DAMAGED,
    LAST,
    OTHER_NETWORK,
    PolicyCheckpoint,
    PolicyCheckpointError,
    epoch_file,
    file_of,
    prune,
    read_checkpoint,
)
from pipeline.play.policies.examples import Examples
from pipeline.play.policies.following import Follower
from pipeline.play.policies.losses import loss_of
from pipeline.play.policies.networks import EntityTransformer, build_network
from pipeline.play.policies.settings import CloneSettings, Role

LAST_RATE = 0.01
"""Of the learning rate, at the end of the cosine."""
LONGEST_STEP = 1.0
"""Norm of the gradient that is not exceeded."""
MOMENTS_OF_ADAM = ("exp_avg", "exp_avg_sq", "step")
MEASURED_AT_ONCE = 512

OnStep = Callable[[int, int], None]
"""Is told how many steps of a training are done, and of how many."""


class PolicyTrainingError(OutpostError):
    """A training that does not learn."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one policy learns from, and what it is measured on."""

    role: Role
    train: Examples
    held_out: Examples


@dataclass(frozen=True, eq=False)
class TrainedPolicy:
    """The epoch that is best on held-out sessions, and the last one."""

    best: PolicyCheckpoint
    last: PolicyCheckpoint


def device_of_host() -> str:
    """Where policies learn: on the GPU that torch sees, else on the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def train_policy(
    lesson: Lesson,
    settings: CloneSettings,
    folder: Path,
    trained: dict[str, Any],
    follower: Follower,
    device: str = "cpu",
) -> TrainedPolicy:
    """Learn, or go on learning.

    Args:
        folder: of its checkpoints.
        trained: facts of JSON that tell this training from others.
        follower: told of steps and epochs, also of those done earlier.
        device: of torch.

    Raises:
        PolicyCheckpointError: the folder holds another training, or a damaged one.
        PolicyTrainingError: the loss has become no number.
    """
    learner = _Learner.start(lesson, settings, device)
    role, epochs = lesson.role, settings.of(lesson.role).epochs
    history = _resumed(learner, folder, trained)
    follower.on_step(role, learner.steps * len(history), learner.steps * epochs)
    for entry in history:
        follower.tell(role, entry, epochs, None)
    for epoch in range(len(history), epochs):
        if history and follower.is_asked_to_stop():
            break
        began = time.monotonic()
        means, rate = learner.learn(epoch, follower)
        measured = measure(role, learner.network, lesson.held_out)
        if not math.isfinite(means["loss"] + measured["loss"]):
            raise PolicyTrainingError(
                f"The loss of the {role} is no number in epoch {epoch + 1}.",
                "Lower its learning rate or choose another preset, and train in another folder.",
            )
        history.append({"epoch": epoch + 1, "train": means, "held_out": measured, "rate": rate})
        weights, moments = dict(learner.network.state_dict()), _moments(learner.optimizer)
        done = PolicyCheckpoint(role, epoch + 1, trained, tuple(history), weights, moments)
        _keep(done, settings, folder)
        follower.tell(role, history[-1], epochs, time.monotonic() - began)
    return TrainedPolicy(
        read_checkpoint(file_of(folder, BEST), role), read_checkpoint(file_of(folder, LAST), role)
    )


@dataclass(frozen=True, eq=False)
class _Learner:
    """A network that learns, with all that an epoch of it takes.

    Attributes:
        steps: of an epoch.
    """

    lesson: Lesson
    settings: CloneSettings
    network: EntityTransformer
    optimizer: torch.optim.Optimizer
    steps: int

    @classmethod
    def start(cls, lesson: Lesson, settings: CloneSettings, device: str) -> _Learner:
        """With fresh weights."""
        role = settings.of(lesson.role)
        network = build_network(lesson.role, settings).to(device)
        optimizer = torch.optim.AdamW(
            network.parameters(), role.learning_rate, weight_decay=settings.weight_decay
        )
        steps = math.ceil(len(lesson.train) / role.batch)
        return cls(lesson, settings, network, optimizer, steps)

    def learn(self, epoch: int, follower: Follower) -> tuple[dict[str, float], float]:
        """All steps of an epoch, counted from 0: means over its examples, and the last rate."""
        lesson, settings = self.lesson, self.settings
        role = settings.of(lesson.role)
        total, rate, sums = self.steps * role.epochs, 0.0, _Sums()
        batches = _batches(lesson.train, role.batch, settings, epoch)
        for step, (batch, dropped) in enumerate(batches, start=epoch * self.steps + 1):
            rate = role.learning_rate * rate_at(step, total, settings.warm_up)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad()
            smoothing = settings.label_smoothing
            loss, measures = loss_of(lesson.role, self.network, batch, dropped, smoothing)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_STEP)
            self.optimizer.step()
            sums.add(float(loss.detach()), len(batch), measures)
            follower.on_step(lesson.role, step, total)
        return sums.means(), rate


def measure(role: Role, network: EntityTransformer, held_out: Examples) -> dict[str, float]:
    """Loss, without smoothing, and measures as `losses.loss_of` names them, all acts told."""
    sums = _Sums()
    network.eval()
    with torch.no_grad():
        for start in range(0, len(held_out), MEASURED_AT_ONCE):
            batch = held_out.rows(slice(start, start + MEASURED_AT_ONCE))
            loss, measures = loss_of(role, network, batch, np.zeros(len(batch), bool), 0.0)
            sums.add(float(loss), len(batch), measures)
    network.train()
    return sums.means()


def rate_at(step: int, total: int, warm_up: float) -> float:
    """The share of the learning rate in a step, of 1 to `total`: up a line, down a cosine."""
    rising = max(1, round(warm_up * total))
    if step <= rising:
        return step / rising
    done = (step - rising) / max(1, total - rising)
    return LAST_RATE + (1 - LAST_RATE) * (0.5 + 0.5 * math.cos(math.pi * done))


def network_of(checkpoint: PolicyCheckpoint, settings: CloneSettings) -> EntityTransformer:
    """The network of a checkpoint, to be asked.

    Raises:
        PolicyCheckpointError: its weights are of another network.
    """
    network = build_network(checkpoint.role, settings)
    _load(network, checkpoint)
    network.eval()
    return network


class _Sums:
    """Means over the examples of an epoch."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def add(self, loss: float, count: int, measures: dict[str, tuple[float, float]]) -> None:
        for name, (value, examples) in {"loss": (loss * count, count), **measures}.items():
            self._sums[name] += value  # type: ignore[assignment]
            self._counts[name] += examples  # type: ignore[assignment]

    def means(self) -> dict[str, float]:
        return {
            name: round(self._sums[name] / self._counts[name], 6)
            for name in sorted(self._sums)
            if self._counts[name] > 0
        }


def _batches(examples: Examples, size: int, settings: CloneSettings, epoch: int) -> Any:
    """All examples once, in an order of this epoch's own, with those that lack the last act."""
    rng = np.random.default_rng([settings.seed, epoch])
    order = rng.permutation(len(examples))
    for start in range(0, len(order), size):
        chosen = np.sort(order[start : start + size])
        yield examples.rows(chosen), rng.random(len(chosen)) < settings.dropped


def _keep(checkpoint: PolicyCheckpoint, settings: CloneSettings, folder: Path) -> None:
    """Write the best and one of every n-th epoch, then the last: it is the one to go on from."""
    history = checkpoint.history
    playing = PolicyCheckpoint(
        checkpoint.role, checkpoint.epoch, checkpoint.trained, history, checkpoint.network, {}
    )
    losses = [epoch["held_out"]["loss"] for epoch in history]
    if losses[-1] == min(losses) and losses.count(losses[-1]) == 1:
        playing.write(file_of(folder, BEST))
    if checkpoint.epoch % settings.keep_every == 0:
        playing.write(epoch_file(folder, checkpoint.epoch))
        prune(folder, settings.kept)
    checkpoint.write(file_of(folder, LAST))


def _resumed(learner: _Learner, folder: Path, trained: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a learner where an earlier start left it; its history, empty without one."""
    file, role = file_of(folder, LAST), learner.lesson.role
    if not file.is_file():
        return []
    saved = read_checkpoint(file, role)
    if saved.trained != trained:
        raise PolicyCheckpointError(
            f"{folder} holds a {role} that was trained otherwise, or on other sessions.",
            "Name another folder, or remove this one.",
        )
    _load(learner.network, saved)
    try:
        for number, weight in enumerate(_weights(learner.optimizer)):
            moments = {name: saved.moments[f"{number}.{name}"] for name in MOMENTS_OF_ADAM}
            # AdamW wants its count of steps on the processor.
            learner.optimizer.state[weight] = {
                name: value if name == "step" else value.to(weight.device)
                for name, value in moments.items()
            }
    except KeyError as error:
        raise PolicyCheckpointError(
            f"{file} is no checkpoint to go on from: it has no moments of the optimizer.", DAMAGED
        ) from error
    return list(saved.history)


def _weights(optimizer: torch.optim.Optimizer) -> list[Any]:
    """All weights of an optimizer, in its order."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {
        f"{number}.{name}": optimizer.state[weight][name]
        for number, weight in enumerate(_weights(optimizer))
        for name in MOMENTS_OF_ADAM
    }


def _load(network: EntityTransformer, saved: PolicyCheckpoint) -> None:
    try:
        network.load_state_dict(saved.network)
    except RuntimeError as error:
        raise PolicyCheckpointError(
            f"The weights of the {saved.role} are of another network than this version trains, "
            "such as one with other features.",
            OTHER_NETWORK,
        ) from error
