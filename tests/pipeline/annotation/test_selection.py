"""Which frames are chosen, for any candidates: the budget, blind ones, sessions, order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotation.selection import Budget, RatedFrame, select_frames

HASHES = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


@st.composite
def candidates(draw: st.DrawFn, least: int = 0) -> list[RatedFrame]:
    digests = draw(st.lists(HASHES, min_size=least, max_size=30, unique=True))
    return [
        RatedFrame(
            sha256=digest * 4,
            phash=draw(HASHES),
            session=draw(st.sampled_from(("", "a", "b", "c"))),
            value=draw(st.floats(0, 50)),
            expected_boxes=draw(st.floats(1, 40)),
        )
        for digest in digests
    ]


BUDGETS = st.builds(
    Budget,
    boxes=st.integers(1, 400).map(float),
    blind_share=st.sampled_from((0.0, 0.2, 0.5, 1.0)),
    seed=st.integers(0, 99),
)


@given(candidates(), BUDGETS)
def test_the_budget_is_spent_and_exceeded_by_no_more_than_one_frame(
    frames: list[RatedFrame], budget: Budget
) -> None:
    picks = select_frames(frames, budget)
    indices = [pick.index for pick in picks]
    assert len(set(indices)) == len(indices)
    spent = [frames[index].expected_boxes for index in indices]
    assert sum(spent[:-1]) < budget.boxes
    assert sum(spent) >= budget.boxes or len(picks) == len(frames)


@given(candidates(), BUDGETS, st.lists(HASHES, max_size=3), st.randoms())
def test_the_order_of_the_candidates_changes_nothing(
    frames: list[RatedFrame], budget: Budget, labelled: list[str], random: object
) -> None:
    shuffled = list(frames)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        [(given[pick.index], pick.blind) for pick in select_frames(given, budget, labelled)]
        for given in (frames, shuffled)
    )
    assert one == other


@given(candidates(1), BUDGETS, st.data())
def test_what_is_labelled_blind_does_not_depend_on_what_frames_are_worth(
    frames: list[RatedFrame], budget: Budget, data: st.DataObject
) -> None:
    other = [replace(frame, value=data.draw(st.floats(0, 50))) for frame in frames]
    first, second = (
        [pick.index for pick in select_frames(given, budget) if pick.blind]
        for given in (frames, other)
    )
    assert first == second
    assert bool(first) == (budget.blind_share > 0)


@given(candidates(1), BUDGETS)
def test_blind_ones_are_the_first_of_an_order_that_the_seed_alone_decides(
    frames: list[RatedFrame], budget: Budget
) -> None:
    blind = [p.index for p in select_frames(frames, budget) if p.blind]
    whole = [p.index for p in select_frames(frames, Budget(10**9, 1.0, budget.seed)) if p.blind]
    assert whole[: len(blind)] == blind


@given(candidates(), BUDGETS)
def test_no_session_has_more_than_half_while_others_have_frames(
    frames: list[RatedFrame], budget: Budget
) -> None:
    picks = select_frames(frames, replace(budget, blind_share=0.0))
    left = Counter(frame.session for frame in frames)
    taken: Counter[str] = Counter()
    for pick in picks:
        session = frames[pick.index].session
        others = sum(left.values()) - left[session]
        assert pick.before == taken[session]
        assert 2 * taken[session] <= taken.total() or not others
        taken[session] += 1
        left[session] -= 1


@given(candidates(1), BUDGETS)
def test_blind_frames_crowd_no_others_of_their_session_out(
    frames: list[RatedFrame], budget: Budget
) -> None:
    taken: Counter[str] = Counter()
    for pick in select_frames(frames, budget):
        if not pick.blind:
            assert pick.before == taken[frames[pick.index].session]
            taken[frames[pick.index].session] += 1


def test_of_frames_that_do_not_fill_the_budget_a_share_is_blind() -> None:
    frames = [RatedFrame(f"{index:064x}", "0" * 16, "one", 1.0, 10.0) for index in range(10)]
    picks = select_frames(frames, Budget(1000.0, 0.2))
    assert [pick.blind for pick in picks] == [True] * 2 + [False] * 8


@given(st.integers(1, 40))
def test_frames_that_are_worth_the_same_are_spread_over_the_sessions(count: int) -> None:
    frames = [
        RatedFrame(f"{ord(session) * 10 + number:064x}", "0" * 16, session, 1.0, 1.0)
        for session in "abcd"
        for number in range(10)
    ]
    picks = select_frames(frames, Budget(float(count), 0.0))
    taken = Counter(frames[pick.index].session for pick in picks)
    assert max(taken.values()) - min(taken[session] for session in "abcd") <= 1


def test_a_view_like_a_labelled_one_comes_last() -> None:
    frames = [
        RatedFrame("a" * 64, "0" * 15 + "1", "one", 5.0, 10.0),
        RatedFrame("b" * 64, "f" * 16, "two", 4.0, 10.0),
    ]
    picks = select_frames(frames, Budget(20.0, 0.0), labelled=["0" * 16])
    assert [pick.index for pick in picks] == [1, 0]
    assert [pick.bits for pick in picks] == [64, 1]


def test_value_is_counted_by_the_boxes_that_it_takes() -> None:
    dense = RatedFrame("a" * 64, "0" * 16, "one", 10.0, 60.0)
    small = RatedFrame("b" * 64, "f" * 16, "two", 4.0, 8.0)
    (pick,) = select_frames([dense, small], Budget(5.0, 0.0))
    assert pick.index == 1


def test_a_frame_costs_more_than_its_boxes() -> None:
    few = RatedFrame("a" * 64, "0" * 16, "one", 1.0, 1.0)
    many = RatedFrame("b" * 64, "f" * 16, "two", 10.0, 10.0)
    (pick,) = select_frames([few, many], Budget(1.0, 0.0))
    assert pick.index == 1


def test_among_frames_that_are_worth_nothing_the_other_view_comes_first() -> None:
    same = RatedFrame("a" * 64, "0" * 16, "one", 0.0, 10.0)
    other = RatedFrame("b" * 64, "f" * 16, "two", 0.0, 10.0)
    (pick,) = select_frames([same, other], Budget(5.0, 0.0), labelled=["0" * 16])
    assert pick.index == 1


def test_the_random_share_is_uniform_over_all_candidates() -> None:
    frames = [
        RatedFrame(f"{index:064x}", "0" * 16, "one", float(index), 10.0) for index in range(10)
    ]
    drawn: Counter[int] = Counter()
    for seed in range(2000):
        picks = select_frames(frames, Budget(100.0, 0.2, seed))
        drawn.update(pick.index for pick in picks if pick.blind)
    assert drawn.total() == 4000
    # 400 each, with a standard deviation of 18.
    assert all(310 < drawn[index] < 490 for index in range(10))
