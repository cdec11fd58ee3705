"""What networks are told follows entities, wherever they stand, and is the same from both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.policies.features import (
    ENTITY_FEATURES,
    GOAL_FEATURES,
    STATUS_FEATURES,
    TARGET_FEATURES,
    Features,
    features_of,
    rows_of,
    turn_points,
    with_goal,
    with_target,
)
from detector_runtime.policies.known import (
    ACT,
    COMMAND,
    ENTITY,
    ID,
    KEEP,
    KIND,
    LONG_AGO,
    MAP_SIDE,
    NO_TARGET,
    OWN,
    OWNER,
    PRESS,
    Deeds,
    X,
    Y,
    deeds_before,
)

SLOTS = 12
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


def drawn(seed: int, games: int = 3) -> tuple[np.ndarray, np.ndarray, Deeds]:
    """Entities, of which some are not known, a keep in each game, status and deeds."""
    rng = np.random.default_rng(seed)
    entities = np.stack(
        [
            np.broadcast_to(np.arange(SLOTS), (games, SLOTS)),
            *(
                rng.integers(0, limit, (games, SLOTS))
                for limit in (9, 4, MAP_SIDE, MAP_SIDE, 100, 60, 3, 2, 5, 500, 16)
            ),
        ],
        axis=-1,
    ).astype(np.int32)
    entities[:, 0, [KIND, OWNER]] = KEEP, OWN
    unknown = rng.random((games, SLOTS)) < 0.4
    unknown[:, 0] = False
    entities[unknown] = 0
    entities[unknown, ID] = -1
    status = rng.integers(0, 3600, (games, 4)).astype(np.int32)
    actions = drawn_actions(rng, games)
    deeds = Deeds(
        actions,
        rng.integers(1, LONG_AGO + 1, games),
        rng.integers(-1, SLOTS, games),
        rng.integers(1, LONG_AGO + 1, games),
    )
    return entities, status, deeds


def drawn_actions(rng: np.random.Generator, count: int) -> np.ndarray:
    columns = [
        rng.integers(low, high, count) for low, high in ((0, 4), (-1, SLOTS), (0, 9), (0, 9))
    ]
    return np.stack([*columns, rng.integers(0, 5, count)], axis=-1).astype(np.int32)


@few
@given(seeds)
def test_rows_in_another_order_are_described_the_same(seed: int) -> None:
    entities, status, deeds = drawn(seed, games=1)
    order = np.random.default_rng(seed).permutation(SLOTS)
    first = features_of(entities, status, deeds)
    second = features_of(entities[:, order], status, deeds)
    by_slot = [np.argsort(one.slots[0]) for one in (first, second)]
    for name in ("entities", "places", "slots"):
        ours, theirs = (
            getattr(one, name)[0][rows] for one, rows in zip((first, second), by_slot, strict=True)
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(first.status, second.status, atol=1e-5)


@few
@given(seeds)
def test_both_sides_see_the_same(seed: int) -> None:
    entities, status, deeds = drawn(seed)
    other = entities.copy()
    known = other[:, :, ID] >= 0
    for axis in (X, Y):
        other[:, :, axis] = np.where(known, MAP_SIDE - 1 - entities[:, :, axis], 0)
    ours, theirs = features_of(entities, status, deeds), features_of(other, status, deeds)
    np.testing.assert_array_equal(ours.turned, ~theirs.turned)
    for name in ("entities", "places", "known", "status", "slots"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_keep_on_the_other_diagonal_is_seen_one_way_from_both_sides() -> None:
    entities, status, deeds = drawn(5, games=2)
    entities[:, 1:, ID] = -1
    entities[:, 0, [X, Y]] = (200, MAP_SIDE - 1 - 200), (MAP_SIDE - 1 - 200, 200)
    features = features_of(entities, status, deeds)
    assert features.turned.tolist() == [True, False]
    np.testing.assert_array_equal(features.places[0], features.places[1])


@few
@given(seeds)
def test_a_game_is_described_the_same_among_others(seed: int) -> None:
    entities, status, deeds = drawn(seed)
    together = features_of(entities, status, deeds)
    alone = features_of(entities[1:2], status[1:2], deeds.rows([1]))
    count = alone.known.shape[1]
    np.testing.assert_array_equal(together.entities[1, :count], alone.entities[0])
    np.testing.assert_array_equal(together.status[1], alone.status[0])
    assert not together.entities[1, count:].any()
    assert not together.known[1, count:].any()


@few
@given(seeds)
def test_widths_and_ranges_are_as_stated(seed: int) -> None:
    features = features_of(*drawn(seed))
    assert features.entities.shape[2] == ENTITY_FEATURES
    assert features.status.shape[1] == STATUS_FEATURES
    for array in (features.entities, features.places, features.status):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
        assert np.abs(array).max() <= 20
    status = with_goal(features, np.array([0, 4, -1]))
    assert status.shape[1] == STATUS_FEATURES + GOAL_FEATURES
    assert status[2, STATUS_FEATURES:].sum() == 0
    entities, status = with_target(features, status, np.array([0, NO_TARGET, 0]))
    assert entities.shape[2] == ENTITY_FEATURES + TARGET_FEATURES
    np.testing.assert_array_equal(entities[:, :, -1].sum(axis=1), [1, 0, 1])
    np.testing.assert_array_equal(status[:, -1], [0, 1, 0])


@few
@given(seeds)
def test_pointers_lead_to_slots_and_back(seed: int) -> None:
    features = features_of(*drawn(seed))
    for game, known in enumerate(features.slots):
        for slot in range(-1, SLOTS):
            row = rows_of(one_game(features, game), np.array([slot]))[0]
            if slot == NO_TARGET:
                assert row == 0
            elif slot in known:
                assert known[row - 1] == slot
            else:
                assert row == -1


def one_game(features: Features, game: int) -> Features:
    chosen = slice(game, game + 1)
    return Features(*(getattr(features, name)[chosen] for name in Features.__annotations__))


@few
@given(seeds)
def test_points_turned_twice_are_where_they_were(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, turned = rng.integers(0, MAP_SIDE, (5, 2)), rng.random(5) < 0.5
    there = turn_points(points, turned)
    np.testing.assert_array_equal(turn_points(there, turned), points)
    assert ((there >= 0) & (there < MAP_SIDE)).all()


@few
@given(seeds, st.floats(0, 1))
def test_deeds_of_a_whole_game_are_those_of_each_tick(seed: int, idle: float) -> None:
    rng = np.random.default_rng(seed)
    actions = drawn_actions(rng, 260)
    actions[rng.random(260) < idle] = (0, -1, 0, 0, 0)
    whole, now = deeds_before(actions), Deeds.none(1)
    for tick, action in enumerate(actions):
        for name in Deeds.__annotations__:
            np.testing.assert_array_equal(getattr(whole, name)[tick], getattr(now, name)[0])
        now = now.after(action[None])


def test_an_act_that_is_not_told_leaves_when_it_was() -> None:
    entities, status, deeds = drawn(1, games=1)
    deeds.action[0] = (PRESS, -1, 0, 0, 3)
    told = features_of(entities, status, deeds)
    hidden = features_of(entities, status, deeds, np.array([True]))
    other = Deeds(
        np.array([[COMMAND, 2, 0, 0, 0]]), deeds.since, deeds.commanded, deeds.since_command
    )
    hidden_too = features_of(entities, status, other, np.array([True]))
    assert (told.status != hidden.status).sum() == 3  # the act, its key, and that it is not told
    np.testing.assert_array_equal(hidden.status, hidden_too.status)
    np.testing.assert_array_equal(hidden.entities, hidden_too.entities)


@pytest.mark.parametrize("act", [0, 1, 2, 3])
def test_the_last_command_is_remembered_beyond_other_acts(act: int) -> None:
    first, second = np.array([[COMMAND, 7, 0, 0, 0]]), np.array([[act, 3, 0, 0, 0]])
    deeds = Deeds.none(1).after(first).after(second)
    assert deeds.commanded[0] == (3 if act == COMMAND else 7)
    assert deeds.since_command[0] == (1 if act == COMMAND else 2)
    assert deeds.since[0] == (2 if act == 0 else 1)
    assert (deeds.action[0, ACT], deeds.action[0, ENTITY]) == (
        (COMMAND, 7) if act == 0 else (act, 3)
    )
