"""What a training tells, and the curves drawn from it."""

from __future__ import annotations

import re

import pytest

from pipeline.evaluation.metrics.intervals import wilson
from pipeline.play.arena.training.history import (
    EvaluatedGames,
    TrainingHistory,
    TrainingPoint,
    curves_of,
)


def evaluated(step: int, opponent: str, wins: int) -> EvaluatedGames:
    losses = 10 - wins
    return EvaluatedGames(
        step=step, opponent=opponent, wins=wins, draws=0, losses=losses, win_rate=wilson(wins, 10)
    )


def test_the_best_is_the_earliest_of_those_that_won_most_of_all() -> None:
    assert TrainingHistory().best is None
    games = [evaluated(step, "a", wins) for step, wins in ((10, 2), (20, 8), (30, 4), (40, 9))]
    games += [evaluated(step, "b", wins) for step, wins in ((10, 9), (20, 4), (30, 8), (40, 2))]
    history = TrainingHistory(evaluations=tuple(games))
    assert history.win_shares() == pytest.approx({10: 0.55, 20: 0.6, 30: 0.6, 40: 0.55})
    assert history.best == (20, pytest.approx(0.6))


def test_a_curve_shows_each_evaluation_from_the_point_after_it() -> None:
    points = tuple(
        TrainingPoint(step=step, values={"wins": 0.1 * number, "value_loss": 1.0})
        for number, step in enumerate((10, 20, 30, 40))
    )
    history = TrainingHistory(points=points, evaluations=(evaluated(25, "a", 10),))
    drawn = curves_of(history, 40)
    (dashed,) = re.findall(r'<path d="([^"]*)"[^>]*stroke-dasharray="3 2"', drawn)
    # At the third point and the fourth, at the height of a share of 1, as the axis there.
    xs, ys = zip(*re.findall(r"[ML]([\d.]+)[ ,]([\d.]+)", dashed), strict=True)
    (axis,) = set(ys)
    assert len(xs) == 2
    assert f'<path d="M36 {axis}H' in drawn
    assert "wins in training" in drawn
    assert "divergence" in drawn
