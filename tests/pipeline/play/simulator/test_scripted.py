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


@pytest.fixture(scope="module")
def acted() -> dict[str, np.ndarray]:
    """Whether players acted against nobody, by their name: bool [2400 ticks, 10 games, 2]."""
    seeds = range(10)
    starts = [ScriptedPlayers.start(seeds, (name, None)).scripts for name in SKILLS]
    games, players = Games.start([*seeds] * len(SKILLS)), ScriptedPlayers(np.concatenate(starts))
    ticks = []
    for _tick in range(2400):
        actions = players.act(games)
        ticks.append(actions[..., 0] != Act.NOTHING)
        games.step(actions)
    return dict(zip(SKILLS, np.split(np.stack(ticks), len(SKILLS), axis=1), strict=True))


@pytest.mark.parametrize("name", list(SKILLS))
def test_hands_are_no_faster_than_their_skill(acted, name):
    skill, done = SKILLS[name], acted[name][..., 0]
    assert not acted[name][..., 1].any()
    counts = done.sum(axis=0)
    assert counts.min() > 2
    assert counts.max() <= 2400 / skill.gap + 1
    first = done.argmax(axis=0)
    assert first.min() >= max(1, skill.reaction // 2)
    assert len(set(first.tolist())) > 1


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
