"""How policies follow somebody's play, as an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.jobs.events import EpochEvent
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

AGREEMENTS = {"strategist": "accuracy", "tactician": "accuracy", "executor": "act"}
"""The measure that says how often a policy would have done the same."""


def shadow_curves(updates: Sequence[dict[str, Any]]) -> str:
    """Losses and agreement by training, one policy after another, as the text of an SVG.

    Args:
        updates: fields of `learner.ShadowUpdate`, of each policy in the order of its trainings.
    """
    counts = [sum(one["role"] == update["role"] for one in updates) for update in updates]
    events = [
        EpochEvent(seconds=0.0, stage=one["role"], epoch=one["training"], epochs=count)
        for one, count in zip(updates, counts, strict=True)
    ]

    def agreement(part: str) -> tuple[float | None, ...]:
        return tuple(one[part].get(AGREEMENTS[one["role"]]) for one in updates)

    losses = Curve("loss", COLOURS[0], tuple(one["loss"] for one in updates))
    shares = (
        Curve("watched", COLOURS[2], agreement("watched")),
        Curve("old play", COLOURS[1], agreement("old"), "3 2"),
    )
    panels = (
        CurvePanel("loss, new and old", (losses,)),
        CurvePanel("agreement on play held out", shares, ceiling=1.0),
    )
    return draw_panels(panels, events)
