"""What cloned policies should reach on sessions that they have not learned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.play.policies.cloning import ClonedPolicies
from pipeline.play.policies.settings import Role


@dataclass(frozen=True)
class Target:
    """What one measure of one policy should be.

    Attributes:
        measure: as `losses.loss_of` names it.
        text: for people.
        value: a share.
        is_least: whether it should be above the value, or below it.
    """

    role: Role
    measure: str
    text: str
    value: float
    is_least: bool = True

    def is_met_by(self, value: float) -> bool:
        """Whether a share is what it should be."""
        return value > self.value if self.is_least else value < self.value

    @property
    def wanted(self) -> str:
        """For people: > 75%."""
        return f"{'>' if self.is_least else '<'} {self.value:.0%}"


TARGETS = (
    Target("strategist", "accuracy", "goal of the strategist", 0.75),
    Target("tactician", "accuracy", "target of the tactician", 0.65),
    Target(
        "executor",
        "position",
        "clicks of the executor are off by, in sides of the map",
        0.10,
        is_least=False,
    ),
    Target("executor", "click", "clicks of the executor on the same entity", 0.70),
)


def measured_targets(cloned: ClonedPolicies) -> Iterator[tuple[Target, float | None]]:
    """Every target, and what was measured; None where that was not since a correction."""
    for target in TARGETS:
        yield target, cloned.policies[target.role].measures.get(target.measure)


def missed_targets(cloned: ClonedPolicies) -> list[str]:
    """What is not as it should be, in words."""
    return [
        f"{target.text}: {value:.1%}, and should be {target.wanted}"
        for target, value in measured_targets(cloned)
        if value is not None and not target.is_met_by(value)
    ]
