"""What is wrong with a policy, a league, ratings and benchmarks is said, and only that."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.manifests import sha256_of
from pipeline.play.arena.artifacts.arena_benchmarks import (
    GENERALIST,
    TRANSFER,
    ArenaBenchmarks,
    ArenaBenchmarksError,
)
from pipeline.play.arena.artifacts.arena_league import (
    ArenaLeague,
    ArenaLeagueFacts,
    completeness_problems,
    exploitability_problems,
    rating_fall_problems,
)
from pipeline.play.arena.artifacts.arena_policy import (
    CLONE,
    RANDOM,
    ArenaPolicy,
    JudgedGames,
    LearnedFacts,
    clone_problems,
    random_problems,
)
from pipeline.play.arena.artifacts.arena_ratings import (
    ArenaRatings,
    RatedPlayers,
    agreement_problems,
    surprise_problems,
)
from pipeline.play.arena.benchmarks.transfer import TransferSettings, judge_transfer
from pipeline.play.arena.benchmarks.verdicts import Share
from pipeline.play.arena.exploitability.trained_responses import TrainedResponse
from pipeline.play.arena.league.matches import PlayedMatch
from pipeline.play.arena.league.standing import LeagueRound, standing_of
from pipeline.play.arena.matches.evaluation import EvaluationResult
from pipeline.play.arena.training.history import TrainingHistory

GAMES = 100
NAMES = ("start", "round 1", "round 2", "scripted_l5")


def policy_that_won(random: int, clone: int) -> ArenaPolicy:
    judged = tuple(
        JudgedGames(opponent=name, wins=wins, draws=0, losses=GAMES - wins)
        for name, wins in ((RANDOM, random), (CLONE, clone))
    )
    facts = LearnedFacts(
        steps=1, seed=1, rivals=("scripted_l5",), begins_as_clone=True, same_act=None,
        history=TrainingHistory(), judged=judged, filmed="scripted_l5", film_result="",
    )  # fmt: skip
    return ArenaPolicy(Path("absent"), facts)


def test_half_of_the_games_against_random_may_be_chance() -> None:
    assert random_problems(policy_that_won(70, 0)) == []
    (told,) = random_problems(policy_that_won(55, 0))
    assert "55% (95%: 0.452 to 0.644)" in told


def test_a_policy_should_beat_those_that_it_was_copied_from() -> None:
    assert clone_problems(policy_that_won(0, 70)) == []
    assert "69%" in clone_problems(policy_that_won(0, 69))[0]


def matches_won(*wins: int) -> list[PlayedMatch]:
    """Of every two, how many games the first one has won."""
    return [
        PlayedMatch(first=first, second=second, wins=won, draws=0, losses=GAMES - won)
        for (first, second), won in zip(combinations(NAMES, 2), wins, strict=True)
    ]


def league_of(folder: Path, wins: tuple[int, ...], responses: tuple[int, ...]) -> ArenaLeague:
    rounds = []
    for number, won in enumerate(responses):
        file = folder / f"round-{number:03}" / "policy.safetensors"
        file.parent.mkdir()
        file.write_bytes(b"%d" % number)
        response = TrainedResponse.of(EvaluationResult(won, 0, GAMES - won), 1)
        rounds.append(
            LeagueRound(
                number=number, name=NAMES[number], steps=number,
                policy=file.relative_to(folder).as_posix(), sha256=sha256_of(file),
                response=response,
            )
        )  # fmt: skip
    facts = ArenaLeagueFacts(rounds=len(rounds) - 1, games=GAMES, film_result="")
    return ArenaLeague(folder, facts, standing_of("settings", rounds, matches_won(*wins)))


RISING = (20, 10, 5, 30, 20, 40)


def test_a_whole_league_that_rises_has_no_problems(tmp_path: Path) -> None:
    league = league_of(tmp_path, RISING, (90, 60, 50))
    assert completeness_problems(league) == []
    assert exploitability_problems(league) == []
    assert rating_fall_problems(league) == []


def test_what_is_missing_of_a_league_is_said(tmp_path: Path) -> None:
    league = league_of(tmp_path, RISING, (90, 60, 50))
    missing = league.standing.model_copy(update={"matches": league.standing.matches[1:]})
    assert completeness_problems(replace(league, standing=missing)) == [
        "start and round 1 have 0 matches, and should have one"
    ]
    twice = (league.standing.matches[0], *league.standing.matches)
    doubled = league.standing.model_copy(update={"matches": twice})
    assert "have 2 matches" in completeness_problems(replace(league, standing=doubled))[0]
    asked = league.facts.model_copy(update={"rounds": 3, "games": 200})
    told = completeness_problems(replace(league, facts=asked))
    assert told[0] == "rounds 0 to 3 were asked for, and there are [0, 1, 2]"
    assert len(told) == 7
    league.last.write_bytes(b"another")
    assert "another than the one that was rated" in completeness_problems(league)[0]
    league.last.unlink()
    assert completeness_problems(league) == ["the policy of round 2 is missing"]


def test_a_league_that_gets_worse_is_told(tmp_path: Path) -> None:
    league = league_of(tmp_path, (80, 90, 30, 70, 20, 5), (40, 60, 80))
    (told,) = exploitability_problems(league)
    assert told.startswith("who was trained against round 2 wins 80%")
    assert "certainly below start" in rating_fall_problems(league)[0]


def test_ratings_that_are_not_of_their_matches_are_told(tmp_path: Path) -> None:
    rated = RatedPlayers.of(NAMES[:3], GAMES, matches_won(*RISING))
    ratings = ArenaRatings.keep(tmp_path, rated)
    assert ArenaRatings.open(tmp_path) == ratings
    assert agreement_problems(ratings) == []
    for svg in (ratings.chart, ratings.curves):
        assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert all(name in ratings.chart for name in NAMES)
    others = rated.model_copy(update={"matches": matches_won(90, *RISING[1:])})
    told = agreement_problems(ArenaRatings(tmp_path, others))
    assert len(told) == len(NAMES) - 1, "scripted_l5 is known"
    twice = rated.model_copy(update={"matches": (*rated.matches, rated.matches[0])})
    told = agreement_problems(ArenaRatings(tmp_path, twice))
    assert told[0] == "round 1 and start have 2 matches, and should have one"


def test_matches_that_no_rating_explains_are_told(tmp_path: Path) -> None:
    plain = RatedPlayers.of(NAMES[:3], GAMES, matches_won(*RISING))
    assert surprise_problems(ArenaRatings(tmp_path, plain)) == []
    # Each beats the next one, and the last the first.
    circle = RatedPlayers.of(NAMES[:3], GAMES, matches_won(90, 10, 50, 90, 50, 50))
    told = surprise_problems(ArenaRatings(tmp_path, circle))
    assert "start scores 90% against round 1, and by their ratings should score 50%" in told


def test_benchmarks_tell_the_criteria_that_are_not_met(tmp_path: Path) -> None:
    made, drawn, tuned = (
        Share(name="maps", condition="one", count=count, of=1000) for count in (900, 500, 890)
    )
    result = judge_transfer("policy", (made, drawn, tuned), TransferSettings())
    kept = ArenaBenchmarks.keep(tmp_path, [result])
    assert ArenaBenchmarks.open(tmp_path) == kept
    (told,) = kept.problems_of(TRANSFER)
    assert told.startswith("drop of wins, zero-shot: 0.400 (")
    assert told.endswith("asked below 0.200: fail")
    assert kept.problems_of(GENERALIST) == []
    assert kept.chart_of(result).count(">maps<") == 1, "it is named once"
    with pytest.raises(ArenaBenchmarksError, match="no benchmark"):
        ArenaBenchmarks.open(tmp_path / TRANSFER)
