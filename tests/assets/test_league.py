"""`outpost play league`: what it tells of rounds, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from doubles.arena_trainings import STEPS
from typer.testing import CliRunner

from assets.cli.app import app
from pipeline.play.arena.league import matches, rounds
from pipeline.play.arena.matches.evaluation import EvaluationResult


def play_league(out: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ("play", "league", "--out", str(out), "--envs", "4", *options))


@pytest.mark.slow
def test_a_league_is_played_gone_on_with_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Games of minutes are played in tests of matches.
    for module in (matches, rounds):
        monkeypatch.setattr(module, "play_games", lambda *_all: EvaluationResult(6, 1, 3))
    steps = ("--steps", str(STEPS), "--response-steps", str(STEPS), "--games", "10")
    out = tmp_path / "new" / "league"
    begun = play_league(out, *steps, "--rounds", "1", "--opponent", "random", "--json")
    assert begun.exit_code == 0, begun.output
    assert "round 1 of 1: train the policy" in begun.stderr
    told = json.loads(begun.stdout)
    assert [one["name"] for one in told["policies"]] == ["start", "round 1"]
    assert told["policies"][0]["response"]["wins"] == 6
    for name in ("matrix", "curves", "standing"):
        assert Path(told[name]).is_file()
    made = Path(told["policies"][1]["policy"]).read_bytes()

    more = play_league(out, *steps, "--rounds", "2", "--opponent", "random")
    assert more.exit_code == 0, more.output
    assert "round 2" in more.stdout
    assert "60% (31% to 83%)" in more.stdout
    assert Path(told["policies"][1]["policy"]).read_bytes() == made

    other = play_league(out, *steps, "--seed", "43", "--opponent", "random")
    assert other.exit_code == 1
    assert "holds a league with other settings" in other.stderr


def test_what_cannot_be_is_told_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for out, options, told in (
        ("league", ("--opponent", "scripted_l9"), "neither one of random"),
        ("league", ("--from", str(tmp_path / "absent")), "neither a scripted player nor"),
        ("file", (), "cannot be played in"),
    ):
        done = play_league(tmp_path / out, *options)
        assert done.exit_code == 1, done.output
        assert told in done.stderr
    assert not (tmp_path / "league").exists()
    assert (tmp_path / "file").read_text() == "in the way"
