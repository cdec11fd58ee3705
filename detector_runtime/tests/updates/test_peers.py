"""The table that has other updaters beside ours says what they do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def comparing() -> ModuleType:
    """`docs/compare_updaters.py`, which is no module of any package."""
    found = importlib.util.spec_from_file_location("compare_updaters", DOCS / "compare_updaters.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # Its dataclass looks itself up there.
    found.loader.exec_module(module)
    return module


def test_a_case_that_nobody_can_be_tried_in_is_not_offered(comparing: ModuleType) -> None:
    ours = dict.fromkeys((*comparing.ATTACKS, *comparing.PLAYERS), "refused")
    found = {
        one.name: ours if one.packages else {"cut_update": "works"} for one in comparing.UPDATERS
    }
    rows = comparing.table(found).splitlines()
    cells = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in rows}
    assert cells["parts of several versions"] == ["not offered", "refused", "refused |"]
    assert cells[comparing.PLAYERS["cut_update_of_a_folder"]][0] == "works"


def test_a_case_that_no_row_is_for_is_not_left_out(comparing: ModuleType) -> None:
    found: dict[str, dict[str, str]] = {one.name: {} for one in comparing.UPDATERS}
    found[comparing.UPDATERS[1].name]["cut_file_of_a_folder"] = "accepted"
    with pytest.raises(ValueError, match="cut_file_of_a_folder"):
        comparing.table(found)


def test_only_the_table_of_the_page_is_replaced(comparing: ModuleType) -> None:
    page = comparing.PAGE.read_text(encoding="utf-8")
    assert comparing.with_table(page, "") != page
    (begin, old, end) = (comparing.BEGIN, "| old |\n", comparing.END)
    assert comparing.with_table(f"a\n{begin}{old}{end}b\n", "new\n") == f"a\n{begin}new\n{end}b\n"


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_the_table_says_what_each_of_them_does(comparing: ModuleType) -> None:
    try:
        found = {one.name: comparing.outcomes_of(one) for one in comparing.UPDATERS}
    except comparing.UnreachableError as error:
        pytest.skip(f"packages cannot be fetched: {str(error)[-300:]}")
    assert set(found["detector_runtime"]) | {"cut_update_of_a_folder"} == {
        *comparing.ATTACKS,
        *comparing.PLAYERS,
    }
    page = comparing.PAGE.read_text(encoding="utf-8")
    assert page == comparing.with_table(page, comparing.table(found)), (
        "write it anew: uv run python docs/compare_updaters.py"
    )
