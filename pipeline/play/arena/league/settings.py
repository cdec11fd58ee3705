"""How a league is played."""

from __future__ import annotations

from pydantic import Field

from pipeline.manifests import Record, digest_of
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.simulator.scripted import SKILLS


class LeagueSettings(Record):
    """What is trained in a round, and what is played after it."""

    rounds: int = Field(4, ge=1, le=1000, description="Of training.")
    round_steps: int = Field(
        500_000, ge=1, description="Of a round, of all games together; whole rollouts are made."
    )
    response_steps: int = Field(
        500_000, ge=1, description="For which somebody is trained against each policy."
    )
    games: int = Field(200, ge=2, description="Of every two players, half of them from each side.")
    response_games: int = Field(
        400, ge=2, description="Of who was trained against a policy, against it."
    )
    responses_join: bool = Field(
        True, description="Later rounds meet those who were trained against earlier ones."
    )
    training: PolicyTrainingConfig = Field(
        PolicyTrainingConfig(),
        description="How a policy is trained. Its opponents stay the same over all rounds, and "
        "those of them by script are rated, too.",
    )

    @property
    def scripted(self) -> tuple[str, ...]:
        """Players by script that are rated beside the policies."""
        return tuple(dict.fromkeys(one for one in self.training.rivals if one in SKILLS))

    @property
    def digest(self) -> str:
        """Of all that changes what a round comes to."""
        own = self.model_dump(mode="json", exclude={"rounds", "training"})
        return digest_of({**own, "training": self.training.digest})[:16]
