"""Snapshots into a pool, opponents out of it, and what happens to a pool meanwhile."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from doubles.arena_trainings import STEPS, tiny
from doubles.arena_writers import policy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from pipeline.play.arena import CheckpointKind, LearnedPolicy, TrainingConfig, train
from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.features import Features
from pipeline.play.arena.learner.model import snapshot_of
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.arena.matches.evaluation import EvaluationResult
from pipeline.play.arena.opponents import pool as pools
from pipeline.play.arena.opponents.pool import OpponentPool
from pipeline.play.arena.opponents.snapshots import PolicySnapshot
from pipeline.play.arena.training import self_play
from pipeline.play.arena.training.run import TrainingRun
from pipeline.play.arena.training.self_play import (
    SeenPool,
    SelfPlayCallback,
    WinRateVsPoolCallback,
)
from pipeline.play.arena.training.state import read_state
from pipeline.progress import silent


class Choosing:
    """Chooses nothing."""

    def choose(self, features: Features, _draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        return np.zeros(len(features), np.int64)


def alone(folder: Path, **changed: Any) -> TrainingConfig:
    """A training by self-play in which nothing is evaluated."""
    fields: dict[str, Any] = {
        "opponents": ("random",),
        "eval_freq": 1000 * STEPS,
        "enable_self_play": True,
        "snapshot_freq": STEPS,
        "pool_max_size": 2,
        "fixed_share": 0.5,
    }
    return tiny(folder, **{**fields, **changed})


class Restarting(BaseCallback):
    """Begins all games again in the middle of each rollout: they last longer than these tests."""

    def _on_step(self) -> bool:
        assert isinstance(self.training_env, SkirmishVecEnv)
        if self.num_timesteps % STEPS == STEPS // 2:
            self.training_env.episodes.restart(np.arange(self.training_env.num_envs))
        return True


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> LearnedPolicy:
    """A training without interruption."""
    return train(alone(tmp_path_factory.mktemp("made")), extra_callbacks=[Restarting()])


def network(seed: int) -> PolicySnapshot:
    torch.manual_seed(seed)
    return snapshot_of(ChoiceNetwork(8))


def first_weight(snapshot: PolicySnapshot) -> float:
    return float(snapshot.tensors["value.weight"][0, 0])


def files(policy: LearnedPolicy) -> list[bytes]:
    """Of the pool."""
    return [file.read_bytes() for file in sorted((policy.folder / "pool").iterdir())]


def test_games_go_on_against_whom_they_met_unless_that_one_is_gone() -> None:
    stays, goes, comes = Choosing(), Choosing(), Choosing()
    episodes = LearnerEpisodes.start(40, [Rival("random"), Rival(stays), Rival(goes)], 0)
    before = episodes.met.copy()
    assert set(before) == {0, 1, 2}
    episodes.meet([Rival("random"), Rival(comes, 5.0), Rival(stays)])
    assert (episodes.met[before == 0] == 0).all()
    assert (episodes.met[before == 1] == 2).all()
    assert (episodes.met[before == 2] == 1).all(), "the newcomer takes over"
    episodes.meet([Rival("random"), Rival(stays)])
    assert (episodes.met[before == 2] == 1).all(), "nobody has come: any policy does"


def test_a_snapshot_is_taken_every_so_often_and_recorded(made: LearnedPolicy) -> None:
    taken = [
        (Path(record.path).name, record.step // STEPS)
        for record in made.checkpoints
        if record.kind == CheckpointKind.SNAPSHOT
    ]
    assert taken == [(f"snapshot_v0000000{number}.safetensors", number) for number in range(1, 7)]
    assert OpponentPool(made.folder / "pool", 2).versions == [5, 6]
    state = read_state(made.folder / f"ppo_skirmish_{3 * STEPS}_steps.safetensors")
    assert [set(one["widths"]) for one in state.facts.callbacks if "widths" in one] == [{"2", "3"}]


def damaged(pool: Path) -> None:
    first, second = sorted(pool.iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:50])


def untouched(_pool: Path) -> None:
    pass


@pytest.mark.parametrize("happens", [untouched, damaged])
def test_an_interrupted_training_meets_whom_it_met(
    made: LearnedPolicy, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    class Interrupted(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps > 5 * STEPS + 40:
                raise KeyboardInterrupt
            return True

    config = alone(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(config, extra_callbacks=[Restarting(), Interrupted()])
    (folder,) = (file.parent for file in tmp_path.glob("*/config.json"))
    # As if killed after the fifth snapshot, and before the checkpoint that has it.
    for steps in (4, 5):
        (folder / f"ppo_skirmish_{steps * STEPS}_steps.safetensors").unlink()
    happens(folder / "pool")
    resumed = train(resume=folder, extra_callbacks=[Restarting()])
    assert resumed.last.read_bytes() == made.last.read_bytes()
    assert files(resumed) == files(made)
    names = [r.path for r in resumed.checkpoints if r.kind == CheckpointKind.SNAPSHOT]
    assert len(names) == len(set(names)) == 6, "nothing is recorded twice"


def test_new_games_are_against_the_others_at_their_share(tmp_path: Path) -> None:
    for latest, members in ((False, 3), (True, 1)):
        episodes = LearnerEpisodes.start(400, [Rival("random", 3.0), Rival("scripted_l1", 1.0)], 0)
        callback = SelfPlayCallback(
            OpponentPool(tmp_path / str(latest)),
            vec_env=SkirmishVecEnv(episodes),
            use_latest=latest,
            fixed_share=0.4,
        )
        run = TrainingRun(alone(tmp_path), None, (), silent)
        callback.model = run._model((Rival("random"),))
        callback.model.set_logger(Logger(None, []))
        callback.on_training_start({}, {})
        assert [rival.weight for rival in episodes.rivals] == [3.0, 1.0], "there is no snapshot"
        for _snapshot in range(3):
            callback.act()
        weights = [rival.weight for rival in episodes.rivals]
        assert weights == pytest.approx([0.3, 0.1, *[0.6 / members] * members])
        episodes.restart(np.arange(400))
        met = Counter(episodes.met.tolist())
        assert met[0] + met[1] == pytest.approx(160, abs=40)
        assert set(met) == set(range(2 + members))


def test_what_others_put_into_the_pool_is_met_where_it_can_be_played(tmp_path: Path) -> None:
    pool = OpponentPool(tmp_path, 9)
    mine = SeenPool(pool)
    mine.add(network(0))
    pool.path_of(0).write_bytes(b"torn")
    pool.add(network(1), 2)  # The next one of its own.
    pool.add(policy(0.5), 3)  # Of another kind.
    pool.add(network(2), 9)
    with pytest.warns(UserWarning, match="snapshot_v") as told:
        mine.add(network(3))
    assert ["cannot be read" in str(one.message) for one in told] == [True, False]
    assert sorted(mine.widths()) == ["1", "2", "4"], "what lies above its own is not met yet"
    pool.max_size = 5
    with pytest.warns(UserWarning, match="no policy that this version plays"):
        mine.add(network(4))
    pool.path_of(3).unlink()
    for number in range(5, 9):
        mine.add(network(number))
    assert list(mine.widths()) == ["6", "7", "8", "9", "10"], "9 is taken, and met"
    latest = mine.sample_latest()
    assert latest is not None
    assert np.array_equal(latest.tensors["value.weight"], network(8).tensors["value.weight"])
    drawn = [mine.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert len({one.tensors["value.weight"].tobytes() for one in drawn if one is not None}) == 5


def test_a_full_disk_ends_a_training_that_then_goes_on(
    made: LearnedPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes, *, private: bool) -> bool:
        if file.name.endswith("3.safetensors"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content, private=private)

    write = pools.write_once
    monkeypatch.setattr(pools, "write_once", full)
    with pytest.raises(OSError, match="No space left"):
        train(alone(tmp_path), extra_callbacks=[Restarting()])
    (folder,) = (file.parent for file in tmp_path.glob("*/config.json"))
    assert OpponentPool(folder / "pool").versions == [1, 2]
    monkeypatch.undo()
    assert files(train(resume=folder, extra_callbacks=[Restarting()])) == files(made)


def test_games_against_the_pool_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[Any, ...]] = []

    def play(_policy: object, opponent: Any, *how: Any, seed: int) -> EvaluationResult:
        played.append((first_weight(snapshot_of(opponent.network)), *how, seed))
        return EvaluationResult(3, 1, 0)

    monkeypatch.setattr(self_play, "run_episodes_with_model", play)
    pool = OpponentPool(tmp_path)
    model = TrainingRun(alone(tmp_path), None, (), silent)._model((Rival("random"),))
    model.set_logger(Logger(None, []))
    latest, any_one = (
        WinRateVsPoolCallback(pool, 100, 4, use_latest=latest) for latest in (True, False)
    )
    for callback in (latest, any_one):
        callback.model = model
        callback.on_training_start({}, {})
    model.num_timesteps = 100
    latest.on_rollout_start()
    assert not played, "nobody is there to be played"
    for version in (1, 2, 3):
        pool.add(network(version), version)
    for rollouts in range(2, 12):
        model.num_timesteps = rollouts * 100
        latest.on_rollout_start()
        any_one.on_rollout_start()
    newest = first_weight(network(3))
    assert played[0] == (newest, 4, True, 200)
    assert {one[0] for one in played[::2]} == {newest}
    assert len({one[0] for one in played[1::2]}) == 3
    assert model.logger.name_to_value["self_play/win_rate_vs_pool"] == 0.75


def test_without_self_play_its_fields_change_nothing(tmp_path: Path) -> None:
    plain = tiny(tmp_path)
    assert plain.digest == tiny(tmp_path, snapshot_freq=7, fixed_share=0.9).digest
    assert plain.digest != alone(tmp_path).digest != alone(tmp_path, snapshot_freq=7).digest
    assert alone(tmp_path, pool_dir=tmp_path).digest == alone(tmp_path).digest
