"""What a policy begins as: a copy of cloned policies, or one that has learned. Loads torch."""

from __future__ import annotations

from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.arena.learner.distillation import Distilled, distil
from pipeline.play.arena.learner.model import load_model
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.progress import Report
from pipeline.training.library.config import TrainingConfigError


def start_of(
    config: PolicyTrainingConfig, place: Path, report: Report
) -> tuple[ChoiceNetwork, Distilled | None]:
    """A policy to begin with, and how good a copy it is where it is one.

    Args:
        place: folder of cloned policies, or the file of a policy.

    Raises:
        TrainingConfigError: the policy has layers of another width.
        ModelLoadError, SnapshotError: it cannot be opened.
        DistillationError: the cloned policies do nothing that can be learned.
    """
    if place.is_dir():
        networks = PolicyNetworks.load(place)
        return distil(networks, config.distillation, config.width, report)
    network = load_model(place).network
    if network.width != config.width:
        raise TrainingConfigError(
            f"The policy in {place} has layers of {network.width}, and this training has "
            f"layers of {config.width}.",
            f"Train with width={network.width}, or begin with another policy.",
        )
    return network, None
