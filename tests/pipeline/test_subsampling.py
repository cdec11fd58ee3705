"""A few of many lie evenly over them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.subsampling import spread_over


@given(st.integers(0, 300), st.integers(0, 50))
def test_a_few_of_many_lie_evenly_over_them(available: int, count: int) -> None:
    chosen = spread_over(range(available), count)
    assert len(chosen) == min(count, available)
    assert chosen == sorted(set(chosen))
    if chosen:
        ends = [*chosen[1:], available]
        gaps = [after - before for before, after in zip(chosen, ends, strict=True)]
        assert chosen[0] == 0
        assert max(gaps) - min(gaps) <= 1


def test_all_are_taken_where_there_are_few() -> None:
    assert spread_over("ab", 5) == ["a", "b"]
