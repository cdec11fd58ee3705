"""Benchmarks: code in `tests/bench` that anyone can read, run by name."""

from __future__ import annotations

import importlib
import inspect
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.system.cores import usable_cores

from pipeline.errors import OutpostError
from resources.state import PROJECT_ROOT

BENCH_FOLDER = PROJECT_ROOT / "tests" / "bench"
CPU_INFO = Path("/proc/cpuinfo")


class BenchmarkError(OutpostError):
    """A benchmark that does not exist here."""


@dataclass(frozen=True)
class Measurement:
    """What a benchmark measured, and on what.

    Attributes:
        name: the benchmark.
        figures: by name; a unit ends the name, ratios have none.
        machine: what a reader must know to compare the figures.
    """

    name: str
    figures: dict[str, float]
    machine: dict[str, str | int]


def run_benchmark(name: str, full: bool = False) -> Measurement:
    """Run the `measure` function of `tests/bench/<name>.py`.

    Args:
        full: what takes longer than minutes is measured too.

    Raises:
        BenchmarkError: there is no such file, which is always so outside of a checkout; or it has
            no longer form.
    """
    measure = _measure_of(name)
    if full and "full" not in inspect.signature(measure).parameters:
        raise BenchmarkError(f"'{name}' always measures everything.", "Leave out --full.")
    figures = measure(full=True) if full else measure()
    machine: dict[str, str | int] = {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    return Measurement(name, figures, machine)


def benchmark_names() -> tuple[str, ...]:
    """Every benchmark that can be run, sorted; a file without `measure` only helps others."""
    files = BENCH_FOLDER.glob("*.py")
    return tuple(sorted(file.stem for file in files if "def measure(" in file.read_text("utf-8")))


def _measure_of(name: str) -> Callable[..., dict[str, float]]:
    names = benchmark_names()
    if not names:
        raise BenchmarkError(
            "The benchmarks are not here: an installed package does not carry them.",
            "Clone Outpost's repository and run this from the checkout.",
        )
    if name not in names:
        raise BenchmarkError(
            f"There is no benchmark '{name}'.", f"Name one of these: {', '.join(names)}."
        )
    # As when the file is run by itself: other processes, which get the same path, find its
    # functions by the module's name.
    sys.path.insert(0, str(BENCH_FOLDER))
    measure: Callable[..., dict[str, float]] = importlib.import_module(name).measure
    return measure


def _processor() -> str:
    """The processor's name where the system tells it, else its family."""
    told = CPU_INFO.read_text("utf-8", errors="replace") if CPU_INFO.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.*\S)", told, re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()
