"""Scripted players act as people do, by what they know alone, and the better ones win."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.play.simulator.games import GameError, Games
from pipeline.play.simulator.matches import win_rate
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.rules import Act
from pipeline.play.simulator.scripted import SKILLS, ScriptedPlayers, decide


@pytest.mark.parametrize(
    ("player", "opponent"), [("scripted_l1", "random"), ("scripted_l5", "scripted_l1")]
)
def test_the_better_one_wins(player, opponent):
    rate = win_rate(player, opponent, games=40)
    assert rate.games == 40
    assert rate.interval.low > 0.5


def test_a_player_meets_itself_from_both_sides_alike():
    rate = win_rate("scripted_l3", "scripted_l3", games=20)
    assert rate.wins * 2 + rate.draws == 20


@pytest.mark.parametrize("name", list(SKILLS))
def test_hands_are_no_faster_than_their_skill(name):
    seeds = range(20)
    games, players = Games.start(seeds), ScriptedPlayers.start(seeds, (name, None))
    ticks: list[list[int]] = [[] for _seed in seeds]
    for tick in range(2400):
        actions = players.act(games)
        assert (actions[:, 1, 0] == Act.NOTHING).all()
        for game in np.flatnonzero(actions[:, 0, 0] != Act.NOTHING):
            ticks[game].append(tick)
        games.step(actions)
    skill = SKILLS[name]
    assert all(len(done) > 2 for done in ticks)
    first = np.array([done[0] for done in ticks])
    assert first.min() >= max(1, skill.reaction // 2)
    assert len(set(first.tolist())) > 1
    counts = [len(done) for done in ticks]
    assert max(counts) <= 2400 / skill.gap + 1


def test_a_decision_is_a_function_of_what_is_known():
    games, players = Games.start([3]), ScriptedPlayers.start([3], ("scripted_l4", "scripted_l2"))
    known, script = observe(games, 0), players.scripts[0, :1]
    kept = script.copy()
    action, _after = decide(known.entities[0], known.status[0], script)
    again, _after = decide(known.entities[0], known.status[0], script)
    assert (action == again).all()
    assert script == kept
    assert action[0] != Act.NOTHING
    hidden = games.copy()
    hidden.entities["hit_points"][0, 8:16] = 1
    hidden.players["stock"][0, 1] = 1000
    other = observe(hidden, 0)
    assert (decide(other.entities[0], other.status[0], script)[0] == action).all()


def test_players_go_on_from_where_they_were_saved():
    seeds = range(3)
    games, players = Games.start(seeds), ScriptedPlayers.start(seeds, ("scripted_l5",) * 2)
    for _tick in range(300):
        games.step(players.act(games))
    saved, kept = games.copy(), players.copy()
    for one, who in ((games, players), (saved, kept)):
        for _tick in range(300):
            one.step(who.act(one))
    assert [games.to_bytes(n) for n in seeds] == [saved.to_bytes(n) for n in seeds]


def test_an_unknown_player_is_refused():
    with pytest.raises(GameError, match="no scripted player 'scripted_l9'"):
        ScriptedPlayers.start([1], ("scripted_l9", None))
