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
    assert "draw the game: 16/16" in done.stderr
    game = json.loads(done.stdout)
    assert game["players"] == ["scripted_l5", "scripted_l1"]
    assert game["result"] in ("FIRST_SIDE", "SECOND_SIDE", "DRAW")
    assert game["seconds"] <= 180
    assert len(game["goals"]) == 16
    with Image.open(sheet) as image:
        assert image.size == (4 * 324, 4 * 260)
        assert np.asarray(image).std() > 20


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nobody", "scripted_l1"], "no scripted player 'nobody'"),
        (["random", "scripted_l9"], "no scripted player 'scripted_l9'"),
        (["random", "random", "--seed", str(1 << 63)], "from 0 to 2**63 - 1"),
        (["random", "random", "--out", "taken/game.jpg"], "cannot be written to taken"),
        (["random", "random", "--out", "folder"], "cannot be written to folder"),
        (["random", "random", "--out", "."], "cannot be written to ."),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file")
    Path("folder").mkdir()
    done = outpost("play", "simulate", "--out", "new/game.jpg", *options)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert "What to do:" in done.stderr
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["folder", "taken"]


@pytest.mark.slow
def test_play_is_captured_for_a_detector(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "state"))
    done = outpost(
        "play", "capture", "scripted_l5", "scripted_l3", "--games", "1", "--frames", "2", "--json"
    )
    assert done.exit_code == 0, done.output
    written = json.loads(done.stdout)
    assert written["screenshots"] == 2
    assert Path(written["file"]).parent == tmp_path / "state" / "exports" / "demo"
    assert Path(written["file"]).stat().st_size > 2 * 320 * 256 * 3
    assert "capture play: 1/1" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nobody", "random"], "no scripted player 'nobody'"),
        (["random", "random", "--games", "0"], "of each of 0 games cannot be taken"),
        (["random", "random", "--frames", "101"], "101 screenshots of each of 50 games"),
        (["random", "random", "--games", "1", "--out", "taken/play.zip"], "cannot be written to"),
    ],
)
def test_captures_that_cannot_be_are_explained(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "state"))
    Path("taken").write_text("a file")
    done = outpost("play", "capture", *options)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
