"""How a candidate plays beside the champion, and what the guard makes of it, as an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.jobs.events import EpochEvent
from pipeline.play.online.history import OnlineHistory, ReturnComparison
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

SMOOTHED = 10
"""Comparisons of which a point is the mean."""
ENDS = {"better": "kept", "worse": "rolled back", "go on": ""}


def online_curves(history: OnlineHistory) -> str:
    """Returns and the guard's evidence by comparison, test after test, as the text of an SVG.

    Where a test ends, the champion changes or the candidate goes back to it: a line stands there
    with what was decided. Evidence is the logarithm of the guard's capital, as a share of what it
    takes to decide.
    """
    comparisons = history.comparisons
    events = [
        EpochEvent(seconds=0.0, stage=stage, epoch=number, epochs=len(comparisons))
        for number, stage in enumerate(_stages(comparisons), start=1)
    ]
    champion = _smooth([one.champion for one in comparisons])
    candidate = _smooth([one.candidate for one in comparisons])
    returns = (
        Curve("champion", COLOURS[0], champion),
        Curve("candidate", COLOURS[2], candidate),
    )
    evidence = (
        Curve("worse", COLOURS[1], tuple(_share(one.worse, one.limit) for one in comparisons)),
        Curve("better", COLOURS[2], tuple(_share(one.better, one.limit) for one in comparisons)),
    )
    panels = (
        CurvePanel(
            f"return, mean of {SMOOTHED} comparisons",
            returns,
            floor=min((0.0, *champion, *candidate)),
        ),
        CurvePanel("evidence; at 1 the guard decides", evidence, ceiling=1.0),
    )
    return draw_panels(panels, events)


def _stages(comparisons: Sequence[ReturnComparison]) -> list[str]:
    """What each test began with: the start, or what the one before has decided."""
    ends = {one.test: ENDS[one.verdict] for one in comparisons if one.verdict != "go on"}
    return [f"{one.test}: {ends.get(one.test - 1, 'start')}" for one in comparisons]


def _smooth(values: Sequence[float]) -> tuple[float, ...]:
    ends = range(1, len(values) + 1)
    return tuple(float(np.mean(values[max(0, end - SMOOTHED) : end])) for end in ends)


def _share(evidence: float, limit: float) -> float:
    return min(max(evidence / limit, 0.0), 1.0)
