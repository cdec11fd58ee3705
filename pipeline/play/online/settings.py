"""What policies learn of their own play, how fast, and what ends it."""

from __future__ import annotations

from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.policies.settings import Role


class OutcomeValues(Record):
    """What outcomes are worth, in units of a game's return; a hundred points of score are one.

    A kill or death has the worth of whom it befell, less what the hit points lost before have
    counted: all of it together is the worth once.
    """

    struck: float = Field(1.0, description="Of an enemy's worth, for hit points and kills.")
    lost: float = Field(1.0, description="Of one's own worth, for hit points and deaths.")
    loot: float = Field(1.0, description="Of what is taken.")
    miss: float = Field(0.02, description="What a miss costs.")


class OnlineSettings(Record):
    """How policies learn from their own play."""

    roles: tuple[Role, ...] = Field(
        ("strategist", "tactician", "executor"), min_length=1, description="Those that learn."
    )
    observations: int = Field(
        2000, ge=64, le=100_000, description="The latest of which each policy learns."
    )
    smallest: int = Field(256, ge=2, description="Observations before a policy begins to learn.")
    games: int = Field(16, ge=1, le=10_000, description="From one training to the next.")
    steps: int = Field(20, ge=1, le=10_000, description="Of each training.")
    batch: int = Field(64, ge=1, le=4096, description="Observations of a step.")
    learning_rate: float = Field(5e-4, gt=0, le=1, description="Halved with every rollback.")
    temperature: float = Field(
        1.0, gt=0, description="Standard deviations of the advantage that count e times as much."
    )
    most_weight: float = Field(20.0, ge=1, description="That one observation may count.")
    kl_weight: float = Field(1.0, ge=0, description="Of staying near the champion.")
    half_life: float = Field(
        8.0, gt=0, description="Seconds after which an outcome counts half for what was done."
    )
    idle_share: float = Field(
        0.03, gt=0, le=1, description="Of the ticks in which nothing was done, those to learn from."
    )
    values: OutcomeValues = OutcomeValues()
    error: float = Field(
        0.05, gt=0, lt=1, description="Chance that any policy that is no worse is rolled back, "
        "and that any that is no better is kept; each."
    )  # fmt: skip
    bound: float = Field(
        6.0, gt=0, description="Of a difference of returns; a larger one counts as so much."
    )
    keep_every: int = Field(10, ge=1, description="Every so many trainings a checkpoint is kept.")
    kept: int = Field(3, ge=0, description="The latest of those; older ones are removed.")
    seed: int = Field(0, ge=0, lt=1 << 63)
