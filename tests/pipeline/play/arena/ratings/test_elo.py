"""Elo ratings: as the judge has them, from one file for many processes, and nothing twice."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
from pathlib import Path

import evalica
import numpy as np
import pytest
from doubles.arena_writers import rate_many, rate_until_killed
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.arena.ratings.elo import (
    BASELINE_RATINGS,
    DEFAULT_RATING,
    TEAM_BASELINE_RATINGS,
    EloRegistry,
    TeamEloRegistry,
    expected_score,
    k_factor,
)
from pipeline.play.arena.ratings.results import PairResult, RatingError

NAMES = ("ann", "ben", "cleo", "dan")
WINNERS = {1.0: evalica.Winner.X, 0.5: evalica.Winner.Draw, 0.0: evalica.Winner.Y}


@pytest.fixture
def registry(tmp_path: Path) -> EloRegistry:
    return EloRegistry(tmp_path / "ratings" / "elo.json")


def test_the_published_example_of_evalica() -> None:
    registry = EloRegistry(None, k_factor=lambda _games: 30.0)
    for first, second, outcome in (
        ("pizza", "burger", 1),
        ("burger", "sushi", 0),
        ("pizza", "sushi", 0.5),
    ):
        registry.update_both(first, second, outcome)
    published = {"pizza": 1014.972058, "burger": 970.647200, "sushi": 1014.380742}
    assert registry.all_ratings() == pytest.approx(published, abs=1e-6)


@given(
    st.lists(
        st.tuples(st.permutations(NAMES), st.sampled_from(sorted(WINNERS))), min_size=1, max_size=60
    )
)
def test_games_in_any_order_are_rated_as_by_evalica(
    games: list[tuple[list[str], float]],
) -> None:
    registry = EloRegistry(None, k_factor=lambda _games: 17.0)
    for names, outcome in games:
        registry.update_both(names[0], names[1], outcome)
    judged = evalica.elo(
        [names[0] for names, _ in games],
        [names[1] for names, _ in games],
        [WINNERS[outcome] for _, outcome in games],
        k=17.0,
    )
    assert registry.all_ratings() == pytest.approx(dict(judged.scores.items()), abs=1e-6)


def test_an_update_tells_by_how_much_it_moved(registry: EloRegistry) -> None:
    expected = 1 / (1 + 10 ** ((BASELINE_RATINGS["scripted_l3"] - DEFAULT_RATING) / 400))

    delta = registry.update("mine", "scripted_l3", 0.6, 50)

    assert delta == pytest.approx(40 * (0.6 - expected))
    assert registry.get_rating("mine") == DEFAULT_RATING + delta
    assert registry.get_game_count("mine") == 50
    # After 50 games, k is 20; the rating of the opponent has stayed.
    again = registry.update("mine", "scripted_l3", 1.0)
    gap = BASELINE_RATINGS["scripted_l3"] - DEFAULT_RATING - delta
    assert again == pytest.approx(20 * (1 - 1 / (1 + 10 ** (gap / 400))))
    assert registry.all_ratings().keys() == {"mine"}
    assert registry.get_game_count("scripted_l3") == 0


def test_k_falls_with_the_games() -> None:
    assert [k_factor(games) for games in (0, 29, 30, 99, 100, 5000)] == [40, 40, 20, 20, 10, 10]


def test_the_opponent_of_an_update_stays_and_both_move_in_the_other(registry: EloRegistry) -> None:
    registry.update("mine", "theirs", 1.0)
    assert registry.get_rating("theirs") == DEFAULT_RATING
    assert registry.get_game_count("theirs") == 0

    first, second = registry.update_both("a", "b", 0.0, 3)
    assert (first, second) == (-20, 20)
    assert (registry.get_rating("a"), registry.get_rating("b")) == (980, 1020)
    assert (registry.get_game_count("a"), registry.get_game_count("b")) == (3, 3)

    against_script = registry.update_both("a", "random", 1.0)
    assert against_script[1] == 0
    assert registry.get_rating("random") == BASELINE_RATINGS["random"]


@pytest.mark.parametrize(
    ("agent", "opponent", "outcome", "games"),
    [
        ("mine", "theirs", 1.1, 1),
        ("mine", "theirs", -0.1, 1),
        ("mine", "theirs", math.nan, 1),
        ("mine", "theirs", 0.5, 0),
        ("mine", "mine", 0.5, 1),
        ("scripted_l2", "mine", 0.5, 1),
    ],
)
def test_what_cannot_be_rated_is_refused(
    registry: EloRegistry, agent: str, opponent: str, outcome: float, games: int
) -> None:
    with pytest.raises(RatingError) as caught:
        registry.update(agent, opponent, outcome, games)
    assert isinstance(caught.value, ValueError)
    assert registry.all_ratings() == {}
    assert registry.results() == ()


def test_teams_by_script_are_fixed_among_teams_alone(tmp_path: Path) -> None:
    teams, single = TeamEloRegistry(None), EloRegistry(None)
    for name, rating in {**BASELINE_RATINGS, **TEAM_BASELINE_RATINGS}.items():
        assert teams.get_rating(name) == rating
        with pytest.raises(RatingError, match="fixed"):
            teams.update(name, "mine", 1.0)
    assert single.get_rating("scripted_team_l1") == DEFAULT_RATING
    single.update("scripted_team_l1", "mine", 1.0)


def test_players_by_script_rise_with_their_level() -> None:
    for ratings in (BASELINE_RATINGS, TEAM_BASELINE_RATINGS):
        assert list(ratings.values()) == sorted(ratings.values())
        assert np.mean(list(ratings.values())) == pytest.approx(DEFAULT_RATING, abs=0.5)


def test_a_match_is_rated_once(registry: EloRegistry) -> None:
    moved = registry.update("mine", "random", 1.0, 4, match_id="round 1")
    assert EloRegistry(registry.path).update("mine", "random", 1.0, 4, match_id="round 1") == moved
    assert registry.get_game_count("mine") == 4
    assert registry.results() == (PairResult(first="mine", second="random", points=4, games=4),)

    registry.update("mine", "random", 0.5, 2, match_id="round 2")
    assert registry.results() == (PairResult(first="mine", second="random", points=5, games=6),)


@pytest.mark.slow
def test_nothing_of_several_processes_is_lost(registry: EloRegistry) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=rate_many, args=(registry.path, name, 8)) for name in ("a", "b")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert registry.get_game_count("everybody") == 16
    assert {one.first: one.games for one in registry.results()} == {"a": 8, "b": 8}


@pytest.mark.slow
def test_after_a_kill_the_next_run_rates_each_match_once(registry: EloRegistry) -> None:
    assert registry.path is not None
    context = multiprocessing.get_context("spawn")
    heard, tell = context.Pipe(duplex=False)
    writer = context.Process(target=rate_until_killed, args=(registry.path, tell))
    writer.start()
    while heard.recv() < 5:
        pass
    writer.kill()
    writer.join(60)

    counted = registry.get_game_count("mine")
    for number in range(counted + 5):
        registry.update("mine", "random", 1.0, match_id=str(number))
    assert counted > 5
    assert registry.get_game_count("mine") == counted + 5
    json.loads(registry.path.read_text("utf-8"))


@pytest.mark.parametrize("content", ['{"ratings": {"mi', "[]", '{"ratings": {"mine": "good"}}'])
def test_a_torn_file_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "elo.json"
    registry = EloRegistry(file)
    file.write_text(content)

    for ask in (
        lambda: EloRegistry(file),
        lambda: registry.get_rating("mine"),
        lambda: registry.update("mine", "random", 1.0),
    ):
        with pytest.raises(RatingError, match="Move it away"):
            ask()
    assert file.read_text() == content


def test_a_file_that_cannot_be_written_stays(
    registry: EloRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.update("mine", "random", 1.0)
    before = registry.path.read_bytes() if registry.path else b""

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        registry.update("mine", "random", 1.0)
    monkeypatch.undo()

    assert registry.path is not None
    assert registry.path.read_bytes() == before
    assert registry.get_game_count("mine") == 1
    assert [file.name for file in registry.path.parent.iterdir() if file.suffix == ".tmp"] == []


def test_saving_writes_an_empty_file_and_nothing_without_a_path(registry: EloRegistry) -> None:
    assert registry.can_save
    assert registry.path is not None
    assert not registry.path.exists()
    registry.save()
    assert json.loads(registry.path.read_text("utf-8"))["ratings"] == {}

    memory = EloRegistry(None)
    assert not memory.can_save
    with pytest.raises(RatingError, match="no file"):
        memory.save()


@given(st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_expected_scores_of_two_are_one_together(first: float, second: float) -> None:
    assert expected_score(first, second) + expected_score(second, first) == pytest.approx(1)
    if first >= second:
        assert expected_score(first, second) >= 0.5
