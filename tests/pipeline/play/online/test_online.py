"""Policies that learn while they play; whatever happens to the trainer, the champion plays on."""

from __future__ import annotations

import time

import numpy as np
import pytest
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.online.messages import Candidate, Decided, OnlineTask
from pipeline.play.online.online import Online
from pipeline.play.online.playing import CANDIDATE, CHAMPION, play_round
from pipeline.play.online.settings import OnlineSettings

BRIEF = OnlineSettings(
    games=1, steps=2, smallest=16, batch=16, learning_rate=3e-3, keep_every=2, kept=1
)


@pytest.fixture
def task(tmp_path, policies):
    return OnlineTask(policies, BRIEF, tmp_path / "new")


def acts_of(networks, game):
    player = PolicyPlayer(networks, seed=3)
    pairs = zip(game.entities[:200], game.status[:200], strict=True)
    return np.concatenate([player.act(entities, status) for entities, status in pairs])


def hand_over(online, game, name):
    for tick in game.ticks(name):
        online.watch(tick, patient=True)
    online.end(name)
    online.settle()


@pytest.mark.exhaustive
def test_a_candidate_plays_until_the_guard_ends_it(task, policies, games):
    news = []
    with Online.start(task, news.append) as online:
        assert online.candidate is online.champion
        online.compare(online.champion, 0.0, 0.0)
        hand_over(online, games[0], "first")
        first = online.candidate
        assert (first.test, first.training) == (1, 1)
        np.testing.assert_array_equal(
            acts_of(first.networks, games[0]),
            acts_of(PolicyNetworks.load(task.folder / "candidate"), games[0]),
        )
        player = PolicyPlayer(first.networks)
        assert online.exchange(player, first) is first
        for _count in range(40):
            online.compare(first, 1.0, -4.0)
        online.settle()
        assert online.candidate is online.champion
        assert online.exchange(player, first) is online.champion
        assert player._networks is online.champion.networks
        assert online.exchange(player, online.champion) is online.champion

        hand_over(online, games[1], "second")
        second = online.candidate
        for _count in range(60):
            online.compare(second, -4.0, 1.0)
        online.settle()
        assert online.champion.networks is second.networks
        assert (online.champion.test, online.candidate.test) == (0, 3)
        assert online.exchange(player, second) is second
    assert online.trouble is None
    assert [type(one) for one in news] == [Candidate, Decided, Candidate, Decided]
    assert [one.verdict for one in news if isinstance(one, Decided)] == ["worse", "better"]
    np.testing.assert_array_equal(
        acts_of(online.champion.networks, games[0]),
        acts_of(PolicyNetworks.load(task.folder), games[0]),
    )

    with Online.start(task) as online:
        assert (online.candidate.test, online.candidate.training) == (3, 2)


@pytest.mark.slow
def test_the_champion_plays_on_when_the_trainer_is_killed(task, games):
    with Online.start(task) as online:
        online._candidate = online.champion._replace(test=1)
        player = PolicyPlayer(online.candidate.networks)
        online._process.kill()
        ends = time.monotonic() + 60
        while online.trouble is None:
            assert time.monotonic() < ends
            time.sleep(0.01)
        assert "has ended by itself" in str(online.trouble)
        assert online.exchange(player, online._candidate) is online.champion
        assert online.candidate is online.champion
        hand_over(online, games[0], "first")
        assert len(acts_of(online.champion.networks, games[0])) == 200


@pytest.mark.exhaustive
def test_a_game_of_which_ticks_are_missed_is_not_learned_from(task, games, monkeypatch):
    news = []
    with Online.start(task, news.append) as online:
        monkeypatch.setattr("pipeline.play.background.trainer.BACKLOG", 5)
        for tick in games[0].ticks("torn"):
            online.watch(tick)
        assert online.missed > 0
        monkeypatch.setattr("pipeline.play.background.trainer.BACKLOG", 4000)
        online.end("torn")
        online.settle()
        assert news == []
        hand_over(online, games[0], "whole")
        assert len(news) == 1


@pytest.mark.exhaustive
def test_both_play_the_same_games_and_the_guard_hears_of_each_map(task, monkeypatch):
    monkeypatch.setattr("pipeline.play.policies.judging.MAX_TICKS", 1200)
    told = []
    with Online.start(task) as online:
        first = play_round(online, "scripted_l1", [5])
        assert list(first) == [CHAMPION]
        candidate = online.candidate
        assert candidate.test == 1
        online.compare = lambda *given: told.append(given)
        second = play_round(online, "scripted_l1", [6])
        assert online.trouble is None
        # Equal weights draw equal chances, and play equal games.
        online._candidate = online.champion._replace(test=1)
        third = play_round(online, "scripted_l1", [6])
    assert list(second) == [CHAMPION, CANDIDATE]
    means = [second[name].returns.mean() for name in (CHAMPION, CANDIDATE)]
    assert told[0] == (candidate, pytest.approx(means[0]), pytest.approx(means[1]))
    assert (third[CHAMPION].returns == third[CANDIDATE].returns).all()
    assert (third[CHAMPION].returns == second[CHAMPION].returns).all()
