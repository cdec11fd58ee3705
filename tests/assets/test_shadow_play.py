"""`outpost play shadow`: policies watch a scripted player."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import shadow_play
from assets.operations.playing.learning_folders import claim_folder
from assets.operations.playing.shadow_play import ShadowPlayError
from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies.cloning import ClonedPolicies, clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.replay import demonstration_of
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.shadow.agreement import WATCHED_FILE, Watched, WatchedPlay


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


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    [*_] = record_games(folder, planned_games("scripted_l5", "scripted_l1", range(60, 63)))
    return folder


@pytest.mark.exhaustive
def test_recorded_sessions_are_watched_and_some_of_them_measured_on(
    tmp_path, policies, recordings, monkeypatch
):
    monkeypatch.setattr(shadow_play, "OLD_GAMES", 3)
    out = tmp_path / "new"
    arguments = ["play", "shadow", str(policies), "--recordings", str(recordings)]
    arguments += ["--out", str(out), "--interval", "30"]
    done = outpost(*arguments, "--json")
    assert done.exit_code == 0, done.output
    followed = json.loads(done.stdout)
    watched = json.loads((out / "watched.json").read_text("utf-8"))
    names = [file.name.removesuffix(".mcap") for file in sorted(recordings.iterdir())]
    assert sorted([*watched["sessions"], *watched["held_out_sessions"]]) == names
    assert watched["sessions"] == [name for name in names if name in watched["sessions"]]
    assert len(watched["held_out_sessions"]) == 1
    ticks = sum(
        len(demonstration_of(open_session(recordings / f"{name}.mcap")))
        for name in watched["sessions"]
    )
    assert followed["minutes"] == watched["minutes"] == ticks / 20 / 60
    assert followed["player"] == "scripted_l5"
    assert followed["trainings"] >= 2

    more = tmp_path / "more"
    shutil.copytree(recordings, more)
    [*_] = record_games(more, planned_games("scripted_l2", "scripted_l1", [70]))
    other = outpost(*arguments[:3], "--recordings", str(more), "--out", str(out))
    assert other.exit_code == 1
    assert "recorded sessions, scripted_l" in " ".join(other.stderr.split())
    assert json.loads((out / "watched.json").read_text("utf-8")) == watched


@pytest.mark.exhaustive
def test_old_play_of_recorded_sessions_is_found_in_their_folder(recordings, policies):
    names = tuple(file.name.removesuffix(".mcap") for file in sorted(recordings.iterdir()))
    cloned = ClonedPolicies.read(policies)
    of_these = cloned.model_copy(
        update={"sessions": names[:2], "held_out_sessions": names[2:], "settings": None}
    )
    old, held_out = shadow_play.old_sessions(of_these, recordings)
    assert [one.name for one in old] == [*names[:2]]
    assert [one.name for one in held_out] == [*names[2:]]
    with pytest.raises(ShadowPlayError, match=r"scripted_l3-scripted_l2-.*, which is not in"):
        shadow_play.old_sessions(cloned, recordings)


@pytest.mark.slow
def test_policies_watch_and_tell_what_they_took_on(tmp_path, policies, monkeypatch):
    monkeypatch.setattr(shadow_play, "MEASURED_GAMES", 1)
    out = tmp_path / "new"
    arguments = ["play", "shadow", str(policies), "--out", str(out), "--minutes", "1"]
    arguments += ["--interval", "20"]
    done = outpost(*arguments, "--json")
    assert done.exit_code == 0, done.output
    followed = json.loads(done.stdout)
    assert followed == json.loads((out / "followed.json").read_text("utf-8"))
    assert followed["trainings"] > 0
    assert "tactician: loss" in done.stderr
    assert "seconds of play: 60/60" in done.stderr
    again = outpost(*arguments)
    assert again.exit_code == 0, again.output
    assert "old play, after" in again.stdout
    other = outpost(*arguments[:-1], "15")
    assert other.exit_code == 1
    assert "has learned otherwise" in " ".join(other.stderr.split())


@pytest.mark.slow
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
    for _time in range(2):
        claim_folder(tmp_path / WATCHED_FILE, Watched(play), "watch", shadow_play._named)
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


def test_sessions_that_cannot_be_watched_are_explained_and_nothing_is_written(tmp_path, policies):
    (tmp_path / "one.mcap").write_text("nothing")
    (tmp_path / "two.mcap").write_text("nothing")
    out = tmp_path / "new"
    for folder, says in ((tmp_path / "nowhere", "holds 0 sessions"), (tmp_path, "one.mcap is no")):
        arguments = ["--recordings", str(folder), "--out", str(out)]
        done = outpost("play", "shadow", str(policies), *arguments)
        assert done.exit_code == 1
        assert says in " ".join(done.stderr.split())
        assert not out.exists()


def test_sessions_that_were_learned_from_are_not_watched(tmp_path, policies, monkeypatch):
    names = ClonedPolicies.read(policies).sessions[:2]
    shown = [SimpleNamespace(name=name) for name in ("another", *names)]
    monkeypatch.setattr(shadow_play, "recorded_demonstrations", lambda _folder: shown)
    arguments = ["--recordings", "any", "--out", str(tmp_path / "new")]
    done = outpost("play", "shadow", str(policies), *arguments)
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert f"cloned from 2 of the sessions, such as {names[0]}." in said
    assert list(tmp_path.iterdir()) == []


def test_policies_of_play_that_cannot_be_had_again_are_refused(tmp_path, policies):
    text = (policies / "clone.json").read_text("utf-8").replace("scripted_l3-", "evening-")
    for role in ("strategist", "tactician", "executor"):
        (tmp_path / f"{role}.onnx").write_bytes((policies / f"{role}.onnx").read_bytes())
    (tmp_path / "clone.json").write_text(text, "utf-8")
    done = outpost("play", "shadow", str(tmp_path), "--out", str(tmp_path / "new"))
    assert done.exit_code == 1
    assert "which cannot be played again" in " ".join(done.stderr.split())
