"""Who looks at what a strategist chose, and corrects it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pipeline.play.corrections.lines import GoalName, State, moments_of
from pipeline.play.corrections.situations import situations_of


@dataclass(frozen=True)
class Objection:
    """A better goal, why, and how sure it is, 0 to 1."""

    correction: GoalName
    reason: str
    confidence: float


@runtime_checkable
class Corrector(Protocol):
    """Somebody who knows better, such as a model that writes corrections."""

    def correct(self, state: State, action: GoalName) -> Objection | None:
        """What should have been chosen, or None where the choice is right or nobody knows."""
        ...


class RuleCorrector:
    """Knows two rules of the built-in game, and nothing else.

    Who is hurt flees from an enemy that is near; who is outnumbered does not fight, but is
    cautious.
    """

    def correct(self, state: State, action: GoalName) -> Objection | None:
        """Object to FIGHT alone."""
        if action != "FIGHT":
            return None
        found = situations_of(moments_of([state], [action]))
        if found.hurt[0]:
            return Objection(
                "FLEE", f"{found.hurt[0]} units are nearly dead, with enemies near them.", 0.95
            )
        if found.outnumbered[0]:
            return Objection(
                "CAUTIOUS",
                f"{found.strength[0]} hit points of soldiers meet {found.enemies[0]}.",
                0.9,
            )
        return None
