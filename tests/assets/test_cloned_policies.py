"""`outpost play clone` and `outpost play evaluate`: policies from play, and how well they play."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from doubles.models import export_metadata, write_detector
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import cloned_policies
from pipeline.games.pack import load_pack
from pipeline.play.policies import judging
from pipeline.play.policies.settings import PRESETS, RoleSettings


def outpost(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def short(monkeypatch):
    """A preset that takes a moment."""
    role = RoleSettings(epochs=1, batch=256, learning_rate=1e-3)
    settings = PRESETS["brief"].model_copy(
        update={"strategist": role, "tactician": role, "executor": role, "width": 8, "layers": 1}
    )
    monkeypatch.setattr(cloned_policies, "PRESETS", {"brief": settings})


@pytest.mark.slow
def test_policies_are_cloned_and_judged(tmp_path, short, monkeypatch):
    folder, sheet = tmp_path / "new" / "policies", tmp_path / "sheets" / "game.jpg"
    done = outpost("play", "clone", "--out", str(folder), "--games", "3", "--delay", "2", "--json")
    assert done.exit_code == 0, done.output
    assert "play the games: 1/1" in done.stderr
    assert "train the executor" in done.stderr
    assert "Three policies learn on c" in done.stderr
    cloned = json.loads(done.stdout)
    assert cloned["settings"]["delay"] == 2
    assert sorted(cloned["policies"]) == ["executor", "strategist", "tactician"]
    assert len(cloned["sessions"]) == 2
    names = {file.name for file in folder.iterdir() if file.is_file()}
    models = {f"{role}.onnx" for role in cloned["policies"]}
    assert names == {"clone.json", "curves.json", "curves.svg", *models}
    runs = {file.parent.relative_to(folder) for file in folder.rglob("events.out.tfevents.*")}
    assert runs == {
        Path("tensorboard", role, part)
        for role in cloned["policies"]
        for part in ("train", "held_out")
    }

    text = outpost("play", "clone", "--out", str(folder), "--games", "3", "--delay", "2")
    assert "On 1 session that they have not learned from:" in text.stdout
    assert "should be > 75%" in text.stdout

    other = outpost("play", "clone", "--out", str(folder), "--games", "3", "--delay", "3")
    assert other.exit_code == 1
    assert "trained otherwise" in other.stderr

    arguments = ["play", "evaluate", str(folder), "--games", "2", "--out", str(sheet)]
    done = outpost(*arguments, "--json")
    assert done.exit_code == 0, done.output
    judged = json.loads(done.stdout)
    players = [one["player"] for one in judged["judgement"]["players"]]
    assert players == ["policies", "scripted_l5", "random"]
    assert "games of policies" in done.stderr
    assert judged["cloned"] == cloned
    with Image.open(sheet) as image:
        assert image.size == (4 * 324, 4 * 260)
    text = outpost(*arguments)
    assert "2 games each against scripted_l3." in text.stdout
    assert "ahead of random by" in text.stdout
    assert "(too few games for an interval)" in " ".join(text.stdout.split())

    monkeypatch.setattr(judging, "MAX_TICKS", 60)
    names = load_pack("demo").class_names
    blind = write_detector(tmp_path / "blind.onnx", export_metadata(names, (320, 320)))
    by_eye = [*arguments, "--detected-games", "2", "--detector"]
    done = outpost(*by_eye, str(blind), "--json")
    assert done.exit_code == 0, done.output
    seen = json.loads(done.stdout)["seen"]
    assert seen["loss"]["games"] == 2
    assert seen["loss"]["accuracy"]["recall"] == 0
    assert seen["loss"]["accuracy"]["kinds"]["keep"]["entities"] == 6
    with Image.open(sheet.with_name("game-seen.jpg")) as image:
        assert image.width > image.height > 100
    assert "of what is in sight 0.0% is seen" in outpost(*by_eye, str(blind)).stdout
    assert "there is no model at" in outpost(*by_eye, str(tmp_path / "nowhere")).stderr
    other = write_detector(tmp_path / "other.onnx", export_metadata(("keep",), (320, 320)))
    refused = " ".join(outpost(*by_eye, str(other)).stderr.split())
    assert "finds no worker, swordsman" in refused

    def not_played(*_games, **_more):
        pytest.fail("it was played")

    monkeypatch.setattr(cloned_policies, "evaluate", not_played)
    none = outpost(*by_eye, str(blind), "--detected-games", "0")
    assert "0 games say nothing" in none.stderr
    sheet.with_name("game-seen.jpg").unlink()
    sheet.with_name("game-seen.jpg").mkdir()
    taken = outpost(*by_eye, str(blind))
    assert "game-seen.jpg" in "".join(taken.stderr.split())


def test_sessions_are_played_in_parts_with_every_seed_once(monkeypatch):
    asked = []

    def played(player, opponent, seeds):
        asked.append([*seeds])
        return [(player, opponent, seed) for seed in seeds]

    monkeypatch.setattr(cloned_policies, "demonstrate", played)
    shown = cloned_policies.sessions_of(cloned_policies.Play("random", "scripted_l1", 23, 5))
    assert shown == [("random", "scripted_l1", seed) for seed in range(5, 28)]
    # Of parts of even size, both sides of the map are played as often.
    assert all(len(part) % 2 == 0 for part in asked[:-1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["clone", "--games", "1"], "1 games cannot be learned from"),
        (["clone", "--games", "9999"], "9999 games cannot be learned from"),
        (["clone", "--preset", "swift"], "no preset 'swift'"),
        (["clone", "--player", "nobody"], "no scripted player 'nobody'"),
        (["clone", "--opponent", "nobody"], "no scripted player 'nobody'"),
        (["evaluate", "nowhere"], "no model at nowhere"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    done = outpost("play", *arguments)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert "What to do:" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_played(tmp_path, monkeypatch):
    (tmp_path / "policies").touch()
    monkeypatch.setattr(cloned_policies, "demonstrate", lambda *_: pytest.fail("it was played"))
    done = outpost("play", "clone", "--out", str(tmp_path / "policies"))
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


@pytest.mark.slow
def test_recorded_sessions_teach_what_the_games_do(tmp_path):
    done = outpost("play", "record", "random", "random", "--games", "2", "--out", str(tmp_path))
    assert done.exit_code == 0
    recorded = cloned_policies.recorded_demonstrations(tmp_path)
    played = cloned_policies.sessions_of(cloned_policies.Play("random", "random", 2, 0))
    assert len(recorded) == 2
    for one, other in zip(recorded, played, strict=True):
        for field in ("entities", "status", "actions", "goals", "targets", "scores"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_copies_and_too_few_sessions_are_refused(tmp_path):
    assert outpost("play", "record", "random", "random", "--out", str(tmp_path)).exit_code == 0
    policies = tmp_path / "policies"
    arguments = ("play", "clone", "--recordings", str(tmp_path), "--out", str(policies))
    few = outpost(*arguments)
    assert few.exit_code == 1
    assert "1 sessions, from which policies cannot learn" in few.stderr
    (file,) = tmp_path.glob("*.mcap")
    (tmp_path / "again.mcap").write_bytes(file.read_bytes())
    twice = outpost(*arguments)
    assert twice.exit_code == 1
    assert "copies of each other: again.mcap" in twice.stderr
    assert not policies.exists()
