"""Goals that nobody has stated, as acts tell them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_runtime.policies.player import STRATEGIST_TICKS

from pipeline.play.demonstrations import UNSTATED, Demonstration, demonstrate
from pipeline.play.policies.hindsight import (
    GOAL_FORESIGHT,
    goal_of,
    goals_by_hindsight,
    with_goals,
)
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import NOTHING, Act, Key, Kind
from pipeline.play.simulator.scripted import Goal

KEEP, SOLDIER, ENEMY, MINE, FAR_KEEP = range(5)


def sight(*, hit_points: int = 75, carries: int = 0, enemy_at: int = 550, seen: int = 1):
    """A keep at 100, a soldier at 500 that is selected, an enemy, a mine, a remembered keep."""
    things = (
        (Kind.KEEP, 0, 100, 500, 0, 1, 0),
        (Kind.SWORDSMAN, 0, 500, hit_points, carries, 1, 1),
        (Kind.SWORDSMAN, 2, enemy_at, 75, 0, seen, 0),
        (Kind.GOLD_MINE, 3, 300, 0, 150, 1, 0),
        (Kind.KEEP, 2, 900, 500, 0, 2, 0),
    )
    rows = np.zeros((6, len(Column)), np.int16)
    rows[:, Column.ID] = NOTHING
    for slot, (kind, owner, x, left, held, known, selected) in enumerate(things):
        rows[slot, [Column.ID, Column.KIND, Column.OWNER, Column.X]] = slot, kind, owner, x
        rows[slot, [Column.HIT_POINTS, Column.CARRIES]] = left, held
        rows[slot, [Column.KNOWN, Column.SELECTED]] = known, selected
    return rows


def command(entity: int = NOTHING, x: int = 0):
    return np.array([Act.COMMAND, entity, x, 0, 0], np.int32)


def key(which: Key):
    return np.array([Act.KEY, NOTHING, 0, 0, which], np.int32)


HOME = key(Key.HOME)


@pytest.mark.parametrize(
    ("rows", "action", "goal"),
    [
        (sight(), command(ENEMY), Goal.FIGHT),
        (sight(), command(MINE), Goal.LOOT),
        (sight(), command(FAR_KEEP), Goal.EXPLORE),
        (sight(), command(x=900), Goal.EXPLORE),
        (sight(), command(x=120), Goal.CAUTIOUS),
        (sight(seen=2), command(x=120), Goal.EXPLORE),
        (sight(), command(x=299), Goal.CAUTIOUS),
        (sight(), command(x=300), Goal.EXPLORE),
        (sight(), HOME, Goal.CAUTIOUS),
        (sight(hit_points=20), HOME, Goal.FLEE),
        (sight(hit_points=37), HOME, Goal.FLEE),
        (sight(hit_points=38), HOME, Goal.CAUTIOUS),
        (sight(hit_points=20), command(x=120), Goal.FLEE),
        (sight(hit_points=20), command(KEEP), Goal.FLEE),
        (sight(hit_points=20, enemy_at=900), HOME, Goal.CAUTIOUS),
        (sight(carries=15, seen=2), HOME, Goal.LOOT),
        (sight(seen=2), HOME, None),
        (sight(), command(SOLDIER), None),
        (sight(), command(5), None),
        (sight(), command(77), None),
        (sight(), key(Key.SOLDIERS), None),
    ],
)
def test_an_act_shows_a_goal(rows, action, goal):
    assert goal_of(rows, action) is goal


def test_a_goal_begins_a_second_before_its_act_and_stays():
    actions = np.zeros((200, 5), np.int32)
    actions[50], actions[120], actions[130] = command(ENEMY), command(MINE), key(Key.SOLDIERS)
    shown = session(np.tile(sight(), (200, 1, 1)), actions)
    expected = np.full(200, UNSTATED)
    expected[50 - GOAL_FORESIGHT + 1 :] = Goal.FIGHT
    expected[120 - GOAL_FORESIGHT + 1 :] = Goal.LOOT
    np.testing.assert_array_equal(goals_by_hindsight(shown), expected)
    still = session(shown.entities, np.zeros_like(actions))
    assert set(goals_by_hindsight(still).tolist()) == {UNSTATED}


def test_what_is_stated_stays():
    actions = np.zeros((60, 5), np.int32)
    actions[30] = command(ENEMY)
    shown = session(np.tile(sight(), (60, 1, 1)), actions)
    shown.goals[40:] = Goal.EXPLORE
    told = with_goals(shown)
    assert (told.goals[30:40] == Goal.FIGHT).all()
    assert (told.goals[40:] == Goal.EXPLORE).all()
    assert with_goals(told) is not told
    whole = replace(told, goals=np.zeros(60, np.int8))
    assert with_goals(whole) is whole


@pytest.mark.parametrize("player", ["scripted_l3", "scripted_l5"])
def test_hidden_goals_of_scripted_players_are_found(player):
    """At the moments in which a strategist is asked, from the first goal that is shown."""
    right, count = 0, 0
    for shown in demonstrate(player, "scripted_l3", range(4)):
        hidden = replace(shown, goals=np.full(len(shown), UNSTATED, np.int8))
        found = with_goals(hidden).goals[::STRATEGIST_TICKS]
        known = found != UNSTATED
        right += int((found == shown.goals[::STRATEGIST_TICKS])[known].sum())
        count += int(known.sum())
    assert right > 0.9 * count


def session(entities, actions) -> Demonstration:
    ticks = len(actions)
    return Demonstration(
        "one",
        "person",
        entities,
        np.zeros((ticks, 4), np.int32),
        actions,
        np.full(ticks, UNSTATED, np.int8),
        np.full(ticks, NOTHING, np.int16),
        np.zeros((ticks + 1, 2), np.int32),
        0,
    )
