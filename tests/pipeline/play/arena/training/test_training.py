"""Trainings of a moment: what they leave, how they go on, what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from doubles.arena_trainings import STEPS, tiny
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.play.arena import CheckpointKind, LearnedPolicy, TrainingConfig, train
from pipeline.play.arena.learner.episodes import REWARD_PARTS
from pipeline.play.arena.learner.model import LearnedModel, load_model, save_model
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.opponents.snapshots import SnapshotError
from pipeline.play.arena.ratings.elo import EloRegistry
from pipeline.play.arena.training.callbacks import EloEvalCallback, RewardBreakdownCallback
from pipeline.play.arena.training.run import TrainingRun
from pipeline.play.arena.training.state import TrainingStateError, read_state
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.progress import silent
from pipeline.training.library.checkpoints import CheckpointMissingError
from pipeline.training.library.config import TrainingConfigError


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy to begin with."""
    file = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_model(ChoiceNetwork(8), file)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, start: Path) -> LearnedPolicy:
    """A training without interruption, near a policy and against it."""
    folder = tmp_path_factory.mktemp("made")
    registry = folder / "elo.json"
    return train(tiny(folder, start_from=start, elo_registry=registry, agent_name="tiny"))


def state_after(policy: LearnedPolicy, rollouts: int) -> Path:
    return policy.folder / f"ppo_skirmish_{rollouts * STEPS}_steps.safetensors"


def test_what_a_training_leaves(made: LearnedPolicy) -> None:
    kinds = [(record.kind, record.step // STEPS) for record in made.checkpoints]
    assert kinds == [
        (CheckpointKind.PERIODIC, 0),
        (CheckpointKind.PERIODIC, 1),
        (CheckpointKind.PERIODIC, 2),
        (CheckpointKind.PERIODIC, 3),
        (CheckpointKind.BEST, 4),
        (CheckpointKind.PERIODIC, 4),
        (CheckpointKind.PERIODIC, 5),
        (CheckpointKind.PERIODIC, 6),
        (CheckpointKind.FINAL, 6),
    ]
    left = sorted(made.folder.glob("*_steps.safetensors"))
    assert left == sorted(state_after(made, rollouts) for rollouts in range(1, 7)), "six are kept"
    assert [one.step for one in made.history.evaluations] == [4 * STEPS]
    assert [set(one.values) for one in made.history.points[1:]] == [
        {"value_loss", "divergence"}
    ] * 5
    assert "wins in training" in made.curves.read_text()
    assert list(made.tensorboard.glob("events.*"))
    assert made.steps == 6 * STEPS
    registry = EloRegistry(made.config.elo_registry)
    assert registry.get_game_count("tiny") == 1


def test_a_checkpoint_is_a_policy_too(made: LearnedPolicy) -> None:
    as_state = load_model(state_after(made, 6)).network.state_dict()
    last = load_model(made.last).network.state_dict()
    assert all(np.array_equal(as_state[name], last[name]) for name in last)


def test_an_interrupted_training_goes_on_to_the_same_bytes(
    made: LearnedPolicy, start: Path, tmp_path: Path
) -> None:
    class Interrupted(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps > 4 * STEPS + 40:
                raise KeyboardInterrupt
            return True

    config = tiny(tmp_path, start_from=start, elo_registry=tmp_path / "elo.json", agent_name="tiny")
    with pytest.raises(KeyboardInterrupt):
        train(config, extra_callbacks=[Interrupted()])
    (folder,) = (file.parent for file in tmp_path.glob("*/config.json"))
    np.random.seed(7)  # What happens between two processes.
    resumed = train(resume=folder)
    assert resumed.run_id == folder.name
    assert resumed.history == made.history
    for rollouts in (5, 6):
        expected, found = (read_state(state_after(one, rollouts)) for one in (made, resumed))
        assert expected.snapshot.to_bytes() == found.snapshot.to_bytes()
        same = {"run_id": "", "seconds": 0.0, "config_hash": ""}
        assert expected.facts.model_copy(update=same) == found.facts.model_copy(update=same)
    assert EloRegistry(tmp_path / "elo.json").get_game_count("tiny") == 1


def test_a_training_that_is_interrupted_at_once_goes_on_in_its_folder(
    start: Path, tmp_path: Path
) -> None:
    class Interrupted(BaseCallback):
        def _on_step(self) -> bool:
            raise KeyboardInterrupt

    config = tiny(tmp_path, start_from=start, total_timesteps=STEPS)
    with pytest.raises(KeyboardInterrupt):
        train(config, extra_callbacks=[Interrupted()])
    (folder,) = (file.parent for file in tmp_path.glob("*/config.json"))
    straight = train(config, checkpoint_dir=tmp_path / "straight")
    assert train(resume=folder).last.read_bytes() == straight.last.read_bytes()


def test_resuming_what_has_ended_changes_nothing(made: LearnedPolicy) -> None:
    before = made.last.read_bytes()
    again = train(resume=state_after(made, 6))
    assert again.last.read_bytes() == before
    assert again.history == made.history
    assert len(again.checkpoints) == len(made.checkpoints)


def test_a_callback_of_somebody_else_is_called(tmp_path: Path) -> None:
    class Counting(BaseCallback):
        steps = 0

        def _on_step(self) -> bool:
            self.steps += 1
            return self.steps < 20

    counting = Counting()
    train(tiny(tmp_path), extra_callbacks=[counting])
    assert counting.steps == 20  # It has ended the training in the second rollout.


def test_what_callbacks_have_counted_is_theirs_again_whoever_else_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(BaseCallback):
        steps = 0

        def counts(self) -> dict[str, Any]:
            return {"steps": self.steps}

        def restore(self, counts: dict[str, Any]) -> None:
            self.steps = counts["steps"]

        def _on_step(self) -> bool:
            self.steps += 1
            return True

    class Sending(BaseCallback):
        def _on_step(self) -> bool:
            return True

    began = train(tiny(tmp_path, total_timesteps=STEPS), extra_callbacks=[Counting()])
    monkeypatch.setattr(TrainingRun, "_sending", lambda _run: iter([Sending()]))
    counting = Counting()
    train(resume=began.folder, total_timesteps=2 * STEPS, extra_callbacks=[counting])
    assert counting.steps == 2 * 16


def test_rewards_are_logged_by_what_they_were_made_of() -> None:
    counting, logger = RewardBreakdownCallback(log_freq=100), Logger(None, [])
    counting.model = SimpleNamespace(num_timesteps=0, logger=logger)  # type: ignore[assignment]
    counting.on_training_start({}, {})

    def step(steps: int, outcomes: Sequence[int]) -> None:
        infos = [
            {
                "reward_parts": {**dict.fromkeys(REWARD_PARTS, 0.25), "outcome": outcome},
                "outcome": outcome,
            }
            for outcome in outcomes
        ]
        counting.locals = {"infos": [*infos, {}]}
        counting.model.num_timesteps = steps
        assert counting.on_step()
        counting.on_rollout_end()

    step(60, [1])
    assert not logger.name_to_value
    step(120, [-1, 1, 1])
    assert logger.name_to_value["rollout/episodes"] == 4
    assert logger.name_to_value["rollout/win_rate"] == 0.75
    assert logger.name_to_value["reward/outcome"] == 0.5
    assert logger.name_to_value["reward/destroyed"] == 0.25
    step(130, [0])
    other = RewardBreakdownCallback(log_freq=100)
    other.restore(counting.counts())
    other.model = counting.model
    other.on_training_end()
    assert logger.name_to_value["rollout/episodes"] == 1
    assert logger.name_to_value["rollout/win_rate"] == 0


def test_whom_it_plays_against_and_what_it_stays_near(start: Path, tmp_path: Path) -> None:
    near = TrainingRun(tiny(tmp_path, start_from=start, opponents=("random",)), None, (), silent)
    near.folder.mkdir(parents=True)
    copied = tuple(near._copied(near._start()))
    assert [type(one.player) for one in copied] == [LearnedModel]
    assert near._model(copied).ent_coef == near.config.kl_coef
    for changed in ({"plays_against_start": False}, {"start_from": None}):
        alone = TrainingRun(tiny(tmp_path, **{"start_from": start, **changed}), None, (), silent)
        assert list(alone._copied(None)) == []
    alone = TrainingRun(tiny(tmp_path, start_from=start, kl_coef=0), None, (), silent)
    model = alone._model(copied)
    assert model.ent_coef == alone.config.ent_coef
    rollout = alone.config.n_envs * alone.config.n_steps / alone.config.total_timesteps
    rates = [model.lr_schedule(left) for left in (1 - rollout, 0.5, 0.0)]
    assert rates == pytest.approx([5e-4, 5e-4 * (0.5 + rollout), 5e-4 * rollout])


def test_the_last_update_is_logged(made: LearnedPolicy) -> None:
    logged = EventAccumulator(str(made.tensorboard))
    logged.Reload()
    steps = [event.step for event in logged.Scalars("train/value_loss")]
    assert steps == [rollouts * STEPS for rollouts in (2, 3, 4, 5, 6, 6)]


def test_games_of_another_training_of_the_same_name_are_rated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Games are counted here, whoever wins them: ten seconds of each are enough.
    monkeypatch.setattr("pipeline.play.policies.judging.MAX_TICKS", 10 * TICKS_A_SECOND)
    registry = EloRegistry(tmp_path / "elo.json")

    def rate(seed: int) -> None:
        torch.manual_seed(seed)
        callback = EloEvalCallback(["random"], 2, registry, "mine", STEPS)
        policy = SimpleNamespace(network=ChoiceNetwork(8))
        logger = Logger(None, [])
        callback.model = SimpleNamespace(  # type: ignore[assignment]
            num_timesteps=STEPS, policy=policy, logger=logger
        )
        callback.on_rollout_start()

    for seed, games in ((1, 2), (1, 2), (2, 4)):
        rate(seed)
        assert registry.get_game_count("mine") == games


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"total_timestep": 1}, "write 'total_timesteps'"),
        ({"n_envs": 0}, "correct 'n_envs'"),
        ({"curriculum_level": 6}, "correct 'curriculum_level'"),
        ({"opponents": ("scripted_l9",)}, "neither one of random"),
        ({"distillation": {"game": 3}}, "distillation.game"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as found:
        TrainingConfig(**fields)
    assert isinstance(found.value, TrainingConfigError)
    with pytest.raises(ValueError, match=told):
        train(**fields)


def damage_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def damage_facts(file: Path) -> None:
    save_model(ChoiceNetwork(8), file)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("damage", "error", "told"),
    [
        (damage_end, TrainingStateError, "No training can go on"),
        (damage_facts, TrainingStateError, "No training can go on"),
        (remove, CheckpointMissingError, "does not exist"),
    ],
)
def test_a_checkpoint_that_is_none_is_told(
    made: LearnedPolicy,
    tmp_path: Path,
    damage: Callable[[Path], None],
    error: type[Exception],
    told: str,
) -> None:
    file = tmp_path / "run" / "ppo_skirmish_768_steps.safetensors"
    file.parent.mkdir()
    file.write_bytes(state_after(made, 6).read_bytes())
    damage(file)
    with pytest.raises(error, match=told):
        train(tiny(tmp_path), resume=file)


def test_another_configuration_is_not_gone_on_with(made: LearnedPolicy) -> None:
    with pytest.raises(TrainingStateError, match="another configuration"):
        train(resume=made.folder, gamma=0.5)
    with pytest.raises(CheckpointMissingError, match="holds no checkpoint"):
        train(resume=made.tensorboard)


def test_a_version_that_is_taken_is_refused_before_training(
    made: LearnedPolicy, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    entered = train(resume=made.folder, registry=registry, version="one")
    assert entered.entry is not None
    assert entered.entry.metrics == {"win_rate": made.history.best[1] if made.history.best else 0}
    with pytest.raises(TrainingConfigError, match="registered already"):
        train(tiny(tmp_path / "other", registry=registry, version="one"))


def test_who_cannot_be_played_or_begun_with_is_told_before_anything_is_learned(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingConfigError, match=r"layers of 8, .* layers of 16"):
        train(tiny(tmp_path, start_from=start, width=16))
    monkeypatch.setattr(TrainingRun, "_start", lambda _run: pytest.fail("it has begun"))
    with pytest.raises(SnapshotError, match="cannot be read"):
        train(tiny(tmp_path, start_from=start, opponents=(str(tmp_path),)))


def test_a_configuration_means_the_same_from_another_folder(
    made: LearnedPolicy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = json.loads((made.folder / "config.json").read_text())
    assert facts["checkpoint_dir"] == str(made.folder.parent)
    monkeypatch.chdir(made.folder)
    name = made.weights.name
    config = TrainingConfig(
        start_from=Path(name), opponents=("random", name), checkpoint_dir=Path("x")
    )
    absolute = TrainingConfig(
        start_from=made.weights, opponents=("random", str(made.weights)), checkpoint_dir=tmp_path
    )
    assert config.resolved().digest == absolute.resolved().digest
    assert config.resolved().checkpoint_dir == made.folder / "x"


def test_names_say_seed_and_level_where_several_share_a_folder(tmp_path: Path) -> None:
    named = train(tiny(tmp_path, enable_v2=True, total_timesteps=STEPS, curriculum_level=2))
    assert named.last.name == "ppo_skirmish_s42_c2_final.safetensors"
    assert named.weights == named.last
    assert train(resume=named.folder).steps == STEPS


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    config = tiny(
        tmp_path / "killed",
        total_timesteps=60 * STEPS,
        eval_freq=1000 * STEPS,
        enable_self_play=True,
        snapshot_freq=2 * STEPS,
        pool_max_size=3,
    )
    code = (
        "import sys; from pipeline.play.arena import TrainingConfig, train;"
        "config = TrainingConfig(**TrainingConfig.model_validate_json(sys.argv[1]).model_dump());"
        "train(config, report=lambda one: print(one.done, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json()], stdout=subprocess.PIPE, text=True
    ) as training:
        assert training.stdout is not None
        for line in training.stdout:
            if int(line) >= 4 * STEPS:
                break
        training.kill()
    assert training.returncode != 0
    (folder,) = (file.parent for file in tmp_path.glob("killed/*/config.json"))
    resumed = train(resume=folder)
    straight = train(config, checkpoint_dir=tmp_path / "straight")
    assert resumed.steps == straight.steps == 60 * STEPS
    assert resumed.last.read_bytes() == straight.last.read_bytes()
    pools = [sorted((one.folder / "pool").iterdir()) for one in (resumed, straight)]
    assert len(pools[0]) == 3
    assert [file.read_bytes() for file in pools[0]] == [file.read_bytes() for file in pools[1]]
