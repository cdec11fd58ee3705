"""The learner's games for Gymnasium and Stable-Baselines3, and PPO on them."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env as check_with_gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_with_stable_baselines
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from pipeline.play.arena.learner.environments import SkirmishChoiceEnv, SkirmishVecEnv
from pipeline.play.arena.learner.episodes import REWARD_PARTS, LearnerEpisodes
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.model import LearnedModel
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.policy import ChoicePolicy
from pipeline.play.arena.learner.rivals import Rival, draw_rivals
from pipeline.play.simulator.environments.episodes import to_choice
from pipeline.play.simulator.environments.vector import SkirmishVectorEnv
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import MAX_TICKS


def test_checkers_find_nothing_wrong() -> None:
    environment = SkirmishChoiceEnv()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "`check_env(...)` was successful")  # Not of ours.
        warnings.filterwarnings("ignore", ".*not registered with an.*")
        warnings.filterwarnings("ignore", ".*no spec.*|.*spec` attribute.*")
        check_with_stable_baselines(environment)
        check_with_gymnasium(environment, skip_render_check=True)


def test_rewards_and_games_are_those_of_the_vector_environment() -> None:
    ours = SkirmishVecEnv(LearnerEpisodes.start(2, [Rival("scripted_l3")], 0))
    theirs = SkirmishVectorEnv(2, "scripted_l3")
    theirs.reset(seed=0)
    # The same games: the learner plays on the first side in the first of ours alone.
    games, scripts = ours.episodes.games, ours.episodes.scripts
    theirs._episodes.games.put([0, 1], games)
    theirs._episodes.players.scripts[:] = scripts.scripts
    rng = np.random.default_rng(0)
    for _step in range(60):
        choices = rng.integers(0, layout_of(0).choices, 2)
        actions = to_choice(layout_of(0).actions[choices])
        _features, rewards, ended, _infos = ours.step(choices)
        _observation, expected, *_rest = theirs.step(actions)
        assert rewards[0] == pytest.approx(expected[0])
        assert games.to_bytes(0) == theirs._episodes.games.to_bytes(0)
        assert not ended.any()


def test_a_game_that_ends_begins_again_and_says_how_it_ended() -> None:
    environment = SkirmishVecEnv(LearnerEpisodes.start(3, [Rival("scripted_l1")], 1))
    environment.episodes.games.clocks["tick"][1] = MAX_TICKS - 4
    environment.episodes.games.players["score"][1, 1] = 50
    before = environment.episodes.features()
    features, rewards, ended, infos = environment.step(np.zeros(3, np.int64))
    assert ended.tolist() == [False, True, False]
    told = infos[1]
    # The second of three games is played from the second side.
    assert told["outcome"] == 1
    assert told["result"] == "SECOND_SIDE"
    assert sum(told["reward_parts"].values()) == pytest.approx(told["episode"]["r"])
    assert tuple(told["reward_parts"]) == REWARD_PARTS
    assert rewards[1] == pytest.approx(1.5)  # With the points that it was given here.
    assert told["terminal_observation"][2] == 1.0  # All of its time is over.
    assert features[1, 2] == 0.0
    assert infos[0] == {}
    assert before.shape == features.shape
    assert environment.episodes.parts[1].tolist() == [0.0] * 5


def test_a_policy_is_met_as_often_as_its_weight_says_and_plays_like_itself() -> None:
    torch.manual_seed(0)
    model = LearnedModel(ChoiceNetwork(8))
    rivals = (Rival("scripted_l3", 1.0), Rival(model, 3.0))
    met = draw_rivals(rivals, 4000, np.random.default_rng(0))
    assert (met == 1).mean() == pytest.approx(0.75, abs=0.03)
    episodes = LearnerEpisodes.start(40, rivals, 0)
    assert set(episodes.met) == {0, 1}
    for _step in range(30):
        episodes.step(np.zeros(40, np.int64))
    others = 1 - episodes.sides
    acted = episodes.games.players["selected"][np.arange(40), others] != 0
    assert acted[episodes.met == 1].mean() > 0.9


def test_games_against_nobody_are_refused() -> None:
    with pytest.raises(GameError, match="cannot be played"):
        LearnerEpisodes.start(4, [], 0)
    with pytest.raises(GameError, match="no scripted player"):
        LearnerEpisodes.start(4, [Rival("scripted_l9")], 0)


@pytest.mark.exhaustive
def test_ppo_reaches_the_published_score_of_cart_pole() -> None:
    """500 of 500, with the settings and steps of RL Baselines3 Zoo, and our policy."""
    environment = make_vec_env("CartPole-v1", n_envs=8, seed=0)
    model = PPO(
        ChoicePolicy,
        environment,
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=lambda left: left * 0.001,
        clip_range=lambda left: left * 0.2,
        policy_kwargs={"width": 64, "shape": (4, 2)},
        seed=0,
        device="cpu",
    )
    model.learn(100_000)
    mean, _deviation = evaluate_policy(model, gymnasium.make("CartPole-v1"), n_eval_episodes=20)
    assert mean == 500.0
