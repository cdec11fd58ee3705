"""Benchmarks are code that is run by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations import bench as benchmarks
from assets.operations.bench import BenchmarkError, benchmark_names, run_benchmark

QUICK = """
from dataclasses import dataclass

@dataclass
class Seen:
    seconds: float

def measure():
    return {"ratio": Seen(0.25).seconds}
"""

SPREAD = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def half(number):
    return number / 2

def measure():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return {"half": pool.submit(half, 3).result()}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "quick.py").write_text(QUICK)
    monkeypatch.setattr(benchmarks, "BENCH_FOLDER", tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_the_json_holds_name_figures_and_machine(folder: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "quick", "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["name"] == "quick"
    assert document["figures"] == {"ratio": 0.25}
    assert document["machine"]["cores"] >= 1


def test_a_person_gets_a_table(folder: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "quick"])
    assert result.exit_code == 0
    assert "ratio" in result.stdout
    assert "0.25" in result.stdout


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="quick"):
        run_benchmark("slow")
    result = CliRunner().invoke(app, ["bench", "slow"])
    assert result.exit_code == 1


def test_a_benchmark_may_measure_in_processes_of_its_own(folder: Path) -> None:
    (folder / "spread.py").write_text(SPREAD)
    assert run_benchmark("spread").figures == {"half": 1.5}


def test_a_file_that_measures_nothing_is_no_benchmark(folder: Path) -> None:
    (folder / "helping.py").write_text("LENGTH = 3\n")
    assert benchmark_names() == ("quick",)


def test_without_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "BENCH_FOLDER", tmp_path / "nowhere")
    with pytest.raises(BenchmarkError, match="checkout"):
        run_benchmark("sld")


def test_the_checkout_has_the_benchmark_of_sprite_files() -> None:
    assert {"scenes", "sld"} <= set(benchmark_names())
