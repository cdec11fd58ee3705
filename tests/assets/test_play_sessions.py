"""`outpost play record`, `replay` and `recover`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles.sessions import session_info, some_events
from typer.testing import CliRunner

from assets.cli.app import app
from pipeline.play.recordings.events import StateEvent
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.writer import SessionWriter
from resources.defaults import Resources
from resources.paths import Paths


@pytest.fixture
def outpost(tmp_path):
    resources = Resources.of(Paths.below(tmp_path / "home"))
    return lambda *words: CliRunner().invoke(app, ["play", *words], obj=resources)


def interrupted(folder: Path, name: str = "one") -> Path:
    with SessionWriter(folder, session_info(name)) as writer:
        for time, event in some_events():
            writer.write(time, event)
    return writer.part


def test_games_are_recorded_and_played_again(outpost, tmp_path):
    done = outpost("record", "scripted_l2", "random", "--seed", "5", "--json")
    assert done.exit_code == 0, done.output
    (recorded,) = json.loads(done.stdout)
    folder = tmp_path / "home" / "recordings" / "demo"
    assert recorded["file"] == str(folder / "scripted_l2-random-5.mcap")
    assert recorded["outcome"] in (-1, 0, 1)
    again = outpost("replay")
    assert again.exit_code == 0, again.output
    assert "equal" in again.stdout
    taken = outpost("record", "scripted_l2", "random", "--seed", "5")
    assert taken.exit_code == 1
    assert "already" in taken.stderr


def test_what_differs_or_is_torn_is_told(outpost, tmp_path):
    session = tmp_path / "played.mcap"
    recorded = outpost("record", "random", "random", "--out", str(tmp_path / "out"), "--json")
    file = Path(json.loads(recorded.stdout)[0]["file"])
    session.write_bytes(file.read_bytes()[:-20])
    torn = outpost("replay", str(session))
    assert torn.exit_code == 1
    assert "equal; it breaks off" in " ".join(torn.stdout.split())
    original = open_session(file)
    with SessionWriter(tmp_path / "changed", original.info) as writer:
        for time, event in original.events():
            if isinstance(event, StateEvent) and event.tick == 60:
                event = event.model_copy(update={"digest": "0" * 64})
            writer.write(time, event)
        changed = writer.finish()
    differs = outpost("replay", str(changed))
    assert differs.exit_code == 1
    assert "differs after 3 s" in differs.stdout
    (tmp_path / "none.mcap").write_text("nothing")
    assert outpost("replay", str(tmp_path / "none.mcap")).exit_code == 1
    nothing = outpost("replay")
    assert nothing.exit_code == 1
    assert "no sessions" in nothing.stderr


def test_interrupted_recordings_are_finished(outpost, tmp_path):
    folder = tmp_path / "home" / "recordings" / "demo"
    assert "No recording was interrupted" in outpost("recover").stdout
    interrupted(folder)
    broken = interrupted(folder, "two")
    broken.write_bytes(broken.read_bytes()[:100])
    done = outpost("recover")
    assert done.exit_code == 1
    assert "not played to its end" in " ".join(done.stdout.split())
    assert "no event" in done.stderr
    assert sorted(file.name for file in folder.iterdir()) == ["one.mcap", "two.mcap.part"]
    mistyped = outpost("recover", str(tmp_path / "esle"))
    assert mistyped.exit_code == 1
    assert "There is no" in mistyped.stderr
    alone = interrupted(tmp_path / "else")
    assert outpost("recover", str(alone), "--json").exit_code == 0


def test_sessions_are_judged_and_exported(outpost, tmp_path, monkeypatch):
    nothing = outpost("export", "--out", str(tmp_path / "out"))
    assert nothing.exit_code == 1
    folder = tmp_path / "home" / "recordings" / "demo"
    for name in ("one", "two"):
        interrupted(folder, name)
    outpost("recover")
    (folder / "torn.mcap").write_bytes(b"no session")
    judged = outpost("quality", "--json")
    assert judged.exit_code == 0
    one, torn, two = json.loads(judged.stdout)
    assert "less than 10 s" in one["problems"][0]
    assert one["problems"][-1] == two["problems"][-1] == "copies: one.mcap, two.mcap"
    assert "no recorded session" in torn["problems"][0]
    assert "FIGHT 49%" in outpost("quality", str(folder / "one.mcap")).stdout
    unread = outpost("export", "--out", str(tmp_path / "out"))
    assert unread.exit_code == 1
    assert not (tmp_path / "out").exists()
    (folder / "torn.mcap").unlink()
    done = outpost("export", "--out", str(tmp_path / "out"), "--json")
    assert json.loads(done.stdout) == [str(tmp_path / "out" / name) for name in ("one", "two")]
    learned = outpost("export", "--format", "minari", "--out", str(tmp_path / "sets" / "all-v0"))
    assert learned.exit_code == 0, learned.output
    assert (tmp_path / "sets" / "all-v0" / "data" / "metadata.json").exists()
    monkeypatch.chdir(tmp_path)
    usual = outpost("export", "--format", "minari")
    assert usual.exit_code == 0, usual.output
    assert (tmp_path / "exported-v0").is_dir()
    assert outpost("export", "--format", "csv").exit_code == 2


def test_bad_input_is_explained(outpost):
    unknown = outpost("record", "nobody", "random")
    assert unknown.exit_code == 1
    assert "no scripted player 'nobody'" in " ".join(unknown.stderr.split())
