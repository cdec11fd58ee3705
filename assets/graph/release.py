"""The runtime package: a bundle that the detector loads, and a wheel that carries it."""

from pathlib import Path
from typing import Any

import dagster as dg
from detector_runtime.bundle import BundleMetrics, Interval, ThresholdTable

from assets.core.building import AssetBuild, Metadata, build_asset, latest
from assets.core.keys import GameKeys
from assets.core.metadata import table
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of, sha256_of
from pipeline.provenance import code_version_of
from pipeline.release.bundle import Release, release_version
from pipeline.release.package import RuntimePackage
from resources.artifacts import Artifact, Artifacts
from resources.state import PROJECT_ROOT, is_checkout

GROUP = "release"
SERIES = "1.0.0"
"""Versions of a detector differ in what follows the plus: a digest of model and thresholds."""


def release_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What is shipped."""
    keys = GameKeys.of(pack)
    code = code_version_of(
        "assets.graph.release",
        "pipeline.release.bundle",
        "pipeline.release.package",
        "pipeline.release.wheel",
        "pipeline.export.contract",
        "detector_runtime.bundle",
    )

    @dg.asset(
        key=keys.runtime_package,
        deps=[keys.onnx_export, keys.real_evaluation],
        group_name=GROUP,
        kinds={"python", "onnx"},
        code_version=code,
        description="The bundle that detector_runtime loads, and a wheel that carries it: model, "
        "classes, thresholds, lineage and what it scores on real frames.",
    )
    def runtime_package(
        context: dg.AssetExecutionContext, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        export = latest(instance, store, keys.onnx_export)
        evaluation = latest(instance, store, keys.real_evaluation)
        recipe = {"thresholds": pack.thresholds.model_dump(mode="json"), "series": SERIES}
        build = AssetBuild(context, store, keys.runtime_package, code, recipe, (export, evaluation))

        def write(folder: Path) -> None:
            release = _release(pack, export, Evaluation.open(evaluation.path).report)
            RuntimePackage.write(folder, OnnxExport.open(export.path), release)

        return build_asset(build, write, lambda folder: show_package(RuntimePackage.open(folder)))

    return [runtime_package]


def show_package(package: RuntimePackage) -> Metadata:
    """Version, size, score and the line that installs it."""
    manifest, wheel = package.manifest, package.wheel
    runtime = PROJECT_ROOT / "detector_runtime" if is_checkout() else "detector-runtime"
    shown: Metadata = {
        "version": manifest.version,
        "wheel_mb": round(wheel.stat().st_size / 1e6, 2),
        "wheel_sha256": sha256_of(wheel),
        "install": f'pip install "{runtime}" "{wheel}"',
        "bundle": dg.MetadataValue.path(str(package.bundle)),
        "lineage": table(["key", "value"], manifest.lineage.items()),
    }
    if manifest.metrics is None:
        return shown
    return {**shown, "real_f1": manifest.metrics.real_micro_f1.value}


def _release(pack: GamePack, export: Artifact, report: EvaluationReport) -> Release:
    digest = export.version.data_version
    told_apart = digest_of([digest, pack.thresholds.model_dump(mode="json")])
    return Release(
        game=pack.name,
        version=release_version(SERIES, told_apart),
        thresholds=ThresholdTable(
            default=pack.thresholds.default, per_class=dict(pack.thresholds.per_class)
        ),
        metrics=_metrics(report),
        lineage={"onnx_export": digest},
    )


def _metrics(report: EvaluationReport) -> BundleMetrics | None:
    """What the evaluation found; None when there was nothing to divide by."""
    scores = report.real
    if scores.micro.f1 is None:
        return None
    interval = scores.micro_f1_interval
    return BundleMetrics(
        real_micro_f1=Interval(value=scores.micro.f1, low=interval.low, high=interval.high),
        real_precision=scores.micro.precision,
        real_recall=scores.micro.recall,
        real_images=scores.frames,
    )
