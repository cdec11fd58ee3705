from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.updates.schedule import CHECKS_KEPT, PastCheck, RunTime, is_due, with_check

DAY = 86_400.0
times = st.floats(0, 4e9)


@given(st.lists(times, max_size=CHECKS_KEPT), times)
def test_whatever_the_clock_did_nobody_is_blocked_for_more_than_two_waits(
    past: list[float], now: float
) -> None:
    """Of the time that is right now, each past check blocks two waits at most: before and after."""
    checks = [PastCheck(at=at, wait=DAY) for at in past]
    steps = [now + step * DAY for step in range(2 * len(past) + 1)]
    assert any(is_due(checks, 0.0, at) for at in steps)


@given(st.lists(times, min_size=1, max_size=CHECKS_KEPT), st.floats(0, DAY - 1))
def test_soon_after_a_check_no_other_is_due(past: list[float], later: float) -> None:
    checks: tuple[PastCheck, ...] = ()
    for at in past:
        checks = with_check(checks, at, DAY, random.Random(0))
    assert not is_due(checks, 0.0, past[-1] + later)
    assert len(checks) <= CHECKS_KEPT


@given(times, st.floats(1, 1e6), st.integers())
def test_jitter_makes_a_wait_longer_by_a_quarter_at_most(
    now: float, wait: float, seed: int
) -> None:
    (check,) = with_check((), now, wait, random.Random(seed))
    assert wait <= check.wait <= wait * 1.25


def test_programs_that_start_together_do_not_ask_together() -> None:
    drawn = [with_check((), 0.0, DAY, random.Random(seed))[0].wait for seed in range(50)]
    assert len(set(drawn)) == 50
    assert max(drawn) - min(drawn) > DAY / 5


def test_time_that_two_programs_ran_counts_once() -> None:
    ran = RunTime()
    for now in range(1000, 5000, 600):
        ran = ran.noted(now, running_for=now - 1000)
        ran = ran.noted(now + 10, running_for=now + 10 - 1005)
    assert 3600 <= ran.seconds <= 3610


def test_a_jump_of_the_clock_is_no_run_time() -> None:
    ran = RunTime().noted(100.0, running_for=50.0).noted(1e9, running_for=60.0)
    assert ran.seconds <= 110
    assert ran.noted(0.0, running_for=70.0).seconds <= 180


def test_a_day_of_run_time_is_a_day() -> None:
    checks = (PastCheck(at=0.0, wait=DAY),)
    assert not is_due(checks, DAY - 1, 10.0)
    assert is_due(checks, DAY, 10.0)
