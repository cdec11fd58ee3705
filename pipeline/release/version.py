"""A version as it is published: the bundle's files, and what the gates of promotion look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from detector_runtime.bundle import MANIFEST_NAME, BundleManifest, FileDigest
from detector_runtime.updates.documents import (
    Manifest,
    ReleaseMetrics,
    ScoreInterval,
    classes_digest,
)

from pipeline.errors import OutpostError
from pipeline.evaluation.evaluation import REPORT_FILE, Evaluation
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.export.contract import check_onnx_contract
from pipeline.export.onnx_export import PARITY_FILE, OnnxExport
from pipeline.export.parity import ParityReport
from pipeline.files import read_json
from pipeline.manifests import sha256_of
from pipeline.release.bundle import MODEL_NAME
from pipeline.release.package import RuntimePackage
from pipeline.release.wheel import MODEL_LICENCE

MODEL_FOLDER = "model"
"""In an artifact, the folder of a community model or of policies that programs open."""


class VersionError(OutpostError):
    """A folder that holds no version, or not all of it."""


class Publishable(Protocol):
    """What can be published: files, and what is signed of them."""

    @property
    def files(self) -> dict[str, Path]:
        """Every file but the manifest, by the name under which it travels."""
        ...

    def manifest(self, sequence: int, previous: str | None) -> Manifest:
        """What is signed of it; see `NewVersion.manifest`."""
        ...


@dataclass(frozen=True)
class NewVersion:
    """A detector that is to be published.

    Attributes:
        name: of the model, which is the game's.
        package: its bundle travels.
        report: what the model scores on real frames.
        evidence: further files by the name under which they travel.
        lineage: asset to data version, of everything that the model was made from.
        record_signers: of these, the assets whose records trusted keys have signed, to the key.
        trained_at: None where nothing tells.
        created_at: when the package was made, so that a second publication has the same bytes.
    """

    name: str
    package: RuntimePackage
    report: EvaluationReport
    evidence: Mapping[str, Path]
    lineage: Mapping[str, str]
    record_signers: Mapping[str, str]
    trained_at: datetime | None
    created_at: datetime

    @property
    def files(self) -> dict[str, Path]:
        """Every file but the manifest, by the name under which it travels."""
        bundle = self.package.bundle
        names = (MANIFEST_NAME, *self.package.manifest.files)
        return {**{name: bundle / name for name in names}, **self.evidence}

    def manifest(self, sequence: int, previous: str | None) -> Manifest:
        """What is signed of it.

        Args:
            sequence: its number among the versions of the model.
            previous: the version before.
        """
        return manifest_of_files(
            self.package.manifest,
            self.files,
            name=self.name,
            sequence=sequence,
            created_at=self.created_at,
            trained_at=self.trained_at,
            metrics=self._metrics(),
            lineage=dict(self.lineage),
            record_signers=dict(self.record_signers),
            previous=previous,
        )

    def _metrics(self) -> ReleaseMetrics:
        scores = ((one.name, one.score.f1) for one in self.report.real.per_class)
        return ReleaseMetrics(
            real_micro_f1=interval_of(self.package.manifest),
            per_class_f1={name: f1 for name, f1 in scores if f1 is not None},
        )


def manifest_of_files(bundle: BundleManifest, files: Mapping[str, Path], **others: Any) -> Manifest:
    """A manifest of files, with all that their bundle says.

    Args:
        files: every one that travels, by the name under which it does.
        others: fields of the manifest that the bundle does not tell.
    """
    return Manifest(
        version=bundle.version,
        files=digests_of(files),
        classes=bundle.classes,
        classes_sha256=classes_digest(bundle.classes),
        input=bundle.io.model_dump(mode="json"),
        licence=MODEL_LICENCE,
        min_runtime=bundle.min_runtime,
        **others,
    )


def digests_of(files: Mapping[str, Path]) -> dict[str, FileDigest]:
    """What a manifest says of files, by the name under which they travel."""
    return {
        name: FileDigest(sha256=sha256_of(file), size=file.stat().st_size)
        for name, file in files.items()
    }


def interval_of(bundle: BundleManifest) -> ScoreInterval | None:
    """The bundle's real micro-F1; None when it was never evaluated."""
    measured = bundle.metrics
    return ScoreInterval(**measured.real_micro_f1.model_dump()) if measured else None


def evidence_of(evaluation: Evaluation, export: OnnxExport) -> dict[str, Path]:
    """The files that show how good a model is and how near to its weights."""
    return {
        REPORT_FILE: evaluation.folder / REPORT_FILE,
        PARITY_FILE: export.folder / PARITY_FILE,
    }


@dataclass(frozen=True)
class OpenVersion:
    """A published version that lies in a folder, its digests verified.

    Attributes:
        id: the name of its folder among the versions.
    """

    id: str
    folder: Path
    manifest: Manifest

    def report(self) -> EvaluationReport:
        """What it scores on real frames.

        Raises:
            VersionError: it came without, or it cannot be read.
        """
        return read_json(self.folder / REPORT_FILE, EvaluationReport, _damaged)

    def parity(self) -> ParityReport:
        """How near the export is to its weights.

        Raises:
            VersionError: it came without, or it cannot be read.
        """
        return read_json(self.folder / PARITY_FILE, ParityReport, _damaged)

    def latency_ms(self) -> float:
        """Median milliseconds of one image on this machine's CPU.

        Raises:
            OnnxContractError: the model does not keep the contract.
            VersionError: see `parity`.
        """
        contract = check_onnx_contract(self.folder / MODEL_NAME, self.manifest.classes)
        return OnnxExport(self.folder, contract, self.parity()).latency_ms()


def _damaged(file: Path, why: Exception) -> VersionError:
    return VersionError(
        f"The version has no readable {file.name}: {why}",
        "Publish it again: materialize published_model.",
    )
