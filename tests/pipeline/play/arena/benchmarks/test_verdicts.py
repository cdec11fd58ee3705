"""Benchmarks pass when they should, fail when they should, and say when games are too few."""

from __future__ import annotations

import pytest

from pipeline.play.arena.benchmarks.battles import RecordedGames, read_battles
from pipeline.play.arena.benchmarks.generalist import (
    HELD_OUT,
    GeneralistSettings,
    judge_generalist,
)
from pipeline.play.arena.benchmarks.historical import HistoricalSettings, judge_historical
from pipeline.play.arena.benchmarks.reports import MOST_DRAWN, chart_of, markdown_of
from pipeline.play.arena.benchmarks.transfer import TransferSettings, judge_transfer
from pipeline.play.arena.benchmarks.verdicts import BenchmarkError, BenchmarkResult, Share
from pipeline.play.simulator.hand_made.scenarios import read_scenarios

PASS, FAIL = "pass", "fail"
OPEN = ", but the interval does not decide"


def transfer(made: int, zero_shot: int, fine_tuned: int, games: int = 1000) -> BenchmarkResult:
    counts = (made, zero_shot, fine_tuned)
    shares = tuple(Share(name="all", condition=str(n), count=n, of=games) for n in counts)
    return judge_transfer("somebody", (shares[0], shares[1], shares[2]), TransferSettings())


def generalist(*counts: int, specialist_steps: int = 1_000_000) -> BenchmarkResult:
    conditions = ("zero-shot", "fine-tuned", "specialist")
    shares = tuple(
        Share(name=name, condition=condition, count=count, of=400)
        for name in ("one", "two")
        for condition, count in zip(conditions, counts, strict=True)
    )
    settings = GeneralistSettings(specialist_steps=specialist_steps)
    return judge_generalist("somebody", shares, settings)


def verdicts(result: BenchmarkResult) -> list[str]:
    return [criterion.verdict for criterion in result.criteria]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((800, 750, 800), [PASS, PASS, PASS]),
        ((800, 500, 800), [PASS, FAIL, PASS]),
        ((800, 750, 700), [PASS, PASS, FAIL]),
        ((800, 600, 750), [PASS, FAIL + OPEN, FAIL + OPEN]),
        ((800, 601, 751), [PASS, PASS + OPEN, PASS + OPEN]),
        # Who wins nothing does not drop.
        ((0, 0, 0), [FAIL, PASS, PASS]),
    ],
)
def test_transfer(counts: tuple[int, int, int], expected: list[str]) -> None:
    result = transfer(*counts)
    assert verdicts(result) == expected
    assert result.passes == all(verdict.startswith(PASS) for verdict in expected)


def test_few_games_do_not_decide_transfer() -> None:
    assert verdicts(transfer(8, 7, 8, games=10)) == [PASS, PASS + OPEN, PASS + OPEN]


def test_generalist() -> None:
    assert verdicts(generalist(300, 300, 300)) == [PASS, PASS]
    assert verdicts(generalist(100, 100, 300)) == [FAIL, FAIL]
    assert verdicts(generalist(220, 240, 300)) == [PASS + OPEN, PASS + OPEN]
    assert verdicts(generalist(219, 239, 300)) == [FAIL + OPEN, FAIL + OPEN]
    brief = generalist(300, 300, 300, specialist_steps=1000)
    assert "specialists have learned for 1,000 steps" in brief.criteria[1].verdict
    assert not brief.passes
    assert "specialists win 0.547" in generalist(300, 300, 219).criteria[1].verdict
    assert generalist(300, 300, 220).passes
    with pytest.raises(BenchmarkError, match="A condition was not played"):
        judge_generalist("somebody", brief.shares[:2], GeneralistSettings())


def test_held_out_set_ups_are_as_many_as_are_asked_for() -> None:
    scenarios = read_scenarios(HELD_OUT)
    assert len(scenarios) == GeneralistSettings().n_scenarios
    assert all(scenario.second is None for scenario in scenarios)  # Fair to both sides.


def test_historical() -> None:
    battles, settings = read_battles(), HistoricalSettings()
    played = [battle.recorded for battle in battles.battles if battle.recorded is not None]
    assert len(played) == len(battles.battles) >= 50
    same = judge_historical("scripted_l5", battles, played, settings)
    assert (same.criteria[1].verdict, same.criteria[1].measured) == (PASS, 1.0)
    changed = [played[0].model_copy(update={"wins": played[0].wins - 1}), *played[1:]]
    assert judge_historical("scripted_l5", battles, changed, settings).criteria[1].verdict == FAIL
    lost = [RecordedGames(wins=0, draws=0, losses=20)] * len(played)
    weak = judge_historical("somebody", battles, lost, settings)
    assert (weak.criteria[1].verdict, weak.passes) == (FAIL, False)
    won = [RecordedGames(wins=20, draws=0, losses=0)] * len(played)
    assert judge_historical("somebody", battles, won, settings).criteria[1].verdict == PASS
    turned = [
        RecordedGames(wins=20 * lost, draws=0, losses=20 * (1 - lost))
        for lost in (battle.winner == "defender" for battle in battles.battles)
    ]
    assert judge_historical("somebody", battles, turned, settings).criteria[0].verdict == FAIL


def test_a_report_says_what_was_asked_and_measured() -> None:
    result = transfer(800, 500, 790)
    report = markdown_of(result)
    assert report.startswith("# Transfer: fail\n")
    line = "| drop of wins, zero-shot | below 0.200 | 0.300 | 0.260 to 0.339 | **fail** |"
    assert line in report
    assert "| all | 800 | 800 | 1000 | 0.800 |" in report
    assert chart_of(result).count("<circle") == 3
    many = result.model_copy(update={"shares": result.shares * MOST_DRAWN})
    assert chart_of(many).count("<circle") == MOST_DRAWN
