"""Lists that a maintainer keeps: nothing is lost, and a damaged one is not an empty one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from pipeline.community.votes.decisions import Decision
from pipeline.community.withdrawn_installs import Withdrawal, WithdrawalError, WithdrawnInstalls
from resources.contributions import Contributions
from resources.contributions.maintainer_list import MaintainerList, MaintainerListError
from resources.paths import Paths

DAY = date(2026, 3, 1)


def entry(install: str) -> Withdrawal:
    return Withdrawal(install=install, reason="labels at random", date=DAY)


def withdraw(listed: MaintainerList[WithdrawnInstalls], install: str) -> None:
    listed.change(lambda known: known.withdrawn(entry(install)))


@pytest.fixture
def contributions(tmp_path: Path) -> Contributions:
    return Contributions(paths=Paths.below(tmp_path / "deep" / "home"))


def test_what_was_noted_is_kept(contributions: Contributions) -> None:
    assert contributions.withdrawals("toy").read().installs == frozenset()
    withdraw(contributions.withdrawals("toy"), "a")
    withdraw(contributions.withdrawals("toy"), "b")
    contributions.withdrawals("toy").change(lambda known: known.restored("a"))
    assert contributions.withdrawals("toy").read().entries == (entry("b"),)
    decision = Decision(sha256="a" * 64, label="Iron Sword", date=DAY)
    contributions.decisions("toy").change(lambda known: known.including([decision]))
    assert contributions.decisions("toy").read().entries == (decision,)
    assert contributions.withdrawals("toy").read().entries == (entry("b"),)


def test_none_of_many_at_once_is_lost(contributions: Contributions) -> None:
    listed = contributions.withdrawals("toy")
    names = [f"install {number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: withdraw(listed, name), names))
    assert listed.read().installs == set(names)


def test_a_refused_change_changes_nothing(contributions: Contributions) -> None:
    listed = contributions.withdrawals("toy")
    withdraw(listed, "a")
    before = listed.file.read_bytes()
    with pytest.raises(WithdrawalError, match="labels at random"):
        withdraw(listed, "a")
    assert listed.file.read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", '{"entries": [{"install": "a"}]}'])
def test_a_damaged_list_is_not_an_empty_one(contributions: Contributions, content: str) -> None:
    listed = contributions.withdrawals("toy")
    listed.file.parent.mkdir(parents=True)
    listed.file.write_text(content, "utf-8")
    with pytest.raises(MaintainerListError, match="does not say any more who is withdrawn"):
        withdraw(listed, "a")
    assert listed.file.read_text("utf-8") == content


def test_a_list_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    listed = Contributions(paths=Paths.below(tmp_path / "file")).withdrawals("toy")
    with pytest.raises(MaintainerListError, match=r"withdrawn\.json cannot be written"):
        withdraw(listed, "a")
