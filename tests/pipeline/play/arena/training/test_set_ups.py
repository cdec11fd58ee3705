"""Trainings in set-ups: what is played, what evaluations are of, and what others keep."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from pipeline.manifests import digest_of
from pipeline.play.arena import EvaluationResult, TrainingConfig, run_episodes_with_model
from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.arena.matches.evaluation import EpisodesError
from pipeline.play.arena.training.callbacks import ManifestEvalCallback
from pipeline.play.arena.training.config import SELF_PLAY, WHERE
from pipeline.play.arena.training.run import TrainingRun
from pipeline.play.simulator.hand_made.scenarios import Scenario, drawn_scenarios
from pipeline.play.simulator.maps import MAPS
from pipeline.progress import silent

LOST = Scenario.model_validate(
    {
        "name": "lost",
        "map": "plain",
        "first": [
            {"kind": "keep", "x": 160, "y": 160, "hit_points": 1},
            {"kind": "worker", "x": 400, "y": 160},
        ],
        "second": [
            {"kind": "keep", "x": 863, "y": 863},
            {"kind": "rider", "x": 190, "y": 185},
        ],
    }
)
"""The first side's keep falls at once."""


@pytest.mark.slow
def test_games_of_a_training_begin_with_its_set_ups(tmp_path: Path) -> None:
    drawn = drawn_scenarios()
    config = TrainingConfig(scenarios=drawn, n_envs=32, checkpoint_dir=tmp_path)
    model = TrainingRun(config, None, (), silent)._model((Rival("random"),))
    assert isinstance(model.env, SkirmishVecEnv)
    numbers = model.env.episodes.games.clocks["map"]
    assert numbers.min() >= MAPS
    assert len(np.unique(numbers)) > 3
    without = LearnerEpisodes.start(32, [Rival("random")], config.seed).games.clocks["map"]
    assert without.max() < MAPS


def test_evaluations_are_of_the_set_ups(tmp_path: Path) -> None:
    as_games = {"scenarios": (LOST,)}
    played = run_episodes_with_model("scripted_l1", "random", 8, seed=0, env_kwargs=as_games)
    assert played == EvaluationResult(4, 0, 4)
    opponents, file = {"random": "random"}, tmp_path / "best.safetensors"
    callback = ManifestEvalCallback(opponents, 8, 1, file, lambda *_: None, scenarios=(LOST,))
    callback.model = SimpleNamespace(  # type: ignore[assignment]
        num_timesteps=1, policy=SimpleNamespace(network=ChoiceNetwork(8)), logger=Logger(None, [])
    )
    callback.on_rollout_start()
    (evaluated,) = callback.evaluations
    assert (evaluated.wins, evaluated.draws, evaluated.losses) == (4, 0, 4)


def test_teams_have_no_set_ups() -> None:
    as_games = {"scenarios": (LOST,), "players_a_side": 2}
    with pytest.raises(EpisodesError, match="one against one"):
        run_episodes_with_model("random", "random", 2, env_kwargs=as_games)


def test_set_ups_belong_to_what_is_learned_and_others_keep_their_digest() -> None:
    # So that trainings of before there were set-ups go on.
    before = TrainingConfig().model_dump(mode="json", exclude={*WHERE, *SELF_PLAY, "scenarios"})
    assert TrainingConfig().digest == digest_of(before)[:16]
    assert TrainingConfig(scenarios=(LOST,)).digest != TrainingConfig().digest
