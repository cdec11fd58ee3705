"""What a training tells while it goes on, and the curves drawn from it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from pipeline.evaluation.metrics.intervals import Interval
from pipeline.jobs.events import EpochEvent
from pipeline.manifests import Record
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

POINTS = 200
"""On a curve, about."""
MEASURES = {
    "rollout/win_rate": "wins",
    "train/value_loss": "value_loss",
    "train/divergence": "divergence",
}
"""What is kept of what is logged."""


class TrainingPoint(Record):
    """How a training stood after some steps."""

    step: int = Field(ge=0)
    values: dict[str, float] = Field(description="By `MEASURES`; those that there were.")


class EvaluatedGames(Record):
    """Games of the policy as it was after some steps."""

    step: int = Field(ge=0)
    opponent: str
    wins: int
    draws: int
    losses: int
    win_rate: Interval = Field(description="Of the share of wins (Wilson, 95%).")

    @property
    def share(self) -> float:
        """Of wins."""
        return self.wins / (self.wins + self.draws + self.losses)


class TrainingHistory(Record):
    """All that a training has told so far."""

    points: tuple[TrainingPoint, ...] = ()
    evaluations: tuple[EvaluatedGames, ...] = ()

    @property
    def best(self) -> tuple[int, float] | None:
        """After how many steps most games were won, the earliest of equals, and their share."""
        shares = self.win_shares()
        return max(shares.items(), key=lambda one: one[1]) if shares else None

    def win_shares(self) -> dict[int, float]:
        """By step: the share of games won, of all opponents."""
        found: dict[int, list[EvaluatedGames]] = {}
        for one in self.evaluations:
            found.setdefault(one.step, []).append(one)
        return {step: sum(one.share for one in ones) / len(ones) for step, ones in found.items()}


def curves_of(history: TrainingHistory, total: int) -> str:
    """Wins and losses over steps, as the text of an SVG."""
    points, shares = history.points, history.win_shares()
    epochs = [
        EpochEvent(seconds=0.0, stage="train", epoch=max(1, one.step), epochs=max(total, one.step))
        for one in points
    ]

    def curve(name: str, colour: str) -> Curve:
        return Curve(name, colour, tuple(one.values.get(name) for one in points))

    panels = (
        CurvePanel("wins in training, and of evaluations (dashed)", (
            curve("wins", COLOURS[0]),
            Curve("evaluated", COLOURS[2], _at_points(points, shares), "3 2"),
        ), ceiling=1.0),
        CurvePanel("loss of the value; divergence", (
            curve("value_loss", COLOURS[1]), curve("divergence", COLOURS[3]),
        )),
    )  # fmt: skip
    return draw_panels(panels, epochs)


def _at_points(
    points: Sequence[TrainingPoint], shares: dict[int, float]
) -> tuple[float | None, ...]:
    """At each point, the share of the latest evaluation; None before the first."""
    steps = sorted(shares)
    latest: list[float | None] = []
    for point in points:
        before = [step for step in steps if step <= point.step]
        latest.append(shares[before[-1]] if before else None)
    return tuple(latest)
