"""Ticks become examples: each once, with what was right by hindsight, however often one asks."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from detector_runtime.policies.known import Deeds
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.policies.examples import FORESIGHT, examples_at, latest
from pipeline.play.policies.settings import PRESETS
from pipeline.play.shadow import moments
from pipeline.play.shadow.moments import PlaySoFar, Tick, WatchingError, examples_in
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.simulator.scripted import Goal

EVERY = ShadowSettings(idle_share=1.0)
CLONED = PRESETS["brief"]


def session(name: str, count: int, seed: int = 0) -> list[Tick]:
    """Some play: two entities, and acts at random, a right click in every fourth."""
    rng = np.random.default_rng([count, seed])
    ticks = []
    for number in range(count):
        entities = np.full((3, 12), -1, np.int16)
        entities[:2] = rng.integers(0, 4, (2, 12))
        entities[:2, 0] = (0, 1)
        act = 2 if number % 4 == 0 else int(rng.integers(0, 4))
        slot = int(rng.integers(-1, 2)) if act in (1, 2) else -1
        action = np.array([act, slot, 5, 6, 0], np.int32)
        ticks.append(Tick(name, entities, np.array([number, 0, 0, 0], np.int32), action, 1))
    return ticks


@settings(deadline=None)  # The first example compiles the game.
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=4),
    st.integers(1, 250),
    st.sampled_from(["strategist", "tactician", "executor"]),
)
def test_every_tick_is_given_once_with_the_labels_of_the_whole_session(counts, interval, role):
    sessions = [session(str(number), count) for number, count in enumerate(counts)]
    play, parts = PlaySoFar(), []
    for number, tick in enumerate(tick for one in sessions for tick in one):
        play.add(tick)
        if number % interval == 0:
            parts += play.take()
    play.add(session("end", 1)[0])
    parts += play.take()
    found = {
        name: [
            examples_in(role, part, EVERY, CLONED, held_out=held_out)
            for part in parts
            if part.shown.name == name
            for held_out in (False, True)
        ]
        for name in (str(number) for number in range(len(counts)))
    }
    for ticks in sessions:
        whole = whole_of(role, ticks)
        joined = latest(found[ticks[0].session], len(ticks))
        order = np.argsort(joined.status[:, 0], kind="stable")
        assert_equal(joined.rows(order), whole)


def whole_of(role, ticks):
    """What is learned from a session that is known from its beginning to its end."""
    count = len(ticks)
    shown = Demonstration(
        ticks[0].session,
        "",
        np.stack([tick.entities for tick in ticks]),
        np.stack([tick.status for tick in ticks]),
        np.stack([tick.action for tick in ticks]),
        np.array([tick.goal for tick in ticks], np.int8),
        np.full(count, -1, np.int16),
        np.zeros((count + 1, 2), np.int32),
        0,
    )
    return examples_at(role, shown, np.arange(count), 0)


def assert_equal(left, right):
    for name in ("entities", "status", "goals", "targets", "actions"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)
    for field in fields(Deeds):
        np.testing.assert_array_equal(
            getattr(left.deeds, field.name), getattr(right.deeds, field.name), field.name
        )


def test_goals_that_nobody_states_are_told_by_the_acts():
    play = PlaySoFar()
    for tick in session("one", 400):
        play.add(tick._replace(goal=UNSTATED))
    (part,) = play.take()
    learned = examples_in("strategist", part, EVERY, CLONED, held_out=False)
    assert len(learned) > 5
    assert set(learned.goals.tolist()) == {Goal.LOOT, Goal.EXPLORE}


def test_nothing_is_given_before_it_is_known_whom_the_player_was_after():
    play = PlaySoFar()
    for tick in session("one", FORESIGHT):
        play.add(tick)
    assert play.take() == []
    play.add(session("one", 1)[0])
    (part,) = play.take()
    assert (part.begin, part.end) == (0, 1)


def test_a_long_session_is_not_remembered_from_its_beginning(monkeypatch):
    monkeypatch.setattr(moments, "REMEMBERED", 1000)
    play, given_ticks, longest = PlaySoFar(), [], 0
    for tick in session("one", 6000):
        play.add(tick)
        if tick.status[0] % 50 == 0:
            for part in play.take():
                given_ticks += part.shown.status[part.begin : part.end, 0].tolist()
                longest = max(longest, len(part.shown))
    assert given_ticks == list(range(len(given_ticks)))
    assert longest < 2200


def test_the_latest_examples_are_kept():
    whole = whole_of("executor", session("one", 60))
    kept = latest([whole.rows(slice(0, 40)), whole.rows(slice(40, 60))], 30)
    assert_equal(kept, whole.rows(slice(30, 60)))


def test_another_game_is_refused():
    tick = session("one", 1)[0]
    with pytest.raises(WatchingError, match="in this game, not"):
        PlaySoFar().add(tick._replace(entities=np.zeros((3, 11), np.int16)))
