"""Every player sees and acts as the first does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.play.simulator.environments.perspective import (
    actions_of_player,
    observe_as_first,
    slots_as_first,
)
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import Column, observe
from pipeline.play.simulator.rules import (
    MAP_SIDE,
    SUBPIXELS,
    Act,
    Key,
    Kind,
    Order,
    Result,
)

SEEDS = range(12)


@pytest.mark.parametrize("a_side", [1, 2, 4])
def test_both_sides_see_the_same_at_the_beginning(a_side: int) -> None:
    games = Games.start(SEEDS, a_side)
    for player in range(a_side):
        own, other = (observe_as_first(games, p) for p in (player, a_side + player))
        # All look down at first, which is up for the second side.
        looks = other.entities[..., Column.HEADING]
        looks[:] = np.where(other.entities[..., Column.ID] >= 0, (looks + 8) % 16, 0)
        np.testing.assert_array_equal(own.entities, other.entities)
        np.testing.assert_array_equal(own.status, other.status)
        np.testing.assert_array_equal(own.ground, other.ground)
        units = own.entities[:, :8]
        assert (units[..., Column.OWNER] == 0).all()
        assert (units[..., Column.ID] == np.arange(8)).all()
        # Those who stand beside it come next, the enemies last.
        owners = [own.entities[0, 8 * n, Column.OWNER] for n in range(a_side)]
        assert owners == [0] + [1] * (a_side - 1)


def test_the_first_player_sees_what_it_always_does() -> None:
    games = Games.start(SEEDS)
    plain, seen = observe(games, 0), observe_as_first(games, 0)
    np.testing.assert_array_equal(plain.entities, seen.entities)
    np.testing.assert_array_equal(plain.ground, seen.ground)


@pytest.mark.parametrize("a_side", [1, 2, 3, 4])
def test_slots_are_dealt_out_once_and_are_of_the_same_kinds(a_side: int) -> None:
    games = Games.start([3], a_side)
    kinds, owners = (games.entities[name][0] for name in ("kind", "owner"))
    for player in range(games.player_count):
        slots = slots_as_first(games.player_count, player)
        assert sorted(slots) == list(range(games.slot_count))
        assert (kinds[slots] == kinds).all()
        assert (owners[slots][:8] == player).all()


@pytest.mark.parametrize("player", range(4))
def test_a_player_does_what_it_has_chosen_as_the_first(player: int) -> None:
    games = Games.start([5], 2)
    keys = np.array([[Act.KEY, -1, 0, 0, Key.SOLDIERS]], np.int32)
    point = np.array([[Act.COMMAND, -1, 300, 200, 0]], np.int32)
    for action in (keys, point):
        actions = games.no_actions()
        actions[:, player] = actions_of_player(action, games, player)
        games.step(actions)
    moved = games.entities[0][games.entities["order"][0] == Order.MOVE]
    assert set(moved["owner"]) == {player}
    assert len(moved) >= 3
    turned = player >= 2
    goals = moved[["goal_x", "goal_y"]]
    for x, y in goals.tolist():
        near = np.array([x, y]) // SUBPIXELS
        expected = MAP_SIDE - 1 - np.array([300, 200]) if turned else np.array([300, 200])
        assert np.abs(near - expected).max() < 200, "they spread around the point"

    # Beside an entity: the first swordsman of its own, as it sees it, or of the enemy.
    chosen = np.array([[Act.COMMAND, 2, 7, -3, 0], [Act.COMMAND, 18, 7, -3, 0]], np.int32)
    both = actions_of_player(chosen, games, player)
    assert games.entities["kind"][0, both[:, 1]].tolist() == [Kind.SWORDSMAN] * 2
    owners = games.entities["owner"][0, both[:, 1]]
    assert owners[0] == player
    assert owners[1] // 2 != player // 2
    assert both[:, 2:4].tolist() == [[-7, 3] if turned else [7, -3]] * 2


def test_a_result_is_the_first_sides_for_who_has_won() -> None:
    games = Games.start([1, 2, 3])
    games.clocks["result"] = [Result.FIRST_SIDE, Result.SECOND_SIDE, Result.DRAW]
    told = [observe_as_first(games, player).status[:, 3].tolist() for player in (0, 1)]
    assert told == [
        [Result.FIRST_SIDE, Result.SECOND_SIDE, Result.DRAW],
        [Result.SECOND_SIDE, Result.FIRST_SIDE, Result.DRAW],
    ]


def test_headings_turn_with_the_map_and_those_of_memories_stay() -> None:
    games = Games.start([4])
    actions = games.no_actions()
    for player in (0, 1):
        key = np.array([[Act.KEY, -1, 0, 0, Key.EVERYONE]], np.int32)
        actions[:, player] = actions_of_player(key, games, player)
    games.step(actions)
    for player in (0, 1):
        go = np.array([[Act.COMMAND, -1, 700, 500, 0]], np.int32)
        actions[:, player] = actions_of_player(go, games, player)
    games.step(actions, 20)
    plain, seen = observe(games, 1), observe_as_first(games, 1)
    own = plain.entities[0, 8:16]
    assert (own[:, Column.HEADING] != own[0, Column.HEADING]).any()
    np.testing.assert_array_equal(
        seen.entities[0, :8, Column.HEADING], (own[:, Column.HEADING] + 8) % 16
    )
    remembered = seen.entities[0][seen.entities[0, :, Column.KNOWN] == 2]
    assert (remembered[:, Column.HEADING] == 0).all()
