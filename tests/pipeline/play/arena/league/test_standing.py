"""Ratings, proxies and images of matches whose results are known."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest

from pipeline.play.arena.exploitability.trained_responses import TrainedResponse
from pipeline.play.arena.league.drawing import curves_svg, matrix_svg
from pipeline.play.arena.league.matches import PlayedMatch
from pipeline.play.arena.league.standing import (
    LeagueRound,
    LeagueStanding,
    interval_of,
    proxies_of,
    standing_of,
)
from pipeline.play.arena.matches.evaluation import EvaluationResult

NAMES = ("start", "round 1", "round 2")
WINS = {
    ("start", "round 1"): 4,
    ("start", "round 2"): 2,
    ("start", "scripted_l5"): 10,
    ("round 1", "round 2"): 9,
    ("round 1", "scripted_l5"): 12,
    ("round 2", "scripted_l5"): 20,
}
GAMES = 20


@pytest.fixture(scope="module")
def standing() -> LeagueStanding:
    rounds = [
        LeagueRound(
            number=number,
            name=name,
            steps=100 * number,
            policy=f"round-{number}/policy.safetensors",
            sha256="0" * 64,
            response=TrainedResponse.of(EvaluationResult(15 - number, 0, 5 + number), 300),
        )
        for number, name in enumerate(NAMES)
    ]
    matches = [
        PlayedMatch(first=first, second=second, wins=wins, draws=0, losses=GAMES - wins)
        for (first, second), wins in WINS.items()
    ]
    return standing_of("settings", rounds, matches)


def test_who_wins_more_is_rated_higher(standing: LeagueStanding) -> None:
    rated = [interval_of(standing, name) for name in NAMES]
    ratings = [rating for rating, _interval in rated]
    assert ratings == sorted(ratings)
    assert all(interval.low < rating < interval.high for rating, interval in rated)
    elo = {one.player: one for one in standing.elo}
    assert elo["scripted_l5"].rating == 1331, "it is fixed"
    assert elo["start"].rating < elo["round 2"].rating
    assert all(one.lowest <= one.rating <= one.highest for one in standing.elo)
    assert elo["round 1"].lowest < elo["round 1"].highest, "the order moves it"


def test_a_proxy_is_of_the_pool_of_all_other_policies(standing: LeagueStanding) -> None:
    lost = {"start": (16, 18), "round 1": (4, 11), "round 2": (2, 9)}
    for name, (first, second) in lost.items():
        expected = max(first, second) / GAMES - (first + second) / 2 / GAMES
        assert standing.proxies[name] == pytest.approx(expected)
    assert proxies_of(NAMES[:2], standing.matches) == {}, "one other shows nothing"


def test_the_bound_is_the_lower_end(standing: LeagueStanding) -> None:
    response = standing.rounds[0].response
    assert response.share == 0.75
    assert response.bound == response.win_rate.low < 0.75 < response.win_rate.high


def test_the_matrix_has_a_cell_for_every_two(standing: LeagueStanding) -> None:
    drawn = matrix_svg(standing)
    ElementTree.fromstring(drawn)
    for first, second in combinations(standing.players, 2):
        match = standing.match_of(second, first)
        assert match is not None
        assert drawn.count(f">{match.wins / GAMES:.0%}<") >= 1
    assert drawn.count('font-size="12"') == 12
    assert '<rect x="92" y="46"' not in drawn, "nobody plays alone"
    # 18 of 20 lost by the start, won by the second round.
    assert drawn.count("#e97474") == drawn.count("#5fbc9f") == 1


def test_curves_go_over_rounds(standing: LeagueStanding) -> None:
    drawn = curves_svg(standing)
    ElementTree.fromstring(drawn)
    assert "rating over rounds 0 to 2" in drawn
    assert drawn.count("<path") - drawn.count('stroke="#e5e7eb"') == 8
    assert LeagueStanding.model_validate_json(standing.model_dump_json()) == standing
