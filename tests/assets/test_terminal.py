"""Progress on a terminal and in a file: what is shown is what was reported, to the letter."""

import io

import pytest
from rich.console import Console

from assets.core.building import notice
from assets.core.terminal import progress_shown
from pipeline.progress import Progress
from resources.run_log import reporter


def shown(*readings: Progress, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=120, color_system=None)
    with progress_shown(console):
        report = reporter()
        for reading in readings:
            report(reading)
    return written.getvalue()


@pytest.mark.parametrize("terminal", [True, False], ids=["bar", "line"])
def test_a_partition_in_brackets_is_no_markup(terminal: bool) -> None:
    text = shown(Progress("cvat_export [bold]", 3, 3, 1.0), terminal=terminal)
    assert "cvat_export [bold]" in text


def test_a_notice_is_shown_to_the_letter() -> None:
    written = io.StringIO()
    with progress_shown(Console(file=written, width=120)):
        notice(lambda _line: None, "read cvat_export [bold]")
    assert "cvat_export [bold]" in written.getvalue()


def test_a_stage_whose_total_grows_keeps_its_bar() -> None:
    readings = [Progress("verifying", done, total, 1.0) for done, total in ((0, 1), (1, 3), (3, 3))]
    last = shown(*readings, terminal=True).rstrip().rpartition("\r")[2]
    assert last.count("verifying") == 1
    assert "3/3" in last
