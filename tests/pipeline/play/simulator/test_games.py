"""Games are the same from the same seed and actions, alone or in a batch, and keep the rules."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import numpy as np
import pytest
from doubles.plain_game import PlainGame, differences
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.play.simulator import player_kernel, rules, tick_kernel
from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.maps import MAPS, map_count, map_of
from pipeline.play.simulator.observation import Column, lit_cells, observe
from pipeline.play.simulator.rules import (
    CELL,
    FIGURES,
    SUBPIXELS,
    UNITS,
    Act,
    Ground,
    Key,
    Kind,
    Order,
)
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers

few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, (1 << 63) - 1)


def any_actions(games: Games, rng: np.random.Generator) -> np.ndarray:
    """Clicks on entities, clicks on the ground, keys, nonsense; often nothing."""
    shape = (len(games), games.player_count)
    actions = games.no_actions()
    actions[..., 0] = rng.choice([0, 0, 0, 0, 1, 2, 2, 3, 3, 7], shape)
    actions[..., 1] = rng.integers(-60, games.slot_count + 2, shape)
    reach = np.where(actions[..., 1] < 0, 1040, 12)
    for axis in (2, 3):
        actions[..., axis] = rng.integers(-10, 1040, shape) % reach
    actions[..., 4] = rng.choice([0, 1, 2, 2, 2, 3, 4, 9], shape)
    return actions


def played(games: Games, seed: int, ticks: int) -> Games:
    rng = np.random.default_rng(seed)
    for _tick in range(ticks):
        games.step(any_actions(games, rng))
    return games


@few
@given(seeds, st.integers(1, 2), st.integers(0, 1 << 30))
def test_compiled_rules_are_the_plain_ones(seed, players_a_side, chance):
    games = Games.start([seed], players_a_side)
    plain, rng = PlainGame(games), np.random.default_rng(chance)
    for tick in range(100):
        actions = any_actions(games, rng)
        games.step(actions)
        plain.step([tuple(row) for row in actions[0].tolist()])
        assert differences(plain, games) == [], tick


def test_a_game_of_fights_and_loot_is_the_plain_one():
    games = Games.start([5])
    players = ScriptedPlayers.start([5], ("scripted_l2", "scripted_l3"))
    plain = PlainGame(games)
    for _tick in range(1400):
        actions = players.act(games)
        games.step(actions)
        plain.step([tuple(row) for row in actions[0].tolist()])
        if games.clocks["tick"][0] % 50 == 0:
            assert differences(plain, games) == []
    assert differences(plain, games) == []
    assert plain.tick == 1400
    assert all(player.stock > 0 for player in plain.players)
    assert sum(thing.present for thing in plain.movers) < len(plain.movers)


@few
@given(st.lists(seeds, min_size=2, max_size=6), st.integers(0, 1 << 30))
def test_a_game_is_the_same_alone_and_in_a_batch(of_games, chance):
    batch = Games.start(of_games)
    rng = np.random.default_rng(chance)
    done = [any_actions(batch, rng) for _tick in range(60)]
    for actions in done:
        batch.step(actions)
    for number, seed in enumerate(of_games):
        alone = Games.start([seed])
        for actions in done:
            alone.step(actions[number : number + 1])
        assert alone.to_bytes(0) == batch.to_bytes(number)


def test_bytes_of_a_game_are_the_same_on_every_machine():
    games = Games.start(range(4))
    players = ScriptedPlayers.start(range(4), ("scripted_l5", "scripted_l3"))
    for _tick in range(1200):
        games.step(players.act(games))
    digest = hashlib.sha256(b"".join(games.to_bytes(n) for n in range(4))).hexdigest()
    assert digest[:16] == "947e29da53f8defb"


def test_several_ticks_at_once_are_single_ones():
    at_once, one_by_one = Games.start([1, 2]), Games.start([1, 2])
    actions = any_actions(at_once, np.random.default_rng(3))
    at_once.step(actions, ticks=7)
    one_by_one.step(actions)
    for _tick in range(6):
        one_by_one.step(one_by_one.no_actions())
    assert at_once.to_bytes(1) == one_by_one.to_bytes(1)


@few
@given(seeds, st.integers(0, 200), st.integers(0, 1 << 30))
def test_a_game_goes_on_from_where_it_was_saved(seed, ticks, chance):
    games = played(Games.start([seed, 3]), chance, ticks)
    saved = [games.to_bytes(n) for n in range(2)]
    restored = Games.from_bytes(saved)
    assert [restored.to_bytes(n) for n in range(2)] == saved
    assert played(restored, 9, 40).to_bytes(0) == played(games, 9, 40).to_bytes(0)


@few
@given(st.data())
def test_a_damaged_state_is_refused_or_can_be_played(data):
    state = bytearray(played(Games.start([4]), 1, 30).to_bytes(0))
    for _change in range(data.draw(st.integers(1, 4))):
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
    with suppress(GameError):
        played(Games.from_bytes([bytes(state)]), 2, 60)


@pytest.mark.parametrize(
    ("array", "name", "value"),
    [
        ("clocks", "map", -1), ("clocks", "map", map_count()), ("clocks", "random", 0),
        ("entities", "kind", 9), ("entities", "owner", 5), ("entities", "order", 5),
        ("entities", "order", Order.ATTACK), ("entities", "order", Order.GATHER),
        ("entities", "target", -2), ("entities", "target", 44), ("entities", "job", -2),
        ("entities", "job", 44), ("entities", "x", -1), ("entities", "y", 1024 * SUBPIXELS),
        ("entities", "goal_x", -1), ("entities", "goal_y", -1), ("entities", "way_x", -1),
        ("entities", "way_y", -1), ("memory", "x", -1), ("memory", "y", 1024 * SUBPIXELS),
    ],
)  # fmt: skip
def test_a_state_that_points_nowhere_is_refused(array, name, value):
    games = Games.start([4])
    getattr(games, array)[name].flat[0] = value
    with pytest.raises(GameError, match="damaged"):
        Games.from_bytes([games.to_bytes(0)])


def test_a_state_of_teams_on_a_drawn_map_is_refused():
    games = Games.start([4], 2)
    games.clocks["map"] = MAPS
    with pytest.raises(GameError, match="damaged"):
        Games.from_bytes([games.to_bytes(0)], 2)


@few
@given(seeds, st.integers(0, 1 << 30))
def test_the_rules_hold_at_every_moment(seed, chance):
    games = Games.start([seed])
    ground, rng = map_of(int(games.clocks["map"][0])).ground, np.random.default_rng(chance)
    players = ScriptedPlayers.start([seed], ("scripted_l5", "scripted_l4"))
    wealth = wealth_of(games)
    most = np.array([FIGURES[kind].hit_points for kind in Kind])
    for tick in range(900):
        actions = players.act(games)
        games.step(np.where(rng.random() < 0.05, any_actions(games, rng), actions))
        if tick % 10:
            continue
        entities = games.entities[0]
        there = entities[entities["present"] == 1]
        assert (there["hit_points"] <= most[there["kind"]]).all()
        assert (entities["hit_points"] >= 0).all()
        units = there[there["kind"] < Kind.KEEP]
        assert (units["hit_points"] > 0).all()
        stands_on = ground[units["y"] // (CELL * SUBPIXELS), units["x"] // (CELL * SUBPIXELS)]
        afloat = units["kind"] == Kind.WARSHIP
        assert (stands_on == np.where(afloat, Ground.WATER, Ground.LAND)).all()
        assert wealth_of(games) == wealth


def wealth_of(games: Games) -> int:
    """All there is: in mines, bushes and piles, carried, brought home, and worn by the living."""
    entities = games.entities[0]
    loot = np.array([FIGURES[kind].loot for kind in Kind])
    alive = (entities["present"] == 1) & (entities["owner"] >= 0)
    return int(
        entities["carries"].sum()
        + games.players["stock"].sum()
        + loot[entities["kind"]][alive].sum()
    )


@few
@given(seeds, st.integers(0, 1 << 30))
def test_nothing_out_of_sight_is_known(seed, chance):
    games = Games.start([seed])
    players = ScriptedPlayers.start([seed], ("scripted_l5", "scripted_l5"))
    for tick in range(700):
        games.step(players.act(games))
        if tick % 7:
            continue
        for player in range(2):
            entities, rows = games.entities[0], observe(games, player).entities[0]
            places = np.stack([entities["x"], entities["y"]], axis=1) // SUBPIXELS
            lit, known = lit_cells(games.in_sight[0, player]), rows[:, Column.KNOWN]
            seen = (entities["present"] == 1) & lit[places[:, 1] // 32, places[:, 0] // 32]
            assert ((known == 1) == seen).all()
            assert (rows[seen][:, [Column.X, Column.Y]] == places[seen]).all()
            remembered = rows[known == 2]
            assert not lit[remembered[:, Column.Y] // 32, remembered[:, Column.X] // 32].any()
            assert not remembered[:, Column.HEADING].any()
            assert not rows[rows[:, Column.OWNER] != 0][:, [Column.ORDER, Column.SELECTED]].any()
            assert (rows[known == 0][:, Column.ID] == -1).all()
            assert not rows[known == 0][:, 1:].any()


@pytest.mark.parametrize("ticks", [0, 700])
def test_what_happens_out_of_sight_changes_no_observation(ticks):
    games = Games.start(range(6))
    players = ScriptedPlayers.start(range(6), ("scripted_l5", "scripted_l5"))
    for _tick in range(ticks):
        games.step(players.act(games))
    other, known = games.copy(), observe(games, 0).entities[..., Column.KNOWN]
    hidden = (known != 1) & (games.entities["owner"] != 0)
    assert (known[hidden] == 2).any() == (ticks > 0)
    for name in ("x", "y", "hit_points", "carries", "heading"):
        other.entities[name][hidden] += 3
    other.entities["order"][hidden] = Order.MOVE
    other.entities["present"][hidden] ^= 1
    for name in ("selected", "stock", "score"):
        other.players[name][:, 1] += 7
    assert (observe(games, 0).entities == observe(other, 0).entities).all()
    assert (observe(games, 0).status == observe(other, 0).status).all()


def test_every_game_ends():
    games = Games.start(range(6))
    games.step(games.no_actions(), ticks=rules.MAX_TICKS + 5)
    assert (games.clocks["result"] != rules.Result.RUNNING).all()
    assert (games.clocks["tick"] == rules.MAX_TICKS).all()


def test_after_the_last_tick_the_higher_score_wins():
    games = Games.start([1, 2, 3])
    games.clocks["tick"] = rules.MAX_TICKS - 2
    games.players["score"] = [[3, 2], [2, 3], [3, 3]]
    games.step(games.no_actions())
    assert games.clocks["result"].tolist() == [0, 0, 0]
    games.step(games.no_actions())
    assert games.clocks["result"].tolist() == [1, 2, 3]


def test_a_side_without_units_or_keeps_has_lost():
    games = Games.start([1, 2, 3])
    games.entities["present"][0, :UNITS] = 0
    games.entities["present"][1, 2 * UNITS + 1] = 0
    games.entities["present"][2, : 2 * UNITS] = 0
    games.step(games.no_actions())
    assert games.clocks["result"].tolist() == [2, 1, 3]
    ended = games.to_bytes(0)
    games.step(any_actions(games, np.random.default_rng(1)), ticks=5)
    assert games.to_bytes(0) == ended


def test_workers_bring_home_what_they_gather():
    games = Games.start([4])
    actions = games.no_actions()
    actions[0, 0] = (Act.KEY, -1, 0, 0, Key.WORKERS)
    games.step(actions)
    mine = int(np.flatnonzero(games.memory["tick"][0, 0, 18:21] >= 0)[0]) + 18
    actions[0, 0] = (Act.COMMAND, mine, 0, 0, 0)
    games.step(actions)
    games.step(games.no_actions(), ticks=900)
    assert games.players["stock"][0].tolist()[0] >= 40
    assert games.players["stock"][0, 1] == 0


def test_a_click_means_what_lies_below_it():
    games = Games.start([4])
    x, y = (int(games.entities[axis][0, 6]) // SUBPIXELS for axis in ("x", "y"))
    actions = games.no_actions()
    actions[0, 0] = (Act.SELECT, -1, x + 3, y - 2, 0)
    actions[0, 1] = (Act.SELECT, 6, 0, 0, 0)  # Not its own, and never seen.
    games.step(actions)
    assert games.players["selected"][0].tolist() == [1 << 6, 0]


@pytest.mark.parametrize("kernel", [tick_kernel, player_kernel])
def test_numbers_that_stand_in_kernels_are_those_of_the_rules(kernel):
    def agree(*pairs):
        for name, value in pairs:
            assert getattr(kernel, name, value) == value, name

    agree(
        ("TICKS_AT_MOST", rules.MAX_TICKS), ("SUBPIXELS", SUBPIXELS),
        ("CELL_SUBPIXELS", CELL * SUBPIXELS), ("FOG_SUBPIXELS", CELL * SUBPIXELS // 2),
        ("SIDE_SUBPIXELS", rules.MAP_SIDE * SUBPIXELS),
        ("MAP_SIDE", rules.MAP_SIDE), ("UNITS", UNITS), ("RESOURCES", rules.RESOURCES),
        ("TAKEN_AT_ONCE", rules.TAKEN_AT_ONCE), ("GATHERING_TICKS", rules.GATHERING_TICKS),
        ("HEALING_REACH", rules.HEALING_REACH * SUBPIXELS), ("HEALING_TICKS", rules.HEALING_TICKS),
        ("TOUCH", rules.TOUCH * SUBPIXELS), ("DRAW", rules.Result.DRAW), ("RUNNING", 0),
        ("NO_ACT", Act.NOTHING),
    )  # fmt: skip
    for enum, prefix in ((Kind, ""), (Order, ""), (Key, "KEY_"), (Column, ""), (Goal, "")):
        agree(*((prefix + member.name, member.value) for member in enum))
    agree(*((act.name, act.value) for act in (Act.SELECT, Act.COMMAND, Act.KEY)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Games.start([]), "need a seed"),
        (lambda: Games.start([-1]), "need a seed"),
        (lambda: Games.start([1], players_a_side=5), "5 players a side"),
        (lambda: Games.start([1]).step(np.zeros((1, 3, 5), np.int32)), "shape"),
        (lambda: Games.from_bytes([b"123"]), "3 bytes"),
        (lambda: Games.from_bytes([]), "no state"),
        (lambda: Games.from_bytes([Games.start([1], 2).to_bytes(0)]), "bytes in place of"),
        (lambda: Games.from_bytes([b"\xff" * len(Games.start([1]).to_bytes(0))]), "damaged"),
    ],
)
def test_what_cannot_be_played_is_refused(make, says):
    with pytest.raises(GameError, match=says):
        make()
