"""What stands where in a policy's input, and what each choice does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.arena.learner.features import features_of, known_to
from pipeline.play.arena.learner.layout import (
    FIRST_COMMAND,
    FIRST_KEY,
    FIRST_SELECT,
    SELECTED_FEATURE,
    Role,
    layout_of,
)
from pipeline.play.simulator.environments.perspective import actions_of_player, observe_as_first
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import Act, Key, Kind
from pipeline.play.simulator.scripted import ScriptedPlayers

SEEDS = range(6)


@pytest.fixture(scope="module")
def played() -> Games:
    """Games in their middle, in which both sides have met."""
    games, players = Games.start(SEEDS), ScriptedPlayers.start(SEEDS, ("scripted_l1", "random"))
    for _tick in range(900):
        games.step(players.act(games))
    return games


@pytest.mark.parametrize("a_side", [1, 2, 4])
def test_every_entity_has_a_place_by_what_it_is(a_side: int) -> None:
    games = Games.start([0], a_side)
    kinds = games.entities["kind"][0]
    roles = {
        Role.KEEP: {Kind.KEEP},
        Role.RESOURCE: {Kind.GOLD_MINE, Kind.BERRY_BUSH},
        Role.LOOT: {Kind.SHEEP},
    }
    for player in range(games.player_count):
        layout = layout_of(player, a_side)
        assert sorted(layout.slots) == list(range(games.slot_count))
        for role, expected in roles.items():
            assert set(kinds[layout.slots[layout.roles == role]]) == expected
        own = layout.slots[layout.roles == Role.OWN_UNIT]
        assert set(games.entities["owner"][0, own]) == {player}
        assert layout.width > layout.offsets[-1]


def test_both_sides_are_given_the_same_and_choose_the_same(played: Games) -> None:
    first, second = layout_of(0), layout_of(1)
    entities, status = known_to(played, 1)
    as_second = features_of(entities, status, second)
    turned = observe_as_first(played, 1)
    as_first = features_of(turned.entities, turned.status, first)
    assert np.array_equal(as_first, as_second)
    every = np.arange(FIRST_SELECT, first.choices)  # Of keys, places mean nothing.
    games = played.rows(np.zeros(len(every), int))
    assert np.array_equal(actions_of_player(first.actions[every], games, 1), second.actions[every])


def test_a_choice_does_in_the_game_what_it_says() -> None:
    games, layout = Games.start([3]), layout_of(0)

    def choose(choice: int) -> None:
        actions = games.no_actions()
        actions[0, 0] = layout.actions[choice]
        games.step(actions)

    choose(FIRST_KEY + Key.WORKERS)
    assert games.players["selected"][0, 0] == 0b11
    choose(FIRST_SELECT + 6)
    assert games.players["selected"][0, 0] == 1 << 6
    mine = int(np.flatnonzero(layout.slots == 18)[0])
    choose(FIRST_KEY + Key.WORKERS)
    choose(FIRST_COMMAND + mine - 8)
    assert set(games.entities["target"][0, :2]) == {18}
    choose(layout.choices - 1)
    assert games.entities["goal_x"][0, 0] > 900 * 16


def test_what_is_impossible_is_known_from_the_features(played: Games) -> None:
    layout = layout_of(0)
    entities, status = known_to(played, 0)
    features = features_of(entities, status, layout)
    possible = (features[:, layout.possible_features] > 0).all(axis=1)
    alive = entities[:, :8, 7] == 1
    assert np.array_equal(possible[:, FIRST_SELECT:FIRST_COMMAND], alive)
    selected = features[:, SELECTED_FEATURE] > 0
    known = entities[:, layout.slots[8:], 0] >= 0
    commands = possible[:, FIRST_COMMAND : FIRST_COMMAND + len(layout.slots) - 8]
    assert np.array_equal(commands, known & selected[:, None])
    assert possible[:, :FIRST_SELECT].all()
    assert 0 < alive.mean() < 1
    assert 0 < selected.mean() <= 1


@given(st.integers(0, 113), st.sampled_from([0, 1]))
def test_a_choice_that_is_done_is_told_again(choice: int, player: int) -> None:
    games, layout = Games.start([1]), layout_of(player)
    entities, _status = known_to(games, player)
    action = layout.actions[choice][None]
    slot = action[0, 1]
    if slot >= 0 and entities[0, slot, 0] < 0:
        return  # Of what is not known one cannot say where it is.
    assert layout.choices_of(action, entities).tolist() == [choice]


def test_clicks_that_no_choice_is_like_are_told() -> None:
    games, layout = Games.start([1]), layout_of(0)
    entities, _status = known_to(games, 0)
    actions = np.array(
        [[Act.SELECT, -1, 5, 5, 0], [Act.SELECT, 16, 0, 0, 0], [Act.COMMAND, 3, 0, 0, 0]], np.int32
    )
    x, y = entities[0, 3, 3] // 128, entities[0, 3, 4] // 128
    ground = layout.choices - 64 + y * 8 + x
    assert layout.choices_of(actions, np.repeat(entities, 3, axis=0)).tolist() == [-1, -1, ground]
