"""What outcomes are worth, and that each is put down to one command at most."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from detector_runtime.policies.known import HIT_POINTS_OF, STOCK
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.online.outcomes.credit import (
    act_returns,
    commands_of,
    decision_returns,
    values_of,
)
from pipeline.play.online.outcomes.events import Event, PlayOutcome, outcomes_of
from pipeline.play.online.settings import OutcomeValues
from pipeline.play.policies.examples import FORESIGHT
from pipeline.play.simulator.rules import FIGURES, Act, Key, Kind

PLAIN = OutcomeValues()
FOR_EVER = 1e12
"""Seconds; what comes later counts the same."""
FIGHTERS = st.sampled_from([Kind.WORKER, Kind.RIDER, Kind.KEEP])


def events_of(game):
    return outcomes_of(game.sights, game.status[:, STOCK], game.actions, game.orders)


@given(
    st.dictionaries(
        st.integers(0, 9),
        st.tuples(FIGHTERS, st.lists(st.integers(1, 200), max_size=9), st.booleans()),
        max_size=5,
    )
)
def test_of_each_enemy_its_worth_counts_once(enemies):
    events = []
    for identity, (kind, hits, is_killed) in enemies.items():
        events += [Event(1, PlayOutcome.HIT, identity, kind, amount, (0, 0)) for amount in hits]
        if is_killed:
            events.append(Event(2, PlayOutcome.KILL, identity, kind, 3, (0, 0)))
    by_enemy: dict[int, float] = defaultdict(float)
    for event, value in zip(events, values_of(events, PLAIN).tolist(), strict=True):
        assert value >= 0
        by_enemy[event.identity] += value
    for identity, (kind, hits, is_killed) in enemies.items():
        worth = FIGURES[kind].worth / 100
        share = 1.0 if is_killed else min(1.0, sum(hits) / HIT_POINTS_OF[kind])
        assert by_enemy[identity] == pytest.approx(worth * share)


def test_a_game_is_worth_what_its_score_says(games):
    """Score counts what is brought home; what is carried at the end, or lost, is over."""
    for game in games:
        events = events_of(game)
        worth = values_of(events, PLAIN)
        kinds = np.array([event.outcome for event in events])
        gained = worth[np.isin(kinds, (PlayOutcome.KILL, PlayOutcome.LOOT))].sum()
        hits = worth[kinds == PlayOutcome.HIT].sum()
        score = game.status[-1, 2] / 100
        loot = worth[kinds == PlayOutcome.LOOT].sum()
        assert gained + hits >= score - 0.26  # The last tick's end is not seen.
        assert gained + hits - score <= loot + hits
        assert loot >= game.status[-1, STOCK] / 100


def test_each_outcome_is_put_down_to_one_command_at_most(games):
    for game in games:
        events, sights, orders = events_of(game), game.sights, game.orders
        worth = values_of(events, PLAIN)
        put_down = commands_of(events, sights, orders)
        given_at = [command.tick for command in orders.commands]
        returns = act_returns(events, worth, sights, orders, game.actions, FOR_EVER)
        assert returns[given_at].sum() == pytest.approx(worth[put_down >= 0].sum())
        assert (put_down >= 0).mean() > 0.5
        for event, number in zip(events, put_down.tolist(), strict=True):
            if number >= 0:
                assert orders.commands[number].tick <= event.tick
        idle = game.actions[:, 0] == Act.NOTHING
        assert (returns[idle] == 0).all()


def test_what_prepares_a_command_gets_what_the_command_gets(games):
    game = games[0]
    returns = act_returns(
        events := events_of(game),
        values_of(events, PLAIN),
        game.sights,
        game.orders,
        game.actions,
        8.0,
    )
    given_at = np.array([command.tick for command in game.orders.commands])
    keys = game.actions[:, 4]
    selecting = (game.actions[:, 0] == Act.SELECT) | (
        (game.actions[:, 0] == Act.KEY) & ~np.isin(keys, (Key.STOP, Key.HOME))
    )
    shared = 0
    for tick in np.flatnonzero(selecting).tolist():
        later = given_at[given_at > tick]
        soon = len(later) and later[0] - tick < FORESIGHT
        assert returns[tick] == (returns[later[0]] if soon else 0)
        shared += bool(soon and returns[tick] != 0)
    assert shared > 5


def test_decisions_get_all_that_comes_after_them(games):
    game = games[0]
    events = events_of(game)
    worth, ticks = values_of(events, PLAIN), len(game.actions)
    for_ever = decision_returns(events, worth, ticks, FOR_EVER)
    assert for_ever[0] == pytest.approx(worth.sum())
    for tick in (0, 700, ticks - 1):
        later = sum(v for e, v in zip(events, worth.tolist(), strict=True) if e.tick >= tick)
        assert for_ever[tick] == pytest.approx(later)
    one = [Event(100, PlayOutcome.LOOT, 0, Kind.WORKER, 50, (0, 0))]
    soon = decision_returns(one, np.array([0.5]), 200, 2.0)
    assert soon[100] == 0.5
    assert soon[60] == pytest.approx(0.25)
    assert soon[101] == 0


def test_what_hurts_oneself_is_put_down_to_what_one_obeys(games):
    game = games[1]
    events = [
        one for one in events_of(game) if one.outcome in (PlayOutcome.HURT, PlayOutcome.DEATH)
    ]
    put_down = commands_of(events, game.sights, game.orders)
    assert (values_of(events, PLAIN) <= 0).all()
    for event, number in zip(events, put_down.tolist(), strict=True):
        column = np.searchsorted(game.sights.identities, event.identity)
        assert number == game.orders.obeyed[event.tick, column]


def test_who_is_selected_obeys_until_told_otherwise(games):
    for game in games:
        orders, sights = game.orders, game.sights
        for number, command in enumerate(orders.commands):
            selected = (sights.rows[command.tick, :, 8] == 1) & (
                sights.rows[command.tick, :, 2] == 0
            )
            assert ((orders.obeyed[command.tick] == number) == selected).all()
        changed = (orders.obeyed[1:] != orders.obeyed[:-1]) & (orders.obeyed[1:] >= 0)
        given_at = {command.tick for command in orders.commands}
        assert {tick + 1 for tick in np.nonzero(changed)[0].tolist()} <= given_at
