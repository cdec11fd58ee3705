"""The runtime package, a bundle and the wheel that carries it, and its publication.

`published_model` always looks into the store, so that a version that somebody removed there is
written again. What was published is an artifact that names it, which keeps all that it was made of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
from detector_runtime.bundle import BundleMetrics, Interval, ThresholdTable
from detector_runtime.updates.documents import MANIFEST_FILE

from assets.core.building import AssetBuild, Metadata, build_asset, latest, latest_version
from assets.core.keys import GameKeys
from assets.core.metadata import table
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.export.onnx_export import OnnxExport
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of, sha256_of
from pipeline.owners.owner_model import OwnerModel
from pipeline.provenance import ArtifactVersion, Provenance, asset_name, code_version_of
from pipeline.release.bundle import Release, release_version
from pipeline.release.channels import CHALLENGER, CHANNELS
from pipeline.release.lineage.signed_records import SignatureState, record_of_choice
from pipeline.release.package import RuntimePackage
from pipeline.release.published import Publication, PublishedModel
from pipeline.release.version import NewVersion, Publishable, VersionError, evidence_of
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.releases.publisher import Publisher
from resources.releases.release_store import PublishedVersion, ReleaseStore
from resources.releases.resource import LOCATION_VARIABLE, Releases
from resources.state import PROJECT_ROOT, is_checkout

GROUP = "release"
SERIES = "1.0.0"
"""Versions of a detector differ in what follows the plus: a digest of the models and thresholds."""


def release_assets(pack: GamePack, *, publishes: bool = True) -> list[dg.AssetsDefinition]:
    """What is shipped.

    Args:
        publishes: whether there is a place to publish into. Else nothing could ever be made of
            `published_model`, and *Materialize all* would count as failed.
    """
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
        deps=[keys.onnx_export, keys.real_evaluation, keys.owner_model],
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
        # A game of which no owner model was made yet is shipped without one.
        known = latest_version(instance, keys.owner_model)
        owners = (store.open(known),) if known else ()
        inputs = (export, evaluation, *owners)
        build = AssetBuild(context, store, keys.runtime_package, code, recipe, inputs)

        def write(folder: Path) -> None:
            release = _release(pack, export, Evaluation.open(evaluation.path).report, owners)
            RuntimePackage.write(folder, OnnxExport.open(export.path), release)

        return build_asset(build, write, lambda folder: show_package(RuntimePackage.open(folder)))

    return [runtime_package, *([_published_model(pack)] if publishes else [])]


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


def _release(
    pack: GamePack, export: Artifact, report: EvaluationReport, owners: Sequence[Artifact]
) -> Release:
    digest = export.version.data_version
    told_by = {"owner_model": owners[0].version.data_version} if owners else {}
    told_apart = digest_of(
        [digest, pack.thresholds.model_dump(mode="json"), *sorted(told_by.values())]
    )
    return Release(
        game=pack.name,
        version=release_version(SERIES, told_apart),
        thresholds=ThresholdTable(
            default=pack.thresholds.default, per_class=dict(pack.thresholds.per_class)
        ),
        metrics=_metrics(report),
        lineage={"onnx_export": digest, **told_by},
        owner_head=OwnerModel.open(owners[0].path).file if owners else None,
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


def _published_model(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of("pipeline.release.published", "pipeline.release.version")

    @dg.asset(
        key=keys.published_model,
        deps=[keys.runtime_package, keys.real_evaluation, keys.onnx_export],
        group_name=GROUP,
        kinds={"s3"},
        code_version=code,
        description="The runtime package as a signed version in the folder or bucket that "
        f"{LOCATION_VARIABLE} names, offered in the channel {CHALLENGER}.",
    )
    def published_model(
        context: dg.AssetExecutionContext, artifacts: Artifacts, releases: Releases
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        package, evaluation, export = (
            latest(instance, store, key)
            for key in (keys.runtime_package, keys.real_evaluation, keys.onnx_export)
        )
        publisher = releases.publisher(pack.name)
        new = new_version(pack.name, store, package, evaluation, export)
        inputs = (package, evaluation, export)
        build = AssetBuild(context, store, keys.published_model, code, {}, inputs)
        return publish(publisher, new, build)

    return published_model


def publish(publisher: Publisher, new: Publishable, build: AssetBuild) -> dg.MaterializeResult[Any]:
    """Publish a version, have the challenger's channel offer it, and build the asset that says so.

    Args:
        build: of that asset; its configuration becomes what was published.
    """
    version, publication = _published(publisher, new, build.context.run.run_id)
    told = replace(build, config=publication.model_dump(mode="json"))

    def write(folder: Path) -> None:
        PublishedModel.write(folder, publication)

    return build_asset(told, write, lambda _folder: show_version(version, publisher.store))


def _published(
    publisher: Publisher, new: Publishable, run_id: str
) -> tuple[PublishedVersion, Publication]:
    store = publisher.store
    sequence = store.next_sequence(CHALLENGER)
    version = publisher.publish(new)
    offered = store.head(CHALLENGER)
    if offered is None or offered.version != version.id:
        publisher.move(CHALLENGER, version, f"published by run {run_id[:8]}", sequence)
    store.settle(CHALLENGER)
    publication = Publication(
        place=store.place,
        name=store.name,
        id=version.id,
        version=version.manifest.version,
        manifest_sha256=version.manifest_sha256,
    )
    return version, publication


def new_version(
    game: str, store: ArtifactStore, package: Artifact, evaluation: Artifact, export: Artifact
) -> NewVersion:
    """A version of three artifacts, with all that they were made from.

    Raises:
        VersionError: no record that can be trusted says how the package was made.
    """
    opened = Evaluation.open(evaluation.path)
    records = trusted_records(store, package, evaluation)
    weights = (made for made in records if made.recipe.asset.endswith("/trained_weights"))
    trained = next(weights, None)
    return NewVersion(
        name=game,
        package=RuntimePackage.open(package.path),
        report=opened.report,
        evidence=evidence_of(opened, OnnxExport.open(export.path)),
        lineage=lineage_of(records),
        record_signers=signers_of(store, records),
        trained_at=datetime.fromisoformat(trained.made_at) if trained else None,
        created_at=datetime.fromisoformat(records[0].made_at),
    )


def trusted_records(
    store: ArtifactStore, package: Artifact, *others: Artifact
) -> tuple[Provenance, ...]:
    """How a package was made first, then all that it and others were made from.

    Raises:
        VersionError: no record that can be trusted says how the package was made.
    """
    trusted_record(store, package)
    return _records(store, package, *others)


def trusted_record(store: ArtifactStore, artifact: Artifact) -> Provenance:
    """How an artifact was made.

    Raises:
        VersionError: no record that can be trusted says so.
    """
    version = artifact.version
    record = record_of_choice(store.provenance_of(version), store.signature_of)
    if record is None:
        asset = version.asset.rpartition("/")[2]
        raise VersionError(
            f"No record that can be trusted says how {version} was made.",
            f"`outpost audit {artifact.path}` names what was changed; materialize {asset} again.",
        )
    return record


def _records(store: ArtifactStore, *artifacts: Artifact) -> tuple[Provenance, ...]:
    """How artifacts were made, and all that they were made from, as the audit follows it."""
    waiting = [artifact.version for artifact in artifacts]
    found: dict[ArtifactVersion, Provenance] = {}
    for version in waiting:  # grows while it is walked
        if version in found:
            continue
        record = record_of_choice(store.provenance_of(version), store.signature_of)
        if record is not None:
            found[version] = record
            waiting.extend(record.recipe.inputs)
    return tuple(found.values())


def signers_of(store: ArtifactStore, records: Iterable[Provenance]) -> dict[str, str]:
    """The assets all of whose records trusted keys have signed, to a key."""
    found, others = dict[str, str](), set[str]()
    for made in records:
        name = asset_name(made.recipe.asset, made.recipe.partition)
        if made.signature and store.signature_of(made) is SignatureState.TRUSTED:
            found[name] = made.signature.key_id
        else:
            others.add(name)
    return {name: key for name, key in found.items() if name not in others}


def lineage_of(records: Iterable[Provenance]) -> dict[str, str]:
    """Asset, with its partition, to data version."""
    return {
        asset_name(made.recipe.asset, made.recipe.partition): made.data_version for made in records
    }


def show_version(version: PublishedVersion, store: ReleaseStore) -> Metadata:
    """Version, what the channels offer, and the lines that promote and roll back."""
    manifest = version.manifest
    heads = {channel: store.head(channel) for channel in CHANNELS}
    rows = (
        [
            name,
            f"`{head.version}`",
            head.sequence,
            head.issued_at.isoformat(),
            head.expires_at.isoformat(),
            head.actor,
            head.reason,
        ]
        for name, head in heads.items()
        if head is not None
    )
    shown: Metadata = {
        "version": manifest.version,
        "id": version.id,
        "place": store.place,
        "document": f"{store.place}/versions/{version.id}/{MANIFEST_FILE}",
        "signed_by": version.signed_by or "",
        "model_mb": round(manifest.total_bytes / 1e6, 2),
        "channels": table(["channel", "offers", "move", "since", "until", "who", "why"], rows),
        "promote": f"outpost release promote {version.id} --game {store.name} --reason ...",
        "roll_back": f"outpost release rollback --game {store.name} --reason ...",
    }
    measured = manifest.metrics
    figures = {
        "real_f1": measured.real_micro_f1,
        "icon_accuracy": measured.icon_accuracy,
        "win_rate": measured.win_rate,
    }
    return {**shown, **{name: one.value for name, one in figures.items() if one is not None}}
