"""The same games are played by what is true and by what is seen, and compared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from detector_runtime.policies.networks import ActLogits
from doubles.told_detector import ToldDetector

from pipeline.play.perception.loss import judge_perception, moment_image
from pipeline.play.policies import judging
from pipeline.play.policies.judging import JudgingError
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import Act


class Attacker:
    """In place of networks: selects, or sends, whatever is known first, in every other tick."""

    delay = 2

    def goals(self, features: Any) -> Any:
        return np.zeros((len(features.status), 5), np.float32)

    def targets(self, features: Any, _goals: Any) -> Any:
        return np.zeros((len(features.status), 1 + features.known.shape[1]), np.float32)

    def acts(self, features: Any, _goals: Any, _targets: Any) -> ActLogits:
        count, rows = features.known.shape
        acts = np.zeros((count, 4), np.float32)
        acts[:, Act.KEY] = -40
        pointed = np.zeros((count, 1 + rows), np.float32)
        pointed[:, 1] = 5
        return ActLogits(
            acts,
            np.zeros((count, 5), np.float32),
            pointed,
            pointed,
            np.zeros((count, 4), np.float32),
        )


@pytest.mark.slow
def test_games_are_told_apart_by_what_the_policies_see(
    told: ToldDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MAX_TICKS", 45)
    stages = []
    loss = judge_perception(
        Attacker(), told, "scripted_l3", 2, seed=3, report=lambda at: stages.append(at.stage)
    )
    assert (loss.games, loss.opponent, loss.look_ticks, loss.delay) == (2, "scripted_l3", 4, 2)
    assert loss.detector == "mock told"
    assert [loss.true.player, loss.detected.player] == ["true state", "detected state"]
    assert loss.returns_lost.mean == pytest.approx(
        loss.true.returns.mean - loss.detected.returns.mean, abs=1e-3
    )
    assert loss.wins_lost.mean == 0
    # Once a second, in both games: a keep each.
    assert loss.accuracy.kinds["keep"].entities == 6
    assert loss.accuracy.recall > 0.9
    assert set(stages) == {"games of true state", "games of detected state"}
    assert loss.looks == 2 * 12
    assert told.looks == 12  # At both screens at once.


@pytest.mark.slow
def test_a_moment_is_shown_as_seen_and_as_it_is(told: ToldDetector) -> None:
    image = moment_image(Attacker(), told, "scripted_l3", 3, ticks=9)
    width = image.width // 2 - 4
    assert 200 < width < 1024
    assert 200 < image.height < 627
    seen, true = (np.asarray(image)[:, start : start + width] for start in (0, width + 4))
    assert (seen != true).any(axis=2).sum() > 100
    assert (seen != true).any(axis=2).mean() < 0.2


def test_what_cannot_be_played_is_said_first(told: ToldDetector) -> None:
    networks: Any = SimpleNamespace(delay=0)
    with pytest.raises(JudgingError, match="0 games"):
        judge_perception(networks, told, "random", 0)
    with pytest.raises(GameError, match="nobody"):
        judge_perception(networks, told, "nobody", 2)
