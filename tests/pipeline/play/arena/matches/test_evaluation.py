"""Episodes end as games do, from both sides, for whoever plays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from detector_runtime.errors import ModelLoadError
from detector_runtime.policies.networks import ROLES
from doubles.arena_models import Marching, Waiting

from pipeline.evaluation.metrics.intervals import wilson
from pipeline.play.arena.matches.evaluation import (
    EpisodesError,
    EvaluationResult,
    evaluate,
    evaluate_detailed,
    evaluate_team_vs_pool,
    evaluate_vs_pool,
    run_episodes_with_model,
)
from pipeline.play.arena.matches.models import ModelError, ModelSide
from pipeline.play.arena.matches.players import (
    ContestantError,
    EpisodeSettings,
    load_contestant,
    seat,
)
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.matches import play_out
from pipeline.play.simulator.rules import Act, Result
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress


def test_rates_have_wilsons_intervals() -> None:
    result = EvaluationResult(wins=12, draws=3, losses=5)
    assert result.n_episodes == 20
    assert (result.win_rate, result.draw_rate, result.loss_rate) == (0.6, 0.15, 0.25)
    assert result.score == 0.675
    assert result.win_interval == wilson(12, 20)
    assert result.draw_interval == wilson(3, 20)
    assert result.loss_interval == wilson(5, 20)


@pytest.mark.slow
def test_episode_i_has_the_seed_and_side_that_is_promised() -> None:
    result = evaluate_detailed("scripted_l4", 6, seed=40, opponent="scripted_l2")
    counts = {Result.FIRST_SIDE: 0, Result.SECOND_SIDE: 0, Result.DRAW: 0}
    for number in range(6):
        names = (
            ("scripted_l4", "scripted_l2") if number % 2 == 0 else ("scripted_l2", "scripted_l4")
        )
        seed = [40 + number]
        games = play_out(Games.start(seed), ScriptedPlayers.start(seed, names))
        found = Result(int(games.clocks["result"][0]))
        if found != Result.DRAW and number % 2:
            found = Result(3 - found)
        counts[found] += 1
    assert (result.wins, result.losses, result.draws) == tuple(counts.values())
    assert evaluate("scripted_l4", 6, seed=40, opponent="scripted_l2") == result.win_rate


def test_a_model_marches_on_the_keep_of_the_other_side_from_both() -> None:
    model, told = Marching(), list[Progress]()
    result = run_episodes_with_model(model, Waiting(), 4, seed=3, report=told.append)
    # Keeps beat those who march on them. Who went elsewhere would draw.
    assert result == (0, 0, 4)
    assert model.deterministic == {True}
    assert told[-1].done == told[-1].total


@pytest.mark.slow
def test_a_pool_is_played_as_any_opponent() -> None:
    assert evaluate_vs_pool(Waiting(), Marching(), 4, seed=3) == 1.0


def test_a_model_is_asked_at_the_pace_of_its_environment_while_games_go_on() -> None:
    model = Marching()
    side = ModelSide(model, np.array([0, 1, 0]), deterministic=False, ticks_per_step=5)
    games = Games.start([1, 2, 3])
    games.clocks["result"][2] = Result.DRAW
    for _tick in range(10):
        actions = side.act(games)
        assert (actions[2] == games.no_actions()[2]).all()
        assert (actions[0, 1] == games.no_actions()[0, 1]).all()
        games.step(actions)
    assert model.asked == [1, 1, 1, 1], "two players at the ticks 0 and 5"
    assert model.deterministic == {False}


@pytest.mark.slow
def test_teams_are_played_by_one_model() -> None:
    model = Marching()
    rate = evaluate_team_vs_pool(model, Waiting(), 3, 4, seed=1)
    assert rate <= 0.5
    assert model.asked[:6] == [2] * 6, "six players, each in two of four games"
    against = run_episodes_with_model(
        "scripted_l5", "random", 4, seed=2, env_kwargs={"players_a_side": 4}
    )
    assert against.wins >= 3


@pytest.mark.slow
def test_three_policies_play_by_their_folder(tmp_path: Path) -> None:
    from pipeline.play.policies.networks import build_network
    from pipeline.play.policies.onnx_files import export_policy
    from pipeline.play.policies.settings import PRESETS

    settings = PRESETS["brief"].model_copy(update={"width": 8, "layers": 1, "heads": 1})
    for role in ROLES:
        export_policy(build_network(role, settings), 2, tmp_path)
    result = evaluate_detailed(tmp_path, 2, seed=5)
    assert result.n_episodes == 2
    # Two of them in one game do not act in the same ticks.
    loaded, sides, games = load_contestant(tmp_path), np.array([0, 1]), Games.start([5, 6])
    players = [seat(loaded, [5, 6], who, EpisodeSettings()) for who in (sides, 1 - sides)]
    acting = np.zeros((200, 2, 2), bool)
    for tick in range(200):
        actions = games.no_actions()
        for player in players:
            actions = player.act(games, actions)
        acting[tick] = actions[:, :, 0] != Act.NOTHING
        games.step(actions)
    assert acting.any(axis=(0, 1)).all()
    assert (acting[:, :, 0] != acting[:, :, 1]).any()
    with pytest.raises(ContestantError, match="not for a team of 2"):
        evaluate_detailed(tmp_path, 1, env_kwargs={"players_a_side": 2})
    (tmp_path / "executor.onnx").unlink()
    with pytest.raises(ModelLoadError, match="executor"):
        evaluate(tmp_path, 1)


def test_what_is_given_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(EpisodesError, match="0 episodes") as caught:
        evaluate("random", 0)
    assert isinstance(caught.value, ValueError)
    for wrong, says in (({"players_a_side": 5}, "players_a_side=5"), ({"map": 3}, "map=3")):
        with pytest.raises(EpisodesError, match=says):
            evaluate_detailed("random", 1, env_kwargs=wrong)
    others: tuple[Any, ...] = ("scripted_l9", str(tmp_path / "gone"), tmp_path / "gone", 3)
    for name in others:
        with pytest.raises(ContestantError, match="neither a scripted player"):
            evaluate("random", 1, opponent=name)


@pytest.mark.parametrize(
    "answer",
    [np.zeros((2, 4), int), np.zeros((2, 5)), np.full((2, 5), 9), np.full((2, 5), -1)],
)
def test_what_is_no_action_is_told(answer: Any) -> None:
    model: Any = SimpleNamespace(predict=lambda _seen, deterministic: (answer, None))
    with pytest.raises(ModelError, match="no action"):
        run_episodes_with_model(model, "random", 4, seed=1)


def test_a_seed_is_drawn_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watched(cls: type[Games], seeds: Any, players_a_side: int = 1) -> Games:
        seen.append(seeds[0])
        raise RuntimeError

    monkeypatch.setattr(Games, "start", classmethod(watched))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            evaluate("random", 1, opponent="random")
    assert seen[0] != seen[1]
