"""How much is watched before and between trainings, and how fast policies follow."""

from __future__ import annotations

from pydantic import Field

from pipeline.manifests import Record


class ShadowSettings(Record):
    """How policies learn while they watch."""

    observations: int = Field(
        5000, ge=64, le=100_000, description="The latest of which each policy learns."
    )
    smallest: int = Field(256, ge=1, description="Observations before a policy begins to learn.")
    interval: float = Field(
        60.0, ge=1, le=3600, description="Seconds of play from one training to the next."
    )
    steps: int = Field(15, ge=1, le=10_000, description="Of each training.")
    batch: int = Field(64, ge=1, le=4096, description="New and as many old examples of a step.")
    learning_rate: float = Field(5e-4, gt=0, le=1, description="The highest, after the warm-up.")
    warm_up: float = Field(0.05, ge=0, le=1, description="Share of `minutes` in which it rises.")
    minutes: float = Field(
        60.0, gt=0, description="Of play, over which the rate then falls along a cosine."
    )
    replayed: float = Field(
        1.0, ge=0, description="What the loss on old play counts beside that on new play."
    )
    idle_share: float = Field(
        0.1, gt=0, le=1, description="Of the ticks in which nothing was done, those to learn from."
    )
    keep_every: int = Field(10, ge=1, description="Every so many trainings a checkpoint is kept.")
    kept: int = Field(3, ge=0, description="The latest of those; older ones are removed.")
    seed: int = Field(0, ge=0, lt=1 << 63)
