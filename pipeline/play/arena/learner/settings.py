"""How large a learner is, and how it is taught to begin with; loads no torch."""

from __future__ import annotations

from pydantic import Field

from pipeline.manifests import Record

WIDTH = 128


class DistillationSettings(Record):
    """How a learner is taught what cloned policies do."""

    games: int = Field(
        240, ge=10, le=100_000, description="Of the cloned policies; each tenth is measured on."
    )
    opponents: tuple[str, ...] = Field(
        ("scripted_l2", "scripted_l3", "scripted_l4", "scripted_l5"),
        min_length=1,
        description="Whom they play against, by turns.",
    )
    epochs: int = Field(6, ge=1, le=1000, description="Passes over what they did.")
    batch: int = Field(512, ge=1, description="Choices of a step.")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    value_weight: float = Field(0.1, ge=0, description="Of what is still to be gained.")
    gamma: float = Field(0.998, gt=0, le=1, description="By which later rewards count less.")
    seed: int = Field(100_000, ge=0, lt=1 << 62, description="Of the first game.")
