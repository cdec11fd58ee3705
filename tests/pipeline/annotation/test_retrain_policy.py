"""When new annotations start a training, whatever the clocks say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.annotation.retrain_policy import PastTraining, RetrainState, decide
from pipeline.games.pack import RetrainRules

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def state(*trainings: PastTraining, boxes: int = 100, now: datetime = NOW) -> RetrainState:
    return RetrainState(now, ("match", "other"), boxes, trainings)


def ago(time: timedelta, usd: float | None = 0.0) -> PastTraining:
    return PastTraining(NOW - time, usd)


def test_without_rules_whatever_arrived_starts_a_training() -> None:
    decision = decide(RetrainRules(), state(ago(HOUR, 50.0), boxes=0))
    assert decision.start
    assert "2 batches with 0 new or changed boxes since the last training: match, other." in str(
        decision
    )


def test_too_few_boxes_wait_and_it_is_said_how_many_are_needed() -> None:
    rules = RetrainRules(min_new_boxes=101)
    decision = decide(rules, state())
    assert not decision.start
    assert "100, and a training is worth it from 101 (min_new_boxes)" in str(decision)
    assert decide(rules, state(boxes=101)).start


def test_a_training_too_soon_waits_and_it_is_said_until_when() -> None:
    rules = RetrainRules(min_hours_between=24)
    decision = decide(rules, state(ago(30 * HOUR), ago(23 * HOUR)))
    assert not decision.start
    assert "the next may begin at 2026-11-20 13:00 UTC" in str(decision)
    assert decide(rules, state(ago(24 * HOUR))).start
    assert decide(rules, state()).start


def test_the_weeks_number_of_trainings_is_kept() -> None:
    rules = RetrainRules(max_trainings_per_week=2)
    decision = decide(rules, state(ago(8 * DAY), ago(6 * DAY), ago(DAY)))
    assert not decision.start
    assert "2 of 2" in str(decision)
    assert "The next may begin at 2026-11-21 12:00 UTC" in str(decision)
    more = decide(rules, state(ago(6 * DAY), ago(3 * DAY), ago(DAY)))
    assert "The next may begin at 2026-11-24 12:00 UTC" in str(more), "when two are left"
    assert decide(rules, state(ago(8 * DAY), ago(DAY))).start
    assert not decide(RetrainRules(max_trainings_per_week=0), state()).start


def test_the_weeks_money_is_kept_with_the_next_training_in_it() -> None:
    rules = RetrainRules(max_usd_per_week=10)
    assert decide(rules, state(ago(2 * DAY, 5.0))).start
    decision = decide(rules, state(ago(2 * DAY, 5.0), ago(DAY, 4.0)))
    assert not decision.start
    assert "USD 9.00 of 10.00 (max_usd_per_week)" in str(decision)
    assert "USD 4.00" in str(decision)
    assert decide(rules, state(ago(8 * DAY, 9.0))).start
    assert not decide(rules, state(ago(8 * DAY, 11.0))).start, "one alone would be too dear"


def test_what_failed_counts_for_its_money_alone() -> None:
    failed = (ago(DAY, 7.0), ago(8 * DAY, 50.0))
    told = replace(state(ago(2 * DAY, 2.0)), failed=failed)
    decision = decide(RetrainRules(max_usd_per_week=10), told)
    assert "USD 9.00 of 10.00 (max_usd_per_week)" in str(decision)
    assert decide(RetrainRules(max_usd_per_week=11), told).start
    others = RetrainRules(min_hours_between=36, max_trainings_per_week=2)
    assert decide(others, told).start


def test_a_training_under_way_counts_as_dear_as_the_last() -> None:
    rules = RetrainRules(max_usd_per_week=10)
    assert not decide(rules, state(ago(2 * DAY, 4.0), ago(HOUR, None))).start
    assert decide(rules, state(ago(2 * DAY, 3.0), ago(HOUR, None))).start


def test_all_that_speaks_against_it_is_said() -> None:
    rules = RetrainRules(min_new_boxes=500, min_hours_between=24, max_trainings_per_week=1)
    told = str(decide(rules, state(ago(HOUR))))
    for name in ("min_new_boxes", "min_hours_between", "max_trainings_per_week"):
        assert name in told


def test_a_clock_that_is_set_back_a_little_does_not_train_twice() -> None:
    rules = RetrainRules(min_hours_between=24, max_trainings_per_week=1)
    decision = decide(rules, state(ago(-HOUR)))
    assert not decision.start
    assert "min_hours_between" in str(decision)
    assert "max_trainings_per_week" in str(decision)


def test_a_clock_that_was_a_year_ahead_does_not_block_for_a_year() -> None:
    rules = RetrainRules(min_hours_between=24, max_trainings_per_week=1, max_usd_per_week=1)
    assert decide(rules, state(ago(-365 * DAY, 0.5))).start
    assert not decide(rules, state(ago(HOUR), ago(-365 * DAY))).start, "an earlier one counts"


@pytest.mark.parametrize("rules", [{"min_new_boxes": -1}, {"min_hours_between": -1}, {"usd": 1}])
def test_rules_that_make_no_sense_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RetrainRules.model_validate(rules)


rules_of_time = st.builds(
    RetrainRules,
    min_hours_between=st.floats(0, 24 * 30),
    max_trainings_per_week=st.none() | st.integers(1, 5),
    max_usd_per_week=st.none() | st.floats(10, 100),
)
trainings = st.lists(
    st.builds(
        PastTraining,
        st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
        st.none() | st.floats(0, 10),
    ),
    max_size=8,
)


@given(rules_of_time, trainings)
def test_nothing_waits_longer_than_twice_what_a_rule_says(
    rules: RetrainRules, trainings: list[PastTraining]
) -> None:
    """Whatever dates wrong clocks have given to the trainings that count now."""
    window = max(timedelta(hours=rules.min_hours_between), timedelta(days=7))
    counted = [PastTraining(one.at, one.usd or 0.0) for one in trainings if one.at < NOW + window]
    assert decide(rules, state(*counted, now=NOW + 2 * window)).start


@given(rules_of_time, trainings, st.floats(-1, 1))
def test_a_clock_set_by_less_than_a_rule_says_hides_no_training(
    rules: RetrainRules, trainings: list[PastTraining], share: float
) -> None:
    gap = timedelta(hours=rules.min_hours_between)
    just = PastTraining(NOW, 0.0)
    now = NOW + gap * share * 0.999
    assert decide(rules, state(*trainings, just, now=now)).start is False or gap == timedelta(0)
