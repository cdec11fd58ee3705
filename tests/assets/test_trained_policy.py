"""`outpost play train`: a policy that learns by playing, and how well it plays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets.cli.app import app
from pipeline.play.arena.training.run import TrainingRun


def play_train(out: Path, *options: str) -> Result:
    arguments = ("play", "train", "--out", str(out), "--envs", "4", "--games", "2", *options)
    return CliRunner().invoke(app, arguments)


@pytest.mark.slow
def test_a_policy_is_trained_gone_on_with_and_judged(tmp_path: Path) -> None:
    out = tmp_path / "new" / "learned"
    begun = play_train(out, "--steps", "256", "--opponent", "random", "--json")
    assert begun.exit_code == 0, begun.output
    assert "train the policy" in begun.stderr
    judged = json.loads(begun.stdout)
    assert judged["steps"] == 256
    (against,) = judged["games"]
    assert against["opponent"] == "random"
    assert against["wins"] + against["draws"] + against["losses"] == 2
    assert 0 <= against["win_rate"]["low"] <= against["win_rate"]["high"] <= 1
    weights = Path(judged["weights"]).read_bytes()
    assert Path(judged["curves"]).is_file()
    assert list(Path(judged["tensorboard"]).glob("events.*"))

    again = play_train(out, "--steps", "256", "--opponent", "random")
    assert again.exit_code == 0, again.output
    assert "256 steps in" in again.stdout
    assert f"{against['wins']} " in again.stdout
    assert Path(judged["weights"]).read_bytes() == weights

    # Of so many steps, evaluations are further apart.
    goes_on: list[int] = []

    def stopped(run: TrainingRun, *_others: object) -> None:
        assert run.state is not None
        goes_on.append(run.state.facts.steps)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "_learn", stopped)
        play_train(out, "--steps", "20000000", "--opponent", "random")
    assert goes_on == [256]
    assert len(list(out.glob("*/config.json"))) == 1

    other = play_train(out, "--steps", "256", "--opponent", "random", "--seed", "43")
    assert other.exit_code == 1
    assert "trained with another configuration" in other.stderr


def test_what_cannot_be_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for out, options, told in (
        ("learned", ("--opponent", "scripted_l9"), "neither one of random"),
        ("learned", ("--from", str(tmp_path / "absent")), "neither a scripted player nor"),
        ("learned", ("--opponent", str(tmp_path / "file")), "cannot be read"),
        ("file", (), "cannot be trained in"),
    ):
        done = play_train(tmp_path / out, *options)
        assert done.exit_code == 1, done.output
        assert told in done.stderr
    assert not (tmp_path / "learned").exists()
    assert (tmp_path / "file").read_text() == "in the way"
