"""The learning rate over a training."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.arena.training.schedule import RolloutSchedule


@given(st.integers(1, 5000), st.integers(1, 500))
def test_a_rate_begins_at_the_first_update_and_falls_to_what_is_left_at_the_last(
    total: int, rollout: int
) -> None:
    schedule = RolloutSchedule(0.5, rollout / total)
    counted = range(rollout, total + rollout, rollout)
    rates = [schedule(1 - steps / total) for steps in counted]
    assert rates[0] == pytest.approx(0.5)
    assert rates == sorted(rates, reverse=True)
    left = total - (len(rates) - 1) * rollout
    assert rates[-1] == pytest.approx(0.5 * left / total)
    assert rates[-1] > 0
