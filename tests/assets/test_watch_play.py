"""`outpost play watch`: a game as a film."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles.sessions import session_info, some_events
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter

SMALL = ("--width", "400", "--speed", "60", "--frames", "2")


def outpost(*arguments: str):
    return CliRunner().invoke(app, ["play", "watch", *arguments])


@pytest.mark.slow
def test_a_game_and_its_session_give_one_film(tmp_path):
    game, again = tmp_path / "new" / "game.webp", tmp_path / "session.webp"
    done = outpost("scripted_l4", "random", "--out", str(game), "--seed", "19", *SMALL, "--json")
    assert done.exit_code == 0, done.output
    watched = json.loads(done.stdout)
    assert watched["players"] == ["scripted_l4", "random"]
    assert watched["result"] in ("scripted_l4 won", "random won", "nobody won")
    assert "draw the film" in done.stderr
    with Image.open(game) as film:
        assert film.n_frames == watched["film"]["frames"] == 2 + int(watched["seconds"] * 20) // 600
        assert film.size == (400, 46 + 240)
    (file,) = record_games(tmp_path, planned_games("scripted_l4", "random", [19]))
    shown = outpost("--session", str(file), "--out", str(again), *SMALL)
    assert shown.exit_code == 0, shown.output
    assert watched["result"] in shown.stdout
    assert str(again) in shown.stdout
    with Image.open(again) as film:
        assert film.n_frames == watched["film"]["frames"]


def session(folder: Path, **changes: object) -> str:
    with SessionWriter(folder, session_info("one", **changes)) as writer:
        for time, event in some_events(1):
            writer.write(time, event)
        return str(writer.finish())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody"], "no player 'nobody', nor policies in a folder"),
        (["random", "scripted_l9"], "no player 'scripted_l9'"),
        (["empty"], "empty"),
        (["random", "--seed", str(1 << 63)], "from 0 to 2**63 - 1"),
        (["random", "--out", "film.gif"], "films are animated WebP files"),
        (["random", "--out", "taken/film.webp"], "cannot be written to taken"),
        (["--session", "taken"], "no recorded session"),
        (["--session", "absent.mcap"], "cannot be read"),
        (["--session", "{other}"], "of the game 'chess'"),
        (["--session", "{short}"], "ends before its first tick"),
        ([], "no player 'policies'"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file")
    Path("empty").mkdir()
    sessions = {"other": session(tmp_path / "a", game="chess"), "short": session(tmp_path / "b")}
    before = sorted(tmp_path.rglob("*"))
    done = outpost("--out", "new.webp", *SMALL, *(word.format(**sessions) for word in words))
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert "What to do:" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_player_and_a_session_are_too_much():
    done = outpost("random", "--session", "one.mcap")
    assert done.exit_code == 2
    assert "not both" in done.stderr
