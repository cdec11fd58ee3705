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
