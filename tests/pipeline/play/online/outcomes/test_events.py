"""What is read of play, beside what was true; the reader sees no more than a player."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from detector_runtime.policies.known import (
    CARRIES,
    ENEMY,
    HIT_POINTS,
    ID,
    KIND,
    KNOWN,
    NOBODY,
    OWN,
    OWNER,
    SHEEP,
    STOCK,
    X,
    Y,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.online.outcomes.events import LONG, PlayOutcome, counts_of, outcomes_of
from pipeline.play.online.outcomes.orders import Orders
from pipeline.play.online.outcomes.sights import GONE, UNKNOWN, Sights
from pipeline.play.simulator.rules import Act, Kind


def read(entities, actions=None, stock=None):
    """What became of some entity sets."""
    count = len(entities)
    if actions is None:
        actions = np.zeros((count, 5), np.int32)
        actions[:, 1] = -1
    stock = np.zeros(count, np.int32) if stock is None else stock
    sights = Sights.of(entities)
    return outcomes_of(sights, stock, actions, Orders.of(sights.rows, actions))


def of_game(game, entities=None):
    seen = game.entities if entities is None else entities
    return read(seen, game.actions, game.status[:, STOCK])


def found(events, outcome):
    return {(event.tick, event.identity) for event in events if event.outcome == outcome}


@pytest.mark.parametrize(
    ("outcome", "precision", "recall"),
    [
        (PlayOutcome.HIT, 1.0, 1.0),
        (PlayOutcome.HURT, 1.0, 1.0),
        (PlayOutcome.DEATH, 1.0, 1.0),
        (PlayOutcome.LOOT, 1.0, 1.0),
        (PlayOutcome.KILL, 0.95, 0.95),
    ],
)
def test_what_is_read_is_what_was_true(games, outcome, precision, recall):
    read_so, true = set(), set()
    for number, game in enumerate(games):
        read_so |= {(number, *one) for one in found(of_game(game), outcome)}
        true |= {(number, *one) for one in game.events()[outcome]}
    assert len(true) > 10
    assert len(read_so & true) >= precision * len(read_so)
    assert len(read_so & true) >= recall * len(true)


def test_clicks_that_meet_nobody_are_misses(games):
    read_so, true = set(), set()
    for number, game in enumerate(games):
        commands = set(np.flatnonzero(game.actions[:, 0] == Act.COMMAND).tolist())
        misses = found(of_game(game), PlayOutcome.MISS)
        read_so |= {(number, *one) for one in misses if one[0] in commands}
        true |= {(number, *one) for one in game.events()[PlayOutcome.MISS]}
    assert len(true) > 5
    assert len(read_so & true) >= 0.8 * len(read_so)
    assert len(read_so & true) >= 0.8 * len(true)


def test_identities_need_not_keep_their_rows(games):
    game, rng = games[0], np.random.default_rng(1)
    shuffled = np.stack([rng.permutation(rows) for rows in game.entities])
    assert of_game(game, shuffled) == of_game(game)


def test_without_hit_points_kills_are_told_by_what_they_leave(games):
    kills, true = 0, 0
    for game in games:
        hidden = game.entities.copy()
        hidden[:, :, [HIT_POINTS, CARRIES]] = UNKNOWN
        hidden[hidden[:, :, ID] < 0] = game.entities[hidden[:, :, ID] < 0]
        events = of_game(game, hidden)
        counts = counts_of(events)
        assert counts["hit"] == counts["hurt"] == 0
        assert found(events, PlayOutcome.DEATH) == found(of_game(game), PlayOutcome.DEATH)
        assert found(events, PlayOutcome.KILL) <= game.events()[PlayOutcome.KILL]
        kills += counts["kill"]
        # A warship or keep leaves nothing.
        true += sum(
            game.entities[tick, slot, KIND] < Kind.WARSHIP
            for tick, slot in game.events()[PlayOutcome.KILL]
        )
        loot = sum(event.amount for event in events if event.outcome == PlayOutcome.LOOT)
        assert loot >= game.status[-1, STOCK]
    assert kills >= 0.9 * true > 0


def scene(count: int) -> np.ndarray:
    """An own swordsman, an enemy spearman beside it, in sight for so many ticks."""
    entities = np.zeros((count, 3, 12), np.int16)
    entities[:, :, ID] = (0, 1, -1)
    entities[:, 0, [KIND, OWNER, X, Y, HIT_POINTS, KNOWN]] = (Kind.SWORDSMAN, OWN, 100, 100, 75, 1)
    entities[:, 1, [KIND, OWNER, X, Y, HIT_POINTS, KNOWN]] = (Kind.SPEARMAN, ENEMY, 110, 100, 55, 1)
    return entities


@given(st.lists(st.integers(-1, 55), min_size=2, max_size=60))
def test_hit_points_lost_add_up(points):
    """What is lost, less what is healed, is the difference; unknown ones end a stretch."""
    entities = scene(len(points))
    entities[:, 1, HIT_POINTS] = points
    hits = [event for event in read(entities) if event.outcome == PlayOutcome.HIT]
    pairs = [(a, b) for a, b in pairwise(points) if -1 not in (a, b)]
    healed = sum(max(b - a, 0) for a, b in pairs)
    assert sum(event.amount for event in hits) == sum(a - b for a, b in pairs) + healed
    assert all(event.identity == 1 and event.kind == Kind.SPEARMAN for event in hits)


@pytest.mark.parametrize(
    ("left", "away", "is_kill"),
    [(10, GONE + 5, True), (50, GONE + 5, False), (10, GONE - 5, False), (10, 400, True)],
)
def test_only_the_weak_who_stay_away_have_fallen(left, away, is_kill):
    entities = scene(300)
    entities[:, 1, HIT_POINTS] = left
    entities[20 : 20 + away, 1] = 0
    entities[20 : 20 + away, 1, ID] = -1
    assert found(read(entities), PlayOutcome.KILL) == ({(19, 1)} if is_kill else set())


def test_who_walks_into_the_fog_has_not_fallen():
    entities = scene(300)
    entities[:, 1, HIT_POINTS] = 10
    entities[20:, 1, KNOWN] = 2
    assert found(read(entities), PlayOutcome.KILL) == set()


def test_loot_of_which_nothing_is_known_counts_once():
    entities = scene(200)
    entities[:, :2, CARRIES] = UNKNOWN
    entities[:, 2, [ID, KIND, OWNER, X, Y, CARRIES, KNOWN]] = (7, SHEEP, NOBODY, 110, 110, 15, 1)
    entities[50:, 2] = 0
    entities[50:, 2, ID] = -1
    stock = np.zeros(200, np.int32)
    stock[120:] = 40
    events = [event for event in read(entities, stock=stock) if event.outcome == PlayOutcome.LOOT]
    assert [(event.tick, event.identity, event.amount) for event in events] == [
        (49, 0, 15),
        (119, -1, 25),
    ]


def test_nothing_lost_in_reach_for_long_is_a_miss_once():
    entities = scene(3 * LONG)
    entities[:, 0, 8] = 1
    actions = np.zeros((3 * LONG, 5), np.int32)
    actions[:, 1] = -1
    actions[5] = (Act.COMMAND, 1, 0, 0, 0)
    assert found(read(entities, actions), PlayOutcome.MISS) == {(4 + LONG, 1)}
    entities[LONG:, 1, HIT_POINTS] = 50
    assert found(read(entities, actions), PlayOutcome.MISS) == {(2 * LONG - 1, 1)}
    entities[:, 1, HIT_POINTS] = UNKNOWN
    assert found(read(entities, actions), PlayOutcome.MISS) == set()


def test_bare_ground_beside_an_enemy_is_a_miss_and_further_away_is_a_way_to_go():
    entities = scene(10)
    actions = np.zeros((10, 5), np.int32)
    actions[:, 1] = -1
    actions[3] = (Act.COMMAND, -1, 130, 100, 0)
    actions[5] = (Act.COMMAND, -1, 300, 100, 0)
    actions[7] = (Act.COMMAND, -1, 112, 100, 0)
    assert found(read(entities, actions), PlayOutcome.MISS) == {(3, 1)}
