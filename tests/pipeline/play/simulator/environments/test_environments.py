"""The environments keep Gymnasium's contracts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from pipeline.play.simulator.environments.episodes import to_actions, to_choice
from pipeline.play.simulator.environments.single import SkirmishEnv
from pipeline.play.simulator.environments.vector import SkirmishVectorEnv
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import MAX_TICKS, Result


@pytest.mark.slow
def test_gymnasium_finds_nothing_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # It makes environments of a specification anew in every mode; this one has none.
        warnings.filterwarnings("ignore", message=".*not created via `gymnasium.make.*")
        warnings.filterwarnings("ignore", message=".*gymnasium.make.*")
        check_env(SkirmishEnv(render_mode="rgb_array"))


def test_a_batch_keeps_its_spaces_and_begins_again():
    environment = SkirmishVectorEnv(5, "scripted_l5", ticks_per_step=300)
    assert environment.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    observation, _ = environment.reset(seed=3)
    assert environment.observation_space.contains(observation)
    environment.action_space.seed(1)
    ended, begun_again = np.zeros(5, bool), 0
    for _step in range(MAX_TICKS // 300 + 4):
        before = ended
        observation, rewards, ended, truncated, info = environment.step(
            environment.action_space.sample()
        )
        assert environment.observation_space.contains(observation)
        assert rewards.shape == ended.shape == (5,)
        assert not truncated.any()
        assert ((info["result"] != Result.RUNNING) == ended).all()
        assert (observation["status"][before, 0] == 0).all()
        assert (rewards[before] == 0).all()
        begun_again += int(before.sum())
    assert begun_again >= 5


def test_the_same_seed_gives_the_same_batch():
    def observations(seed):
        environment = SkirmishVectorEnv(3)
        environment.action_space.seed(0)
        environment.reset(seed=seed)
        return [environment.step(environment.action_space.sample()) for _step in range(20)][-1][0]

    first, again, other = observations(7), observations(7), observations(8)
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_rewards_of_an_episode_are_the_lead_and_the_outcome():
    environment = SkirmishEnv("scripted_l5", ticks_per_step=20)
    environment.reset(seed=2)
    nothing, total, ended = np.zeros(5, np.int64), 0.0, False
    while not ended:
        _, reward, ended, _, info = environment.step(nothing)
        total += reward
    assert info["result"] == "SECOND_SIDE"
    score = environment._episodes.games.players["score"][0]
    assert total == pytest.approx((score[0] - score[1]) / 100 - 1)


def test_choices_and_actions_are_each_other():
    actions = np.array([[2, -1, 5, 1000, 0], [1, 7, -4, 9, 0], [3, -1, 0, 0, 4]], np.int32)
    assert (to_actions(to_choice(actions)) == actions).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SkirmishEnv("nobody"), "no scripted player 'nobody'"),
        (lambda: SkirmishEnv(render_mode="human"), "rendered as 'human'"),
        (lambda: SkirmishEnv(ticks_per_step=0), "a tick at least"),
        (lambda: SkirmishEnv().step(np.array([9, 0, 0, 0, 0])), "is no action"),
        (lambda: SkirmishVectorEnv(2).step(np.zeros((3, 5), np.int64)), "shape"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(GameError, match=says):
        make()
