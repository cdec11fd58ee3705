from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.community.withdrawn_installs import (
    Withdrawal,
    WithdrawalError,
    WithdrawnInstalls,
)

DAY = date(2026, 3, 1)


def entry(install: str, reason: str = "labels at random") -> Withdrawal:
    return Withdrawal(install=install, reason=reason, date=DAY)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.data())
def test_the_order_of_withdrawals_does_not_matter(installs: list[str], data: st.DataObject) -> None:
    known, again = WithdrawnInstalls(), WithdrawnInstalls()
    for install in installs:
        known = known.withdrawn(entry(install))
    for install in data.draw(st.permutations(installs)):
        again = again.withdrawn(entry(install, "another reason"))
    assert known.installs == again.installs == set(installs)
    for install in installs:
        assert known.restored(install).installs == set(installs) - {install}


def test_nobody_is_withdrawn_twice_or_restored_from_nothing() -> None:
    known = WithdrawnInstalls().withdrawn(entry("a"))
    with pytest.raises(WithdrawalError, match="labels at random"):
        known.withdrawn(entry("a", "x"))
    with pytest.raises(WithdrawalError, match="b is not withdrawn"):
        known.restored("b")
