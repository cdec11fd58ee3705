"""How often policies would have done what somebody did, in play that they have not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from pipeline.files import read_json
from pipeline.manifests import Record
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.checkpoints import BEST, file_of, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies
from pipeline.play.policies.examples import examples_of
from pipeline.play.policies.settings import Role
from pipeline.play.policies.training import measure, network_of
from pipeline.play.shadow.learner import damaged_folder


class Agreement(Record):
    """Shares of moments in which policies would do what was done."""

    act: float = Field(description="Of moments with an act: the same kind, and entity or key.")
    target: float = Field(description="The same target, or none.")
    goal: float | None = Field(description="None where no goal is stated.")


def agreement(policies: Path, shown: Sequence[Demonstration]) -> Agreement:
    """Compare policies with play.

    Args:
        policies: as `cloning.clone` or shadow learning has filled it.
        shown: sessions; of no use when the policies have learned from them.

    Raises:
        PolicyCheckpointError, ShadowFolderError: the folder is damaged.
        ExamplesError: nothing is shown.
    """
    cloned = read_json(policies / "clone.json", ClonedPolicies, damaged_folder)
    settings = cloned.settings

    def measured(role: Role, name: str) -> float:
        network = network_of(read_checkpoint(file_of(policies / role, BEST), role), settings)
        # What is waited for is measured by no share, so that one waiting moment an act is enough.
        examples = examples_of(
            role, shown, delay=settings.delay, others_per_act=1.0, seed=settings.seed
        )
        return measure(role, network, examples)[name]

    has_goals = any((one.goals >= 0).any() for one in shown)
    return Agreement(
        act=measured("executor", "act"),
        target=measured("tactician", "accuracy"),
        goal=measured("strategist", "accuracy") if has_goals else None,
    )
