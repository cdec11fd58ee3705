from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.community.votes.ballots import Ballot, last_labels, majority_of_first, most_named_slot


def ballot(who: str, label: str, day: int, slot: str = "weapon") -> Ballot:
    return Ballot(date(2026, 11, day), who, label, "0" * 64, slot)


def test_whoever_sends_an_icon_often_has_one_vote() -> None:
    assert last_labels([ballot("a", "Sword", day) for day in range(1, 9)]) == {"a": "Sword"}


def test_people_correct_themselves() -> None:
    assert last_labels([ballot("a", "Sword", 1), ballot("a", "Axe", 2)]) == {"a": "Axe"}


def test_two_labels_on_one_day_are_none() -> None:
    assert last_labels([ballot("a", "Sword", 1), ballot("a", "Axe", 1)]) == {}
    settled = [ballot("a", "Sword", 1), ballot("a", "Axe", 1), ballot("a", "Axe", 3)]
    assert last_labels(settled) == {"a": "Axe"}


@pytest.mark.parametrize(
    ("ballots", "expected"),
    [
        ([ballot("a", "Sword", 3), ballot("b", "Axe", 1), ballot("c", "Sword", 2)], "Sword"),
        # Equally many: the earlier day, then the lesser id.
        ([ballot("a", "Sword", 3), ballot("b", "Axe", 1)], "Axe"),
        ([ballot("b", "Sword", 1), ballot("a", "Axe", 1)], "Axe"),
        # One vote each: the second label of an install takes the place of its first.
        ([ballot("a", "Sword", 1), ballot("a", "Axe", 2), ballot("b", "Sword", 3)], "Axe"),
    ],
)
def test_the_plain_rule(ballots: list[Ballot], expected: str) -> None:
    assert majority_of_first(ballots)[0] == expected


BALLOTS = st.lists(
    st.builds(ballot, st.sampled_from("abcd"), st.sampled_from("XYZ"), st.integers(1, 4)),
    min_size=1,
)


@given(BALLOTS, st.randoms(use_true_random=False))
def test_no_order_decides(ballots: list[Ballot], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [*ballots]
    random.shuffle(shuffled)
    assert majority_of_first(ballots) == majority_of_first(shuffled)
    assert last_labels(ballots) == last_labels(shuffled)


@given(BALLOTS)
def test_nobody_has_more_than_one_vote(ballots: list[Ballot]) -> None:
    assert last_labels(ballots).keys() <= {one.contributor for one in ballots}
    label, share = majority_of_first(ballots)
    assert label in {one.label for one in ballots}
    assert 0 < share <= 1


def test_the_slot_that_most_name() -> None:
    slots = [ballot("a", "Sword", 1, slot) for slot in ("shield", "weapon", "weapon", "belt")]
    assert most_named_slot(slots) == "weapon"
    assert most_named_slot(slots[:2]) == "shield"
