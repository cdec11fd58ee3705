"""Who looks at what a strategist chose, and corrects it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import Field

from pipeline.manifests import Record
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

    def correct(
        self, state: State, action: GoalName, frame: bytes | None = None, /
    ) -> Objection | None:
        """What should have been chosen, or None where the choice is right or nobody knows.

        Args:
            frame: what the player saw, a JPEG, where frames are drawn (`CorrectedPlay.frames`).
        """
        ...


class AnswerCounts(Record):
    """What has come of asking a model."""

    model: str
    requests: int = Field(description="Sent in this run.")
    remembered: int = Field(description="Questions of this run that were answered before.")
    objections: int = Field(description="Another goal is right.")
    agreements: int = Field(description="The chosen one is right.")
    unusable: dict[str, int] = Field(
        description="Answers that nothing can be learned from, by what is wrong with them."
    )
    unasked: int = Field(description="Questions for which there was no budget left.")
    question_tokens: int = Field(description="Of the questions of this run.")
    answer_tokens: int = Field(description="Of their answers.")

    @property
    def questions(self) -> int:
        """All that came up, asked or not."""
        useful = self.objections + self.agreements
        return useful + sum(self.unusable.values()) + self.unasked


@runtime_checkable
class CountingCorrector(Corrector, Protocol):
    """One that says what has come of its questions."""

    @property
    def counts(self) -> AnswerCounts:
        """So far."""
        ...


class RuleCorrector:
    """Knows two rules of the built-in game, and nothing else.

    Who is hurt flees from an enemy that is near; who is outnumbered does not fight, but is
    cautious.
    """

    def correct(
        self, state: State, action: GoalName, _frame: bytes | None = None
    ) -> Objection | None:
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
