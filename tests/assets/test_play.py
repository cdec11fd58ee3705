"""`outpost play simulate`: a game between scripted players, as a sheet to look at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app


def outpost(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.mark.slow
def test_a_game_is_played_and_shown(tmp_path):
    sheet = tmp_path / "new" / "game.jpg"
    done = outpost(
        "play",
        "simulate",
        "scripted_l5",
        "scripted_l1",
        "--out",
        str(sheet),
        "--seed",
        "3",
        "--json",
    )
    assert done.exit_code == 0, done.output
    game = json.loads(done.stdout)
    assert game["players"] == ["scripted_l5", "scripted_l1"]
    assert game["result"] in ("FIRST_SIDE", "SECOND_SIDE", "DRAW")
    assert game["seconds"] <= 180
    assert len(game["goals"]) == 16
    with Image.open(sheet) as image:
        assert image.size == (4 * 324, 4 * 260)
        assert np.asarray(image).std() > 20


def test_bad_input_is_explained(tmp_path):
    sheet = tmp_path / "game.jpg"
    unknown = outpost("play", "simulate", "nobody", "scripted_l1", "--out", str(sheet))
    assert unknown.exit_code == 1
    assert "no scripted player 'nobody'" in " ".join(unknown.stderr.split())
    (tmp_path / "taken").write_text("a file")
    blocked = outpost(
        "play", "simulate", "random", "random", "--out", str(Path(tmp_path, "taken", "game.jpg"))
    )
    assert blocked.exit_code == 1
    assert "What to do:" in blocked.stderr
    assert not sheet.exists()
