"""A policy that has learned, as whoever lets it play needs it; its files. Loads torch.

A file is a snapshot (`opponents.snapshots`): plain tensors, and facts as JSON in its header.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.files import replacing
from pipeline.play.arena.learner.features import Features, features_of
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.network import ChoiceNetwork, drawn_choices, network_of, tensors_of
from pipeline.play.arena.matches.models import ModelError
from pipeline.play.arena.opponents.snapshots import PolicySnapshot, SnapshotError, read_snapshot
from pipeline.play.simulator.environments.episodes import to_choice

KIND = "choice_network"
"""What snapshots of these policies say that they are."""
OTHERS = ":"
"""In names of tensors that are no weights, but what going on with a training takes."""


class LearnedModel:
    """A learned policy, as `matches.models.Model` and `rivals.Chooser` ask for it."""

    def __init__(self, network: ChoiceNetwork, seed: int = 0) -> None:
        """
        Args:
            seed: of what is drawn where it does not do what it deems best.
        """
        self.network = network.eval()
        self._draws = np.random.default_rng(seed)

    def predict(
        self, observation: Mapping[str, npt.NDArray[Any]], *, deterministic: bool = True
    ) -> tuple[npt.NDArray[np.int64], None]:
        """Actions of the environments' space, int64 [games, 5]; as `matches.models.Model`.

        Raises:
            ModelError: the games are of teams, in whose entities it would see others.
        """
        layout = layout_of(0)
        if observation["entities"].shape[1] != len(layout.slots):
            raise ModelError(
                "A policy that has learned one against one does not play for a team.",
                "Play one against one, or let a model that has learned in teams play.",
            )
        entities = np.ascontiguousarray(observation["entities"], np.int32)
        status = np.ascontiguousarray(observation["status"], np.int32)
        features = features_of(entities, status, layout)
        if deterministic:
            chosen = self.best(features)
        else:
            chosen = self.choose(features, self._draws.random(len(features)))
        return to_choice(layout.actions[chosen]), None

    def best(self, features: Features) -> npt.NDArray[np.int64]:
        """The likeliest choices, int64 [n]."""
        with torch.no_grad():
            chances = self.network.chances(torch.from_numpy(features))
        return np.asarray(chances.argmax(dim=1).numpy())

    def choose(self, features: Features, draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Choices by their chances, int64 [n]."""
        with torch.no_grad():
            chances = self.network.chances(torch.from_numpy(features))
            drawn = torch.from_numpy(draws.astype(np.float32))
            return np.asarray(drawn_choices(chances, drawn).numpy())


def snapshot_of(network: ChoiceNetwork) -> PolicySnapshot:
    """A network as a snapshot, changed by nobody else."""
    tensors = {name: value.copy() for name, value in tensors_of(network).items()}
    return PolicySnapshot(KIND, tensors, {"width": network.width})


def model_of(snapshot: PolicySnapshot) -> LearnedModel:
    """The policy of a snapshot.

    Raises:
        SnapshotError: it is of another kind of policy.
    """
    weights = {name: value for name, value in snapshot.tensors.items() if OTHERS not in name}
    try:
        if snapshot.policy != KIND:
            raise RuntimeError(f"it is a '{snapshot.policy}'")
        return LearnedModel(network_of(weights, int(snapshot.settings["width"])))
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"The snapshot is of no policy that this version plays: {error}",
            "Train the policy again: outpost play train.",
        ) from error


def save_model(network: ChoiceNetwork, file: Path) -> None:
    """Write a policy, whole.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(file) as fresh:
        fresh.write_bytes(snapshot_of(network).to_bytes())


def load_model(file: Path) -> LearnedModel:
    """Read a policy, or a checkpoint of one.

    Raises:
        SnapshotError: it cannot be read, or is of something else.
    """
    return model_of(read_snapshot(file))
