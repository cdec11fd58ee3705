"""Versions to publish: real bundles of a model that is none, with a score as wished."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from detector_runtime.bundle import BundleMetrics, Interval, ThresholdTable
from doubles.artifacts import write_export_reports
from doubles.models import export_metadata, write_detector

from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.evaluation.reports.report import EvaluationReport, evaluate
from pipeline.export.onnx_export import OnnxExport
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.release.bundle import Release
from pipeline.release.gates import REQUIRED_LINEAGE
from pipeline.release.package import RuntimePackage
from pipeline.release.version import NewVersion, evidence_of

CLASSES = ("house", "boat")
OBJECTS = 20
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def report_of(found: int) -> EvaluationReport:
    """Of a detector that finds so many of 20 houses in two frames, and nothing else."""
    boxes = [Box(20 * i, 0, 20 * i + 10, 10) for i in range(OBJECTS)]
    frames = []
    for half in (0, 1):
        truths = tuple(LabelledBox(0, box) for box in boxes[half::2])
        hits = tuple(ScoredBox(0, 0.9, box) for box in boxes[half:found:2])
        frames.append(JudgedFrame(f"session/{half}.png", truths, hits))
    return evaluate(frames, [], Judgement(CLASSES, (0.3, 0.3)), {"model": "abc"})


def new_version(folder: Path, found: int = 16, name: str = "demo") -> NewVersion:
    """A version whose model differs from that of any other folder."""
    (folder / "export").mkdir(parents=True)
    metadata = {**export_metadata(CLASSES), "description": folder.name}
    write_detector(folder / "export" / "model.onnx", metadata)
    write_export_reports(folder / "export", CLASSES)
    export, report = OnnxExport.open(folder / "export"), report_of(found)
    f1, interval = report.real.micro.f1, report.real.micro_f1_interval
    metrics = BundleMetrics(
        real_micro_f1=Interval(value=f1 or 0.0, low=interval.low, high=interval.high)
    )
    (folder / "package").mkdir()
    package = RuntimePackage.write(
        folder / "package",
        export,
        Release(name, "1.0.0+abc", ThresholdTable(default=0.3), metrics),
    )
    (folder / "evaluation").mkdir()
    evaluation = Evaluation.write(folder / "evaluation", report, ())
    return NewVersion(
        name=name,
        package=package,
        report=report,
        evidence=evidence_of(evaluation, export),
        lineage={f"{name}/{asset}": "0" * 64 for asset in REQUIRED_LINEAGE},
        record_signers={f"{name}/{asset}": "1" * 16 for asset in REQUIRED_LINEAGE},
        trained_at=NOON,
        created_at=NOON,
    )
