"""The guard's error rates: it may call nobody worse by chance more often than it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.online.guard import CapitalProcess, Guard, Verdict

BOUND = 6.0
LEADS = st.floats(-BOUND, BOUND)


def capital_after(values: list[float]) -> float:
    process = CapitalProcess(BOUND)
    for value in values:
        process.add(value)
    return math.exp(process.log_capital)


def verdict_on(leads: np.ndarray, number: int = 1, error: float = 0.05) -> tuple[Verdict, int]:
    guard = Guard(number, error, BOUND)
    for count, lead in enumerate(leads.tolist(), start=1):
        verdict = guard.add(lead)
        if verdict != "go on":
            return verdict, count
    return "go on", len(leads)


@given(st.lists(LEADS, max_size=30), st.floats(0.01, BOUND), st.floats(0.01, BOUND))
def test_no_bet_makes_money_where_the_mean_is_zero(before, below, above):
    """Whatever came before: the next value is -below or above, with the mean zero."""
    chance = above / (below + above)
    expected = chance * capital_after([*before, -below])
    expected += (1 - chance) * capital_after([*before, above])
    assert expected == pytest.approx(capital_after(before), rel=1e-9)


@given(st.lists(LEADS, max_size=30), LEADS)
def test_capital_is_never_lost_to_the_last(before, value):
    assert capital_after([*before, value]) > 0
    assert capital_after([*before, 100.0]) == capital_after([*before, BOUND])


def test_the_errors_of_all_tests_together_are_the_stated_one():
    limits = [Guard(number, 0.05, BOUND).log_limit for number in range(1, 2000)]
    assert sum(math.exp(-limit) for limit in limits) == pytest.approx(0.05, rel=1e-3)
    assert sum(math.exp(-limit) for limit in limits) < 0.05


@pytest.mark.parametrize("kind", ["even", "rarely much worse", "rarely much better"])
def test_a_policy_that_is_no_worse_is_seldom_rolled_back(kind):
    """Looked at after each of 150 comparisons; the mean is zero, as for weights that are equal."""
    rng = np.random.default_rng(len(kind))
    runs, error = 100, 0.2
    found = []
    for _run in range(runs):
        leads = rng.normal(0, 1.5, 150)
        if kind != "even":
            rare = rng.random(150) < 0.1
            leads = np.where(rare, 4.5, -0.5) * (1 if kind == "rarely much better" else -1)
        found.append(verdict_on(leads, error=error)[0])
    spread = math.sqrt(error * (1 - error) / runs)
    assert found.count("worse") / runs <= error + 2 * spread
    assert found.count("better") / runs <= error + 2 * spread


@pytest.mark.parametrize(("harm", "comparisons"), [(4.0, 20), (2.0, 40), (1.0, 120)])
def test_harm_is_seen_in_time(harm, comparisons):
    rng = np.random.default_rng(3)
    for _run in range(5):
        verdict, count = verdict_on(rng.normal(-harm, 1.5, 400))
        assert verdict == "worse"
        assert count <= comparisons


def test_harm_that_begins_after_a_good_time_is_seen_as_well():
    """Not so much of an improvement that the candidate would have been kept."""
    rng = np.random.default_rng(4)
    for _run in range(5):
        leads = np.concatenate([rng.normal(0.1, 0.3, 60), rng.normal(-2.0, 1.5, 100)])
        verdict, count = verdict_on(leads)
        assert verdict == "worse"
        assert 60 < count < 120


def test_improvement_is_seen():
    verdict, count = verdict_on(np.random.default_rng(5).normal(1.0, 1.5, 400))
    assert verdict == "better"
    assert count < 150
