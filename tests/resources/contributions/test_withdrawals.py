from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from pipeline.community.withdrawn_installs import Withdrawal, WithdrawalError
from resources.contributions.withdrawals import WithdrawalList


def entry(install: str) -> Withdrawal:
    return Withdrawal(install=install, reason="labels at random", date=date(2026, 3, 1))


def test_withdrawals_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "withdrawn.json"
    assert WithdrawalList(file).read().installs == frozenset()
    WithdrawalList(file).withdraw(entry("a"))
    WithdrawalList(file).withdraw(entry("b"))
    WithdrawalList(file).restore("a")
    assert WithdrawalList(file).read().entries == (entry("b"),)


def test_none_of_many_at_once_is_lost(tmp_path: Path) -> None:
    listed = WithdrawalList(tmp_path / "withdrawn.json")
    names = [f"install {number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: listed.withdraw(entry(name)), names))
    assert listed.read().installs == set(names)


@pytest.mark.parametrize("content", ["", "[]", '{"entries": [{"install": "a"}]}'])
def test_a_damaged_list_restores_nobody(tmp_path: Path, content: str) -> None:
    file = tmp_path / "withdrawn.json"
    file.write_text(content, "utf-8")
    with pytest.raises(WithdrawalError, match="does not say any more who is withdrawn"):
        WithdrawalList(file).withdraw(entry("a"))
    assert file.read_text("utf-8") == content
