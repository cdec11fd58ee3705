"""Benchmarks of a policy, with their reports in a folder that is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.play.arena.benchmarks.generalist import GeneralistSettings, run_generalist
from pipeline.play.arena.benchmarks.historical import HistoricalSettings, run_historical
from pipeline.play.arena.benchmarks.reports import write_report
from pipeline.play.arena.benchmarks.transfer import TransferSettings, run_transfer
from pipeline.play.arena.benchmarks.verdicts import BenchmarkError, BenchmarkResult
from resources.run_log import reporter

TRAININGS = "trainings"
"""Folder of what policies learn for a benchmark."""


@dataclass(frozen=True)
class JudgedBenchmark:
    """A benchmark, and where its report is.

    Attributes:
        verdicts: of its criteria, in words.
        report: Markdown; an image and the result as JSON lie beside it.
    """

    passes: bool
    verdicts: tuple[str, ...]
    result: BenchmarkResult
    report: Path


def benchmark_transfer(policy: Path, folder: Path, settings: TransferSettings) -> JudgedBenchmark:
    """From made maps to drawn ones.

    Raises:
        BenchmarkError: it is no file of a policy, or the folder cannot be written to.
        TrainingStateError: the folder holds the training of another policy or other settings.
        SnapshotError, ContestantError: the policy, or the opponent, cannot be opened.
    """
    return _reported(
        folder, lambda: run_transfer(policy, folder / TRAININGS, settings, report=reporter())
    )


def benchmark_generalist(
    policy: Path, folder: Path, settings: GeneralistSettings
) -> JudgedBenchmark:
    """One policy beside specialists; errors are those of `benchmark_transfer`."""
    return _reported(
        folder, lambda: run_generalist(policy, folder / TRAININGS, settings, report=reporter())
    )


def benchmark_historical(
    player: str | None, folder: Path, settings: HistoricalSettings
) -> JudgedBenchmark:
    """Battles of the past.

    Raises:
        BenchmarkError: the folder cannot be written to.
        ContestantError, SnapshotError: the player cannot be opened.
    """
    return _reported(folder, lambda: run_historical(player, settings=settings, report=reporter()))


def _reported(folder: Path, run: Callable[[], BenchmarkResult]) -> JudgedBenchmark:
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        # Before minutes of training: can it be written to?
        folder.mkdir(parents=True, exist_ok=True)
        result = run()
        report = write_report(result, folder)
    except OSError as error:
        raise BenchmarkError(
            f"The benchmark cannot be run in {folder}: {error}",
            "Name a folder that you may write to, with a gigabyte left.",
        ) from error
    except OutpostError:
        for place in made:  # What was refused leaves no empty folder; what was begun stays.
            with suppress(OSError):
                place.rmdir()
        raise
    verdicts = tuple(criterion.verdict for criterion in result.criteria)
    return JudgedBenchmark(result.passes, verdicts, result, report)
