"""Benchmarks of a policy as an artifact: a folder of report, image and result for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json
from pipeline.manifests import Record
from pipeline.play.arena.benchmarks.generalist import GeneralistSettings, run_generalist
from pipeline.play.arena.benchmarks.historical import HistoricalSettings, run_historical
from pipeline.play.arena.benchmarks.reports import CHART_FILE, RESULT_FILE, write_report
from pipeline.play.arena.benchmarks.transfer import TransferSettings, run_transfer
from pipeline.play.arena.benchmarks.verdicts import BenchmarkResult
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.progress import Report, silent

TRANSFER, GENERALIST, HISTORICAL = BENCHMARKS = ("transfer", "generalist", "historical")
MATERIALIZE = "Materialize arena/benchmarks again."


class ArenaBenchmarksError(OutpostError):
    """A folder that does not hold benchmarks."""


class BenchmarkPlan(Record):
    """Which benchmarks are run, and how; those without settings are not."""

    transfer: TransferSettings | None = None
    generalist: GeneralistSettings | None = None
    historical: HistoricalSettings | None = None
    policy_attacks: bool = Field(
        False, description="The policy has the attackers of historical battles."
    )
    training: PolicyTrainingConfig = Field(
        PolicyTrainingConfig(), description="How policies learn for a benchmark."
    )


@dataclass(frozen=True)
class ArenaBenchmarks:
    """The artifact of `arena/benchmarks`: for each that was run a folder of its name, with

    report.md     criteria, shares with intervals, settings
    shares.svg    the shares as an image
    result.json   the same for programs
    """

    folder: Path
    results: tuple[BenchmarkResult, ...]

    @classmethod
    def open(cls, folder: Path) -> ArenaBenchmarks:
        """Read what `write` wrote.

        Raises:
            ArenaBenchmarksError: there is none, or a file is missing or damaged.
        """
        found = [name for name in BENCHMARKS if (folder / name).is_dir()]
        if not found:
            raise _damaged(folder, FileNotFoundError("it holds no benchmark"))
        for name in found:
            if not (folder / name / CHART_FILE).is_file():
                raise _damaged(folder / name, FileNotFoundError("its image is missing"))
        files = (folder / name / RESULT_FILE for name in found)
        return cls(folder, tuple(read_json(file, BenchmarkResult, _damaged) for file in files))

    @classmethod
    def write(
        cls, folder: Path, policy: Path, plan: BenchmarkPlan, work: Path, report: Report = silent
    ) -> ArenaBenchmarks:
        """Run them into an empty folder.

        Args:
            policy: the file of a policy that has learned by playing.
            work: of trainings, which go on where they were interrupted.

        Raises:
            BenchmarkError: it is no file of a policy.

        Others are those of `train`.
        """
        results = []
        if plan.transfer is not None:
            places = (policy, work / TRANSFER)
            results.append(run_transfer(*places, plan.transfer, plan.training, report))
        if plan.generalist is not None:
            places = (policy, work / GENERALIST)
            results.append(run_generalist(*places, plan.generalist, plan.training, report))
        if plan.historical is not None:
            player = policy if plan.policy_attacks else None
            results.append(run_historical(player, settings=plan.historical, report=report))
        return cls.keep(folder, results)

    @classmethod
    def keep(cls, folder: Path, results: list[BenchmarkResult]) -> ArenaBenchmarks:
        """Write reports into an empty folder."""
        for result in results:
            (folder / result.benchmark).mkdir()
            write_report(result, folder / result.benchmark)
        return cls(folder, tuple(results))

    def chart_of(self, result: BenchmarkResult) -> str:
        """Shares with their intervals, as the text of an SVG."""
        return (self.folder / result.benchmark / CHART_FILE).read_text(encoding="utf-8")

    def problems_of(self, benchmark: str) -> list[str]:
        """Criteria of one benchmark that are not met, with what was measured; none if not run."""
        return [
            f"{one.name}: {one.measured:.3f} ({one.interval or 'counted exactly'}), asked "
            f"{one.direction} {one.bound:.3f}: {one.verdict}"
            for result in self.results
            if result.benchmark == benchmark
            for one in result.criteria
            if not one.passes
        ]


def _damaged(file: Path, why: Exception) -> ArenaBenchmarksError:
    return ArenaBenchmarksError(f"{file} cannot be read: {why}", MATERIALIZE)
