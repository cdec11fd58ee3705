"""`outpost play benchmark`: reports, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.arena import policy_benchmarks
from pipeline.play.arena.benchmarks.battles import read_battles
from pipeline.play.arena.benchmarks.historical import HistoricalSettings, judge_historical
from pipeline.play.arena.benchmarks.transfer import TransferSettings, judge_transfer
from pipeline.play.arena.benchmarks.verdicts import BenchmarkResult, Share


def benchmark(*arguments: str) -> Result:
    return CliRunner().invoke(app, ("play", "benchmark", *arguments))


def test_a_policy_that_wins_nothing_fails_transfer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, out = tmp_path / "policy.safetensors", tmp_path / "new" / "transfer"
    asked: list[object] = []

    def run(*arguments: object, report: object) -> BenchmarkResult:
        asked.extend(arguments)
        share = Share(name="maps", condition="as it is", count=0, of=2)
        return judge_transfer("policy", (share, share, share), TransferSettings())

    monkeypatch.setattr(policy_benchmarks, "run_transfer", run)
    options = ("--steps", "1", "--games", "2", "--out", str(out), "--json")
    ended = benchmark("transfer", str(policy), *options)
    settings = TransferSettings(games=2, finetune_steps=1)
    assert asked == [policy, out / "trainings", settings]
    assert ended.exit_code == 1, ended.output
    judged = json.loads(ended.stdout)
    assert judged["verdicts"][0].startswith("fail")
    assert Path(judged["report"]) == out / "report.md"
    assert (out / "shares.svg").is_file()


def test_a_benchmark_that_passes_exits_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    battles = read_battles()
    played = [battle.recorded for battle in battles.battles if battle.recorded is not None]
    result = judge_historical("scripted_l5", battles, played, HistoricalSettings())
    monkeypatch.setattr(policy_benchmarks, "run_historical", lambda *_args, **_options: result)
    ended = benchmark("historical", "--out", str(tmp_path / "out"))
    assert ended.exit_code == 0, ended.output
    assert "historical: pass" in ended.stdout
    assert (tmp_path / "out" / "report.md").read_text("utf-8").startswith("# Historical: pass")


def test_what_cannot_be_benchmarked_is_said(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"))
    no_policy = benchmark("transfer", "scripted_l5", *out)
    assert no_policy.exit_code == 1
    assert "cannot go on learning" in no_policy.stderr
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("taken", "utf-8")
    taken = benchmark("historical", "--out", str(tmp_path / "file"))
    assert taken.exit_code == 1
    assert "cannot be run in" in taken.stderr
