"""Why a channel is moved, in words that the history can hold."""

from __future__ import annotations

import pytest

from pipeline.release.channels import LONGEST_REASON, ReasonError, checked_reason


@pytest.mark.parametrize("reason", ["", " \n", "x" * (LONGEST_REASON + 1), "bad \udcff byte"])
def test_a_reason_that_the_history_cannot_hold_is_refused(reason: str) -> None:
    with pytest.raises(ReasonError):
        checked_reason(reason)


def test_a_reason_is_kept_as_it_is() -> None:
    assert checked_reason(" sieht Gespenster, 夜 ") == "sieht Gespenster, 夜"
