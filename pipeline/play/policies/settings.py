"""How policies are trained: sizes, epochs, rates; defaults for much, little and hurried data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from detector_runtime.policies.networks import MOST_DELAY
from pydantic import Field

from pipeline.manifests import Record

Role = Literal["strategist", "tactician", "executor"]
Preset = Literal["standard", "small", "large", "quick", "brief"]


class RoleSettings(Record):
    """How long and how fast one policy learns."""

    epochs: int = Field(ge=1, le=10_000, description="Passes over its examples.")
    batch: int = Field(ge=1, le=65_536, description="Examples of a step.")
    learning_rate: float = Field(gt=0, le=1, description="The highest, after the warm-up.")


class CloneSettings(Record):
    """How three policies are trained."""

    strategist: RoleSettings
    tactician: RoleSettings
    executor: RoleSettings
    width: int = Field(64, ge=8, le=1024, multiple_of=4, description="Features of a layer.")
    layers: int = Field(2, ge=1, le=24)
    heads: Literal[1, 2, 4] = Field(4, description="Of attention.")
    delay: int = Field(
        0,
        ge=0,
        le=MOST_DELAY,
        description="Ticks by which what is seen is older than what is done, here and in play.",
    )
    dropped: float = Field(
        0.3, ge=0, le=1, description="Share of examples that are not told the last act."
    )
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    warm_up: float = Field(0.05, ge=0, le=1, description="Share of steps in which the rate rises.")
    others_per_act: float = Field(
        3.0, gt=0, description="Ticks in which nothing is done that the executor learns from, for "
        "each in which something is."
    )  # fmt: skip
    held_out: float = Field(0.15, gt=0, lt=1, description="Share of sessions to measure on.")
    keep_every: int = Field(5, ge=1, description="Every so many epochs a checkpoint is kept.")
    kept: int = Field(3, ge=0, description="The latest of those; older ones are removed.")
    seed: int = Field(0, ge=0, lt=1 << 63)

    def of(self, role: Role) -> RoleSettings:
        """How long one of them learns."""
        chosen: RoleSettings = getattr(self, role)
        return chosen


_PRESETS: dict[Preset, tuple[tuple[int, int, float], ...]] = {
    "standard": ((100, 32, 1e-4), (80, 64, 1e-4), (60, 128, 3e-4)),
    "small": ((150, 16, 1e-4), (120, 32, 1e-4), (100, 64, 3e-4)),
    "large": ((80, 64, 1e-4), (60, 128, 1e-4), (40, 256, 3e-4)),
    "quick": ((20, 32, 3e-4), (15, 64, 3e-4), (10, 128, 5e-4)),
    "brief": ((2, 128, 2e-3), (2, 256, 2e-3), (10, 256, 2e-3)),
}
PRESETS: Mapping[Preset, CloneSettings] = MappingProxyType(
    {
        name: CloneSettings(
            **{
                role: RoleSettings(epochs=epochs, batch=batch, learning_rate=rate)
                for role, (epochs, batch, rate) in zip(
                    ("strategist", "tactician", "executor"), rows, strict=True
                )
            }
        )
        for name, rows in _PRESETS.items()
    }
)
"""By how much data there is: `small` for less than half an hour of play, `large` for hours, `quick`
for a look, `brief` for minutes on one core. All but the last take hours."""
