"""`outpost play online`: policies learn from their own play."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import online_play
from assets.operations.playing.learning_folders import claim_folder
from assets.operations.playing.online_play import decision_in_words
from pipeline.play.demonstrations import demonstrate
from pipeline.play.online.messages import Decided
from pipeline.play.online.results import PLAYED_FILE, OnlinePlay
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings


def outpost(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    role = RoleSettings(epochs=1, batch=256, learning_rate=1e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    folder = tmp_path_factory.mktemp("policies")
    clone(demonstrate("scripted_l3", "scripted_l2", range(2)), settings, folder)
    return folder


@pytest.mark.slow
def test_policies_play_and_tell_what_it_has_come_to(tmp_path, policies, monkeypatch):
    monkeypatch.setattr(online_play, "SEEDS_A_ROUND", 8)
    monkeypatch.setattr("pipeline.play.policies.judging.MAX_TICKS", 600)
    out = tmp_path / "new"
    arguments = ["play", "online", str(policies), "--out", str(out), "--compared", "2"]
    arguments += ["--opponent", "scripted_l1"]
    done = outpost(*arguments, "--games", "40", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result == json.loads((out / "result.json").read_text("utf-8"))
    assert (result["games"], result["trainings"]) == (48, 3)
    assert (result["opponent"], result["compared"]) == ("scripted_l1", 2)
    assert "16 games, tactician: loss" in done.stderr
    assert "read of play:" in done.stderr
    history = json.loads((out / "online.json").read_text("utf-8"))
    assert [one["games"] for one in history["comparisons"]] == [
        16
    ] * 8  # What is compared has not learned of it.
    again = outpost(*arguments, "--games", "40")
    assert again.exit_code == 0, again.output
    assert "48 games were learned from in 3 trainings" in " ".join(again.stdout.split())
    other = outpost(*arguments, "--games", "60", "--learning-rate", "0.01")
    assert other.exit_code == 1
    assert "has learned otherwise" in " ".join(other.stderr.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["--opponent", "scripted_l4"], "play against scripted_l3 from game 200000 on, not"),
        (["--seed", "7"], "not against scripted_l3 from game 7 on"),
    ],
)
def test_a_folder_into_which_something_else_was_played_is_refused(
    tmp_path, policies, changed, says
):
    play = OnlinePlay(opponent="scripted_l3", seed=200_000)
    for _time in range(2):
        claim_folder(tmp_path / PLAYED_FILE, play, "play", online_play._named)
    before = (tmp_path / "played.json").read_bytes()
    done = outpost("play", "online", str(policies), "--out", str(tmp_path), *changed)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert (tmp_path / "played.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_is_said_before_play(tmp_path, policies):
    (tmp_path / "file").write_text("")
    done = outpost("play", "online", str(policies), "--out", str(tmp_path / "file" / "new"))
    assert done.exit_code == 1
    assert "The policies cannot be written to" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "no model at nowhere"),
        (["nowhere", "--opponent", "nobody"], "no scripted player 'nobody'"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    done = outpost("play", "online", *arguments)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_rollback_is_told_in_words():
    told = decision_in_words(Decided(2, "worse", 31, -1.25))
    assert "rolled back to the champion" in told
    assert "-1.25 in 31 comparisons" in told
