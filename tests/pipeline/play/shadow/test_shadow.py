"""Weights arrive while somebody plays; whatever happens to the trainer, play goes on."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest
from detector_runtime.errors import ModelLoadError
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.policies.checkpoints import file_of
from pipeline.play.shadow.moments import ticks_of
from pipeline.play.shadow.shadow import Shadow
from pipeline.play.shadow.trainer import TrainerTask


@pytest.fixture
def task(tmp_path, policies, old, brief):
    return TrainerTask(policies, old, brief, tmp_path / "new")


def acts_of(player, ticks):
    return np.concatenate([player.act(tick.entities, tick.status) for tick in ticks])


def until_trouble(shadow, tick):
    """Play on until the trouble is known; it must be, in a while."""
    ends = time.monotonic() + 60
    while shadow.trouble is None:
        assert time.monotonic() < ends
        shadow.watch(tick)
        time.sleep(0.01)
    return str(shadow.trouble)


@pytest.mark.slow
def test_newer_weights_play_as_those_in_the_folder(task, policies, watched):
    ticks = ticks_of(watched[0])
    news = []
    with Shadow.start(task, news.append) as shadow:
        player = PolicyPlayer(shadow.networks, seed=3)
        before = shadow.networks
        assert shadow.exchange(player)
        assert not shadow.exchange(player)
        for tick in ticks[:1300]:
            shadow.watch(tick, patient=True)
    assert shadow.trouble is None
    assert shadow.missed == 0
    assert {one.role for one in news} == {"strategist", "tactician", "executor"}
    assert all((one.weights is not None) == one.update["is_better"] for one in news)
    assert shadow.exchange(player)
    seen = ticks[:200]
    now = acts_of(PolicyPlayer(shadow.networks, seed=3), seen)
    np.testing.assert_array_equal(
        now, acts_of(PolicyPlayer(PolicyNetworks.load(task.folder), seed=3), seen)
    )
    at_first = acts_of(PolicyPlayer(before, seed=3), seen)
    np.testing.assert_array_equal(
        at_first, acts_of(PolicyPlayer(PolicyNetworks.load(policies), seed=3), seen)
    )
    assert (now != at_first).any()


@pytest.mark.slow
def test_play_goes_on_when_the_trainer_is_killed(task, watched):
    ticks = ticks_of(watched[0])
    with Shadow.start(task) as shadow:
        player = PolicyPlayer(shadow.networks)
        shadow._process.kill()
        text = until_trouble(shadow, ticks[0])
        assert "has ended by itself" in text
        assert len(acts_of(player, ticks[:10])) == 10
        shadow.watch(ticks[1])
    assert str(shadow.trouble) == text


@pytest.mark.slow
def test_play_goes_on_when_whoever_is_told_of_news_fails(task, watched):
    def fail(_news):
        raise BrokenPipeError

    with Shadow.start(task, fail) as shadow:
        for tick in ticks_of(watched[0])[:1300]:
            shadow.watch(tick, patient=True)
    assert "has failed: BrokenPipeError" in str(shadow.trouble)


@pytest.mark.slow
def test_play_goes_on_when_another_game_is_watched(task, watched):
    tick = ticks_of(watched[0])[0]
    with Shadow.start(task) as shadow:
        assert "in this game, not" in until_trouble(
            shadow, tick._replace(status=np.zeros(7, np.int32))
        )


@pytest.mark.exhaustive
def test_play_goes_on_with_a_torn_checkpoint(task, policies, watched):
    torn = file_of(task.folder / "executor", "last")
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"torn")
    ticks = ticks_of(watched[0])
    with Shadow.start(task) as shadow:
        assert "cannot be read" in str(shadow.trouble)
        shadow.watch(ticks[0])
        assert len(acts_of(PolicyPlayer(shadow.networks), ticks[:10])) == 10


@pytest.mark.slow
def test_what_the_trainer_has_no_time_for_is_missed_and_counted(task, watched, monkeypatch):
    monkeypatch.setattr("pipeline.play.background.trainer.BACKLOG", 5)
    ticks = ticks_of(watched[0])
    with Shadow.start(task) as shadow:
        for tick in ticks[:3000]:
            shadow.watch(tick)
    assert shadow.missed > 0
    assert shadow.trouble is None


@pytest.mark.exhaustive
def test_what_is_ended_on_purpose_is_no_trouble(task):
    with pytest.raises(KeyError), Shadow.start(task) as shadow:
        raise KeyError
    shadow._is_over.wait(60)
    assert shadow.trouble is None


def test_policies_of_something_else_are_refused_before_play(tmp_path, task, policies):
    wrong = tmp_path / "wrong"
    shutil.copytree(policies, wrong)
    shutil.copy(wrong / "tactician.onnx", wrong / "executor.onnx")
    with pytest.raises(ModelLoadError, match="is no executor"):
        Shadow.start(TrainerTask(wrong, task.old, task.settings, task.folder))
    assert not task.folder.exists()
