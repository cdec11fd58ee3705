"""`outpost play shadow`: policies watch a scripted player."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import shadow_play
from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from pipeline.play.shadow.agreement import WatchedPlay


def outpost(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    role = RoleSettings(epochs=1, batch=256, learning_rate=1e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2, held_out=0.3
    )
    folder = tmp_path_factory.mktemp("policies")
    clone(demonstrate("scripted_l3", "scripted_l2", range(4)), settings, folder)
    return folder


@pytest.mark.slow
def test_policies_watch_and_tell_what_they_took_on(tmp_path, policies, monkeypatch):
    monkeypatch.setattr(shadow_play, "MEASURED_GAMES", 1)
    out = tmp_path / "new"
    arguments = ["play", "shadow", str(policies), "--out", str(out), "--minutes", "2"]
    arguments += ["--interval", "30"]
    done = outpost(*arguments, "--json")
    assert done.exit_code == 0, done.output
    followed = json.loads(done.stdout)
    assert followed == json.loads((out / "followed.json").read_text("utf-8"))
    assert followed["trainings"] > 0
    assert "tactician: loss" in done.stderr
    assert "seconds of play: 120/120" in done.stderr
    again = outpost(*arguments)
    assert again.exit_code == 0, again.output
    assert "old play, after" in again.stdout
    other = outpost(*arguments[:-1], "20")
    assert other.exit_code == 1
    assert "has watched otherwise" in " ".join(other.stderr.split())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["--player", "scripted_l4"], "watch 2 minutes of scripted_l5"),
        (["--opponent", "scripted_l1"], "against scripted_l3 from game 500000 on, not"),
        (["--seed", "7"], "from game 7 on"),
        (["--minutes", "3"], "not 3 minutes"),
    ],
)
def test_a_folder_for_which_something_else_was_watched_is_refused(
    tmp_path, policies, changed, says
):
    play = WatchedPlay(player="scripted_l5", opponent="scripted_l3", minutes=2, seed=500_000)
    shadow_play._claim(tmp_path, play)
    shadow_play._claim(tmp_path, play)
    before = (tmp_path / "watched.json").read_bytes()
    arguments = ["--out", str(tmp_path), "--minutes", "2", *changed]
    done = outpost("play", "shadow", str(policies), *arguments)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert (tmp_path / "watched.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_to_is_said_before_play(tmp_path, policies):
    (tmp_path / "file").write_text("")
    done = outpost("play", "shadow", str(policies), "--out", str(tmp_path / "file" / "new"))
    assert done.exit_code == 1
    assert "The policies cannot be written to" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_held_out_games_are_played_again_as_they_were(policies):
    shown = demonstrate("scripted_l3", "scripted_l2", range(1, 4))
    old = shadow_play._played_again(tuple(one.name for one in shown), 1)
    for one, again in zip(shown, old, strict=True):
        assert (one.actions == again.actions).all()
        assert (one.status == again.status).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "no model at nowhere"),
        (["nowhere", "--player", "nobody"], "no scripted player 'nobody'"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    done = outpost("play", "shadow", *arguments)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_policies_of_play_that_cannot_be_had_again_are_refused(tmp_path, policies):
    text = (policies / "clone.json").read_text("utf-8").replace("scripted_l3-", "evening-")
    for role in ("strategist", "tactician", "executor"):
        (tmp_path / f"{role}.onnx").write_bytes((policies / f"{role}.onnx").read_bytes())
    (tmp_path / "clone.json").write_text(text, "utf-8")
    done = outpost("play", "shadow", str(tmp_path), "--out", str(tmp_path / "new"))
    assert done.exit_code == 1
    assert "which cannot be played again" in " ".join(done.stderr.split())
