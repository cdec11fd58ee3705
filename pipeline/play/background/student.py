"""One policy that learns: the weights in use, and a copy that takes the steps; loads torch.

Its checkpoints are `best` (the weights in use), `last` (the copy, to go on from) and one of every
so many trainings.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.play.policies.checkpoints import (
    BEST,
    LAST,
    PolicyCheckpoint,
    PolicyCheckpointError,
    epoch_file,
    file_of,
    prune,
    read_checkpoint,
)
from pipeline.play.policies.cloning import ROLES
from pipeline.play.policies.networks import EntityTransformer
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.settings import CloneSettings, Role
from pipeline.play.policies.training import LONGEST_STEP, PolicyTrainingError, network_of

MOST_TOLD = 5000
"""Trainings of which is told; what was told of earlier ones is forgotten."""


class Student:
    """One policy.

    Attributes:
        in_use: the network that plays.
        copy: the one that learns.
        trainings: how many there were.
        history: what was told of them, in JSON.
    """

    def __init__(
        self,
        role: Role,
        network: EntityTransformer,
        cloned: CloneSettings,
        trained: dict[str, Any],
        folder: Path,
    ) -> None:
        """Begin with a network, or go on where a folder was left.

        Args:
            trained: facts of JSON that tell what it learns from and how.
            folder: of all three policies.

        Raises:
            PolicyCheckpointError: the folder holds another training, or a damaged one.
        """
        self.role = role
        self.in_use = network
        self.copy = copy.deepcopy(network)
        self.trainings = 0
        self.history: list[dict[str, Any]] = []
        self._cloned = cloned
        self._trained = trained
        self._policies = folder
        self._folder = folder / role
        self._optimizer = self._fresh_optimizer()
        self._resume()
        if not file_of(self._folder, BEST).is_file():
            self._checkpoint(self.in_use, {}).write(file_of(self._folder, BEST))
        export_policy(self.in_use, cloned.delay, folder)

    def step(self, loss: Tensor, rate: float) -> None:
        """Let the copy go down a loss of its answers."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.copy.parameters(), LONGEST_STEP)
        self._optimizer.step()

    def tell(self, update: dict[str, Any]) -> None:
        """A training has ended.

        Raises:
            PolicyTrainingError: the copy's weights have become no numbers; nothing of them is
                written.
        """
        if not all(torch.isfinite(weight).all() for weight in self.copy.parameters()):
            raise PolicyTrainingError(
                f"The weights of the {self.role} have become no numbers.",
                "Begin in another folder, with a lower learning rate.",
            )
        self.trainings += 1
        self.history = [*self.history, update][-MOST_TOLD:]

    def take(self) -> None:
        """The copy's weights are in use from now on: written as ONNX and as `best`."""
        self.in_use = copy.deepcopy(self.copy)
        export_policy(self.in_use, self._cloned.delay, self._policies)
        self._checkpoint(self.in_use, {}).write(file_of(self._folder, BEST))

    def restore(self) -> None:
        """The copy is as the weights in use again, and what its optimizer knew is forgotten."""
        self.copy = copy.deepcopy(self.in_use)
        self._optimizer = self._fresh_optimizer()

    def keep_copy(self, keep_every: int, kept: int) -> None:
        """After a training: write one of every so many."""
        number = self.trainings
        if number % keep_every == 0:
            self._checkpoint(self.copy, {}).write(epoch_file(self._folder, number))
            prune(self._folder, kept)

    def write_copy(self) -> None:
        """Write the last one, which is gone on from."""
        moments = {
            f"{index}.{name}": value
            for index, state in self._optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        self._checkpoint(self.copy, moments).write(file_of(self._folder, LAST))

    def _fresh_optimizer(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self.copy.parameters(), weight_decay=self._cloned.weight_decay)

    def _checkpoint(self, network: EntityTransformer, moments: dict[str, Any]) -> PolicyCheckpoint:
        history, weights = tuple(self.history), dict(network.state_dict())
        return PolicyCheckpoint(self.role, self.trainings, self._trained, history, weights, moments)

    def _resume(self) -> None:
        if not file_of(self._folder, LAST).is_file():
            return
        saved = read_checkpoint(file_of(self._folder, LAST), self.role)
        if saved.trained != self._trained:
            raise PolicyCheckpointError(
                f"{self._folder} holds a {self.role} that has learned otherwise, or was another "
                "before.",
                "Name another folder, or remove this one.",
            )
        self.copy = network_of(saved, self._cloned)
        self._optimizer = self._fresh_optimizer()
        state: dict[int, dict[str, Any]] = {}
        for key, value in saved.moments.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.trainings, self.history = saved.epoch, list(saved.history)
        if file_of(self._folder, BEST).is_file():
            best = read_checkpoint(file_of(self._folder, BEST), self.role)
            self.in_use = network_of(best, self._cloned)


def digest_of_policies(policies: Path) -> str:
    """Of the weights of a folder of policies.

    Raises:
        PolicyCheckpointError: one is absent.
    """
    whole = hashlib.sha256()
    for role in ROLES:
        file = file_of(policies / role, BEST)
        try:
            whole.update(file.read_bytes())
        except OSError as error:
            raise PolicyCheckpointError(
                f"The checkpoint {file} cannot be read: {error}",
                "Name the folder that the policies were cloned into: it holds their checkpoints.",
            ) from error
    return whole.hexdigest()
