"""The bundle: a model with everything that the runtime needs to use it and an audit to trace it.

Its schema is the runtime's own (`detector_runtime.bundle`), so what is written here is what is
read there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from detector_runtime.bundle import (
    MANIFEST_NAME,
    Bundle,
    BundleManifest,
    BundleMetrics,
    FileDigest,
    IoContract,
    ThresholdTable,
)
from detector_runtime.owners.head_file import HEAD_NAME
from pydantic import JsonValue

from pipeline.export.contract import ContractReport
from pipeline.files import write_text
from pipeline.links import link_file
from pipeline.manifests import sha256_of

MODEL_NAME = "model.onnx"
VERSION_DIGITS = 12
OLDEST_RUNTIME = "0.1.0"
SCALE_RUNTIME = "0.2.0"
"""The first that shows a model of tiles a screenshot at its scale."""
OWNER_RUNTIME = "0.3.0"
"""The first that tells owners."""


@dataclass(frozen=True)
class Release:
    """What a bundle says beside what its model says itself.

    Attributes:
        game: name of the game pack.
        version: as for a package; see `release_version`.
        thresholds: from which score on a detection counts.
        metrics: how good it was found to be on real frames; None when it was not evaluated.
        lineage: added to the lineage that the model carries.
        owner_head: the file that tells whose things are, linked like the model; or None.
    """

    game: str
    version: str
    thresholds: ThresholdTable = field(default_factory=ThresholdTable)
    metrics: BundleMetrics | None = None
    lineage: Mapping[str, str] = field(default_factory=dict)
    owner_head: Path | None = None


def release_version(series: str, digest: str) -> str:
    """A version in a series that tells two models apart by the digest of what they are made from.

    The digest is the local part of a PEP 440 version: installers take it, and tell models of one
    series apart.
    """
    return f"{series}+{digest[:VERSION_DIGITS]}"


def write_bundle(
    folder: Path, model: Path, contract: ContractReport, release: Release
) -> BundleManifest:
    """Write a bundle, and read it back as the runtime will.

    Args:
        folder: created; receives bundle.json and the model.
        model: the ONNX file, linked rather than copied where that is possible.
        contract: of that very file.
        release: what else the bundle says.

    Raises:
        BundleError: the runtime would not take it.
    """
    lineage: dict[str, JsonValue] = {**contract.lineage, **release.lineage}
    if contract.learned is not None:
        lineage["learned"] = contract.learned.model_dump(mode="json")
    files = {MODEL_NAME: FileDigest(sha256=contract.sha256, size=contract.bytes)}
    head = release.owner_head
    if head is not None:
        files[HEAD_NAME] = FileDigest(sha256=sha256_of(head), size=head.stat().st_size)
    manifest = BundleManifest(
        name=release.game,
        version=release.version,
        model=MODEL_NAME,
        files=files,
        io=_io(contract),
        classes=contract.class_names,
        thresholds=release.thresholds,
        metrics=release.metrics,
        lineage=lineage,
        owner_head=HEAD_NAME if head is not None else None,
        min_runtime=_oldest_runtime(contract, release),
    )
    folder.mkdir(parents=True, exist_ok=True)
    link_file(model, folder / MODEL_NAME)
    if head is not None:
        link_file(head, folder / HEAD_NAME)
    write_text(folder / MANIFEST_NAME, manifest.to_json())
    Bundle.load(folder).open().close()
    return manifest


def _io(contract: ContractReport) -> IoContract:
    height, width = contract.imgsz
    io = IoContract(input_name=contract.input_name, input_size=(width, height))
    if contract.learned is None or not _is_of_tiles(contract):
        return io
    return io.model_copy(update={"trained_on": "tile", "scale": contract.learned.scale})


def _oldest_runtime(contract: ContractReport, release: Release) -> str:
    if release.owner_head is not None:
        return OWNER_RUNTIME
    return SCALE_RUNTIME if _is_of_tiles(contract) else OLDEST_RUNTIME


def _is_of_tiles(contract: ContractReport) -> bool:
    return contract.learned is not None and contract.learned.trained_on == "tile"
