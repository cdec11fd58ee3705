"""The parallel environment keeps PettingZoo's contract, with one to four players a side."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from pipeline.play.simulator.environments.episodes import to_choice
from pipeline.play.simulator.environments.teams import SkirmishParallelEnv
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.rules import Act, Key, Result

NOTHING = np.zeros(5, np.int64)


@pytest.mark.parametrize("a_side", [1, 2, 3, 4])
def test_pettingzoo_finds_nothing_wrong(a_side: int, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment = SkirmishParallelEnv(a_side, ticks_per_step=400, render_mode="rgb_array")
        parallel_api_test(environment, num_cycles=40)
    assert "Passed" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_games() -> None:
    parallel_seed_test(lambda: SkirmishParallelEnv(2, ticks_per_step=100), num_cycles=30)


def rollout(seed: int | None, environment: SkirmishParallelEnv) -> list[bytes]:
    environment.reset(seed=seed)
    states = []
    while environment.agents:
        actions = {agent: environment.action_space(agent).sample() for agent in environment.agents}
        environment.step(actions)
        states.append(environment.state().tobytes())
    return states


def test_games_after_the_first_follow_from_the_seed_too() -> None:
    played = []
    for _ in range(2):
        environment = SkirmishParallelEnv(1, ticks_per_step=300)
        for agent in environment.possible_agents:
            environment.action_space(agent).seed(1)
        played.append([rollout(3, environment), rollout(None, environment)])
    assert played[0] == played[1]
    assert played[0][0] != played[0][1]


def test_a_team_shares_what_it_wins() -> None:
    environment = SkirmishParallelEnv(2, ticks_per_step=20)
    environment.reset(seed=2)
    totals = dict.fromkeys(environment.possible_agents, 0.0)
    ends: dict[str, bool] = {}
    while environment.agents:
        # The first player sends all it has to the enemy's corner; nobody else does anything.
        key = to_choice(np.array([[Act.KEY, -1, 0, 0, Key.EVERYONE]], np.int32))[0]
        go = to_choice(np.array([[Act.COMMAND, -1, 860, 860, 0]], np.int32))[0]
        step = int(environment._games.clocks["tick"][0]) // 20
        actions = dict.fromkeys(environment.agents, NOTHING)
        actions["player_0"] = go if step % 2 else key
        observations, rewards, ends, truncated, infos = environment.step(actions)
        assert not any(truncated.values())
        for agent, reward in rewards.items():
            totals[agent] += reward
            assert environment.observation_space(agent).contains(observations[agent])
    assert set(ends.values()) == {True}
    assert ends.keys() == totals.keys() == infos.keys()
    assert totals["player_0"] == totals["player_1"] == -totals["player_2"] == -totals["player_3"]
    scores = environment._games.players["score"][0].reshape(2, 2).sum(axis=1).tolist()
    outcome = {"FIRST_SIDE": 1, "SECOND_SIDE": -1}.get(infos["player_0"]["result"], 0)
    assert totals["player_0"] == pytest.approx((scores[0] - scores[1]) / 100 + outcome)
    assert scores != [0, 0]
    assert environment._games.clocks["result"][0] != Result.RUNNING


def test_what_cannot_be_is_refused() -> None:
    for make, says in (
        (lambda: SkirmishParallelEnv(5), "5 players a side"),
        (lambda: SkirmishParallelEnv(0), "0 players a side"),
        (lambda: SkirmishParallelEnv(ticks_per_step=0), "a tick at least"),
        (lambda: SkirmishParallelEnv(render_mode="human"), "rendered as 'human'"),
    ):
        with pytest.raises(GameError, match=says):
            make()
    environment = SkirmishParallelEnv()
    environment.reset(seed=1)
    for actions in ({"player_0": np.array([9, 0, 0, 0, 0])}, {"player_7": NOTHING}):
        with pytest.raises(GameError, match="is no action"):
            environment.step(actions)
    assert environment.render() is None
