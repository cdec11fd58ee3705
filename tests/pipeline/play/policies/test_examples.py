"""What policies learn from is what was known when it was decided, and what was done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from detector_runtime.policies import known
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.policies.examples import (
    FORESIGHT,
    UNLABELLED,
    ExamplesError,
    examples_at,
    examples_of,
    executor_examples,
    split_sessions,
    strategist_examples,
    tactician_examples,
    targets_by_hindsight,
)
from pipeline.play.simulator import rules
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.rules import NOTHING, Act
from pipeline.play.simulator.scripted import Goal

few = settings(max_examples=20, deadline=None)


def test_the_runtime_counts_as_the_game_does() -> None:
    columns = (known.ID, known.KIND, known.OWNER, known.X, known.Y, known.HIT_POINTS)
    columns += (known.CARRIES, known.KNOWN, known.SELECTED, known.ORDER, known.AGE, known.HEADING)
    assert columns == tuple(Column)
    assert STATUS[:3] == ("tick", "stock", "score")
    assert tuple(Act) == (known.NO_ACT, known.SELECT, known.COMMAND, known.PRESS)
    assert known.ACTION_SIZE == rules.ACTION_SIZE
    assert len(rules.Key) == known.KEYS
    assert len(Goal) == known.GOALS
    assert len(rules.Order) == known.ORDERS
    assert len(rules.Kind) == known.KINDS
    assert known.MAP_SIDE == rules.MAP_SIDE
    full = tuple(max(1, rules.FIGURES[kind].hit_points) for kind in rules.Kind)
    assert full == known.HIT_POINTS_OF
    soldiers = {kind for kind in rules.Kind if rules.FIGURES[kind].soldier}
    assert soldiers == {*known.SOLDIERS, known.WARSHIP}
    kinds = (rules.Kind.WORKER, rules.Kind.WARSHIP, rules.Kind.KEEP, rules.Kind.SHEEP)
    assert kinds == (known.WORKER, known.WARSHIP, known.KEEP, known.SHEEP)


def test_each_policy_sees_play_at_its_own_rate(shown: list[Demonstration]) -> None:
    seconds = strategist_examples(shown, 0)
    assert (seconds.status[:, 0] % 20 == 0).all()
    assert len(seconds) == sum(-(-len(one) // 20) for one in shown)
    fifths = tactician_examples(shown, 0)
    assert (fifths.status[:, 0] % 4 == 0).all()
    assert (fifths.targets >= NOTHING).all()
    ticks = executor_examples(shown, 0, 2.0, 0)
    acting = ticks.actions[:, 0] != Act.NOTHING
    done = sum(int((one.actions[:, 0] != Act.NOTHING).sum()) for one in shown)
    assert 0.98 * done <= acting.sum() <= done
    assert (~acting).sum() == 2 * acting.sum()
    waits = sum(map(len, shown)) - done
    assert ticks.idle_share == pytest.approx((~acting).sum() / waits)


def test_a_click_is_on_what_the_player_knew(shown: list[Demonstration]) -> None:
    for delay in (0, 10):
        ticks = executor_examples(shown, delay, 1.0, 0)
        for entities, action in zip(ticks.entities, ticks.actions, strict=True):
            if action[0] in (Act.SELECT, Act.COMMAND) and action[1] >= 0:
                assert action[1] in entities[:, Column.ID]


@few
@given(st.integers(1, 40))
def test_what_is_seen_is_as_old_as_the_delay(delay: int) -> None:
    session = counted(90)
    ticks = executor_examples([session], delay, 1000.0, 0)
    moments = np.sort(ticks.actions[:, 2])
    np.testing.assert_array_equal(moments, np.arange(90))
    now = ticks.actions[:, 2]
    np.testing.assert_array_equal(ticks.status[:, 0], np.maximum(now - delay, 0))
    np.testing.assert_array_equal(ticks.entities[:, 0, Column.X], np.maximum(now - delay, 0))
    # What one has done oneself, one knows at once.
    np.testing.assert_array_equal(ticks.deeds.since, np.where(now == 0, 200, np.minimum(now, 200)))


def test_goals_and_targets_are_those_that_were_set_last() -> None:
    session = counted(90)
    session.actions[[10, 31], 0] = Act.COMMAND
    session.actions[10, 1] = 0  # From tick 11 on, between two questions, nobody is meant.
    ticks = executor_examples([session], 0, 1000.0, 0)
    now = ticks.actions[:, 2]
    np.testing.assert_array_equal(ticks.goals, session.goals[now - now % 20])
    targets = targets_by_hindsight(session.actions)
    np.testing.assert_array_equal(ticks.targets, targets[now - now % 4])


@few
@given(
    st.lists(
        st.tuples(st.integers(0, 299), st.integers(-1, 5)), max_size=12, unique_by=lambda at: at[0]
    )
)
def test_whom_a_player_is_after_is_known_by_hindsight(clicks: Sequence[tuple[int, int]]) -> None:
    actions = np.zeros((300, 5), np.int32)
    for tick, entity in clicks:
        actions[tick, :2] = Act.COMMAND, entity
    found = targets_by_hindsight(actions)
    for tick in range(300):
        coming = [click for click in sorted(clicks) if tick <= click[0] < tick + FORESIGHT]
        gone = [click for click in sorted(clicks) if click[0] < tick]
        expected = coming[0][1] if coming else gone[-1][1] if gone else UNLABELLED
        assert found[tick] == expected


def test_a_click_is_foreseen_for_five_seconds() -> None:
    actions = np.zeros((300, 5), np.int32)
    actions[150, :2] = Act.COMMAND, 3
    found = targets_by_hindsight(actions)
    assert found[50:52].tolist() == [UNLABELLED, 3]


@few
@given(st.integers(2, 30), st.floats(0.01, 0.99))
def test_sessions_are_learned_from_or_measured_on(count: int, held_out: float) -> None:
    sessions = [replace(counted(1), name=f"session {number}") for number in range(count)]
    learned, measured = split_sessions(sessions, held_out)
    assert {one.name for one in learned} | {one.name for one in measured} == {
        one.name for one in sessions
    }
    assert len(learned) + len(measured) == count
    assert learned
    assert measured
    again = split_sessions(sessions[::-1], held_out)
    assert [one.name for one in again[1]] == [one.name for one in measured]


@pytest.mark.parametrize(
    ("count", "held_out", "measured"), [(20, 0.15, 3), (20, 0.16, 4), (5, 0.01, 1), (5, 0.99, 4)]
)
def test_so_many_sessions_are_measured_on(count: int, held_out: float, measured: int) -> None:
    sessions = [replace(counted(1), name=f"session {number}") for number in range(count)]
    learned, apart = split_sessions(sessions, held_out)
    assert (len(learned), len(apart)) == (count - measured, measured)


def test_waits_of_all_sessions_are_drawn_by_a_seed() -> None:
    waiting = replace(counted(30), name="waiting")
    waiting.actions[0, 0] = Act.NOTHING
    sessions = [counted(40), waiting]
    everything = executor_examples(sessions, 0, 1000.0, 0)
    assert sorted(everything.actions[:, 2].tolist()) == sorted([*range(40), *range(30)])
    assert everything.idle_share == 1.0
    drawn = [executor_examples(sessions, 0, 9.0, seed).actions[:, 2] for seed in (0, 0, 1)]
    assert [len(ticks) for ticks in drawn] == [10, 10, 10]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    # Of very many acts one wait is there, so that a policy learns that there are such.
    assert len(executor_examples(sessions, 0, 1e-9, 0)) == 2


def test_what_nobody_can_know_of_is_not_learned_from() -> None:
    session = counted(80)
    session.actions[[8, 24, 40, 56], 0] = Act.COMMAND, Act.SELECT, Act.COMMAND, Act.KEY
    session.actions[[8, 24, 40, 56], 1] = 0, 2, 2, NOTHING
    acting = executor_examples([session], 0, 1e-9, 0).actions
    assert acting[acting[:, 0] != Act.NOTHING, 2].tolist() == [0, 8, 56]
    every = np.arange(80)
    watched = examples_at("executor", session, every, 0).actions[:, 2].tolist()
    assert watched == [tick for tick in range(80) if tick not in (24, 40)]
    # From then on the player is after entity 2, of which it does not know.
    known_targets = [0, 4, 8]
    assert tactician_examples([session], 0).actions[:, 2].tolist() == known_targets
    assert examples_at("tactician", session, every, 0).actions[:, 2].tolist() == known_targets
    session.actions[:, 1] = NOTHING
    assert (tactician_examples([session], 0).targets == NOTHING).all()
    assert len(tactician_examples([session], 0)) == 20


def test_each_policy_watches_at_its_own_rate() -> None:
    session = counted(90)
    session.goals[40:60] = UNSTATED
    every = np.arange(90)
    seconds = examples_at("strategist", session, every, 0)
    assert seconds.status[:, 0].tolist() == [0, 20, 60, 80]
    assert strategist_examples([session], 0).status[:, 0].tolist() == [0, 20, 60, 80]
    session.actions[0, :2] = Act.COMMAND, 0
    fifths = examples_at("tactician", session, every[3:30], 0)
    assert fifths.status[:, 0].tolist() == [4, 8, 12, 16, 20, 24, 28]
    assert len(examples_at("executor", session, every[3:30], 0)) == 27


def test_what_cannot_be_learned_from_is_said() -> None:
    with pytest.raises(ExamplesError, match="1 sessions with 1 names"):
        split_sessions([counted(3)], 0.2)
    with pytest.raises(ExamplesError, match="2 sessions with 1 names"):
        split_sessions([counted(3), counted(3)], 0.2)
    still = counted(50)
    still.actions[:] = 0
    still.goals[:] = UNSTATED
    for role in ("strategist", "tactician", "executor"):
        with pytest.raises(ExamplesError, match=f"a {role} can learn"):
            examples_of(role, [still], delay=0, others_per_act=1.0, seed=0)


def counted(ticks: int) -> Demonstration:
    """A session of one entity, whose numbers say which tick it is."""
    every = np.arange(ticks)
    entities = np.zeros((ticks, 3, len(Column)), np.int16)
    entities[:, 1:, Column.ID] = -1
    entities[:, 0, Column.X] = every
    status = np.zeros((ticks, 4), np.int32)
    status[:, 0] = every
    actions = np.zeros((ticks, 5), np.int32)
    actions[:, 1], actions[:, 2] = NOTHING, every
    actions[0, 0] = Act.KEY
    return Demonstration(
        "counted",
        "somebody",
        entities,
        status,
        actions,
        (every // 7 % 5).astype(np.int8),
        np.full(ticks, -1, np.int16),
        np.zeros((ticks + 1, 2), np.int32),
        0,
    )
