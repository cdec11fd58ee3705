"""What commands print in a narrow terminal."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from assets.cli import output


def test_a_narrow_table_cuts_no_name_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "console", Console(width=20))
    output.print_table(("version", "why"), [("000001-61a089b162f6", "ZZ " * 9)])
    assert "000001-61a089b162f6" in re.sub(r"[^0-9a-f-]", "", capsys.readouterr().out)


@pytest.mark.parametrize(("width", "whole"), [(80, True), (40, False)])
def test_what_commands_ask_for_is_in_one_line_where_there_is_room(
    width: int, whole: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "console", Console(width=width))
    columns = ("batch", "chosen by", "state", "frames", "blind", "boxes", "sessions")
    row = ("first_hundred", "uncertainty", "prelabelled", "11", "2", "200", "5")
    output.print_table(columns, [row])
    printed = capsys.readouterr().out
    assert ("first_hundred" in printed) is whole
    cells = [line.split("│")[1:-1] for line in printed.splitlines() if "│" in line]
    assert tuple("".join(cell).replace(" ", "") for cell in zip(*cells, strict=True)) == row
