"""What is learned from is what was known and done."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.play.demonstrations import demonstrate
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.rules import Act, Result
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers

SEEDS = (3, 4)


def test_the_same_game_follows_from_what_was_done() -> None:
    first, second = demonstrate("scripted_l5", "scripted_l1", SEEDS)
    games = Games.start(SEEDS[1:])
    opponents = ScriptedPlayers.start(SEEDS[1:], ("scripted_l1", None))
    for tick in range(len(second)):
        known = observe(games, 1)
        np.testing.assert_array_equal(second.entities[tick], known.entities[0])
        np.testing.assert_array_equal(second.status[tick], known.status[0])
        actions = games.no_actions()
        actions[0, 1] = second.actions[tick]
        assert games.clocks["result"][0] == Result.RUNNING
        games.step(opponents.act(games, actions))
        np.testing.assert_array_equal(second.scores[tick + 1], games.players["score"][0, ::-1])
    assert games.clocks["result"][0] != Result.RUNNING
    assert (first.player, second.name) == ("scripted_l5", "scripted_l5-scripted_l1-4")
    assert second.outcome == (1 if games.clocks["result"][0] == Result.SECOND_SIDE else -1)


def test_goals_targets_and_deeds_are_the_players() -> None:
    (shown,) = demonstrate("scripted_l4", "scripted_l2", SEEDS[:1])
    assert {Goal.FIGHT, Goal.LOOT} <= {Goal(goal) for goal in np.unique(shown.goals).tolist()}
    fought = shown.targets[shown.targets >= 0]
    enemies = shown.entities[:, :, 2] == 2
    assert len(fought)
    assert enemies.any(axis=0)[fought].all()
    assert {Act.KEY, Act.COMMAND} <= {Act(act) for act in np.unique(shown.actions[:, 0]).tolist()}
    assert len(shown.scores) == len(shown) + 1
    # It began on the first side, so that its own units are the first slots.
    assert (shown.entities[0, :8, 2] == 0).all()


def test_an_unknown_player_is_named() -> None:
    with pytest.raises(GameError, match="nobody"):
        demonstrate("nobody", "random", SEEDS)
