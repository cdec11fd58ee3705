"""How every asset of Outpost is made: look for an earlier build, else stage, hash and commit one.

An asset's body names its recipe (code, configuration, inputs), how to write its files and how to
show them. Everything else is the same for all of them and stands here.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import AssetRecordsFilter

from assets.core.metadata import limited, table
from assets.core.page_images import with_images_served
from pipeline.errors import OutpostError
from pipeline.manifests import Manifest
from pipeline.progress import Report, seconds_in_words
from pipeline.provenance import (
    ArtifactVersion,
    Provenance,
    Recipe,
    asset_name,
    environment_here,
)
from resources.artifacts import Artifact, ArtifactStore
from resources.keys.private_keys import PrivateKeyError
from resources.keys.record_keys import RecordKeyError
from resources.run_log import reporter

NOTICE_LOGGER = logging.getLogger("outpost.notices")
"""What a person should read while it happens, in the run's log and on a terminal."""

MOST_INPUTS = 50
"""Shown on a page; the record has all of them."""
DATA_VERSION_TAG = "dagster/data_version"

Metadata = Mapping[str, Any]


class NotMaterializedError(OutpostError):
    """An input that has never been made, or is gone."""


@dataclass(frozen=True)
class AssetBuild:
    """What is made: one asset, or one partition of it, in one run."""

    context: dg.AssetExecutionContext | dg.OpExecutionContext
    store: ArtifactStore
    key: dg.AssetKey
    code_version: str
    config: Mapping[str, Any]
    inputs: tuple[Artifact, ...] = ()
    began_at: float | None = None
    """When earlier steps of the same making began, in seconds since the epoch."""
    reproducible: bool = False
    """Whether `outpost reproduce` knows how to make it again."""

    @property
    def partition(self) -> str | None:
        return self.context.partition_key if self.context.has_partition_key else None

    @property
    def name(self) -> str:
        return asset_name(self.key.to_user_string(), self.partition)

    @property
    def recipe(self) -> Recipe:
        """What decides the artifact's content."""
        return Recipe(
            asset=self.key.to_user_string(),
            partition=self.partition,
            code_version=self.code_version,
            config=dict(self.config),
            inputs=tuple(item.version for item in self.inputs),
        )

    @property
    def earlier(self) -> Provenance | None:
        """The record of an earlier build of the same recipe, if its artifact is still whole."""
        recipe = self.recipe
        return self.store.find_build(recipe.asset, recipe.partition, recipe.input_key)

    @property
    def report(self) -> Report:
        """Progress into the run's log, and to whoever listens to the progress logger."""
        return reporter(self.context.log.info)


def build_asset(
    build: AssetBuild, write: Callable[[Path], Manifest | None], show: Callable[[Path], Metadata]
) -> dg.MaterializeResult[Any]:
    """Reuse an earlier build of the same recipe, or write, commit and record a new one.

    Args:
        build: what is made.
        write: writes the artifact's files into an empty directory; returns their manifest if it has
            hashed them already.
        show: turns the finished directory into what the asset's page shows.
    """
    earlier = build.earlier
    if earlier is None:
        return _result(build, _build(build, write), show, skipped=False)
    build.context.log.info(
        f"{build.name}: nothing that it depends on has changed since {earlier.made_at}; "
        f"version {earlier.data_version[:12]} is kept and no work was done."
    )
    return _result(build, earlier, show, skipped=True)


def keep_artifact(
    build: AssetBuild, version: ArtifactVersion, show: Callable[[Path], Metadata]
) -> dg.MaterializeResult[Any]:
    """Report an artifact once more, where its inputs have changed too little to make another.

    Args:
        build: of the run; its recipe plays no part.
        version: in the store.
        show: as of `build_asset`.
    """
    *_, record = build.store.provenance_of(version)
    return _result(build, record, show, skipped=True)


def notice(log: Callable[[str], None], message: str) -> None:
    """Tell something into a run's log and to whoever shows notices."""
    log(message)
    NOTICE_LOGGER.info("%s", message)


def latest(
    instance: dg.DagsterInstance,
    store: ArtifactStore,
    key: dg.AssetKey,
    partition: str | None = None,
) -> Artifact:
    """The artifact that an asset's newest materialization stands for.

    Raises:
        NotMaterializedError: there is none yet.
        ArtifactMissingError: its files are gone from the store.
    """
    version = latest_version(instance, key, partition)
    if version is None:
        which = asset_name(key.to_user_string(), partition)
        raise NotMaterializedError(
            f"{which} has not been materialized yet.",
            f"Materialize {which} first, or select it together with this asset.",
        )
    return store.open(version)


def latest_version(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None
) -> ArtifactVersion | None:
    """The version that an asset's newest materialization reported, or None."""
    records = instance.fetch_materializations(
        AssetRecordsFilter(key, asset_partitions=[partition] if partition else None), limit=1
    ).records
    materialization = records[0].asset_materialization if records else None
    return version_of(materialization) if materialization else None


def made_from(
    store: ArtifactStore, version: ArtifactVersion, key: dg.AssetKey
) -> tuple[ArtifactVersion, ...]:
    """What a version was made from of another asset: of each recorded way in turn."""
    name = key.to_user_string()
    records = store.provenance_of(version)
    return tuple(used for made in records for used in made.recipe.inputs if used.asset == name)


def version_of(materialization: dg.AssetMaterialization) -> ArtifactVersion | None:
    """The version that a materialization reported; None for one that is not ours."""
    data_version = (materialization.tags or {}).get(DATA_VERSION_TAG)
    if data_version is None:
        return None
    return ArtifactVersion(
        asset=materialization.asset_key.to_user_string(),
        partition=materialization.partition,
        data_version=data_version,
    )


def _build(build: AssetBuild, write: Callable[[Path], Manifest | None]) -> Provenance:
    recipe = build.recipe
    began = build.began_at or time.time()

    def describe(data_version: str) -> Provenance:
        record = Provenance(
            recipe=recipe,
            data_version=data_version,
            run_id=build.context.run.run_id,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(max(0.0, time.time() - began), 3),
            outpost_version=installed_version("outpost"),
            environment=environment_here(),
        )
        return _signed(build, record)

    with build.store.staging(recipe.asset, recipe.partition) as staged:
        manifest = write(staged)
        _artifact, record = build.store.commit(staged, describe, manifest)
    notice(
        build.context.log.info,
        f"{build.name}: made version {record.data_version[:12]} in "
        f"{seconds_in_words(record.seconds)}.",
    )
    return record


def _signed(build: AssetBuild, record: Provenance) -> Provenance:
    """The record with this installation's signature; as it is where no key can be had.

    What was made matters more: `outpost audit` says of a record that it is unsigned.
    """
    if build.store.keys is None:
        return record
    try:
        return build.store.keys.sign(record)
    except (PrivateKeyError, RecordKeyError) as error:
        unsigned = f"The record of {build.name} stays unsigned. {error.problem} {error.fix}"
        notice(build.context.log.warning, unsigned)
        return record


def _result(
    build: AssetBuild, record: Provenance, show: Callable[[Path], Metadata], *, skipped: bool
) -> dg.MaterializeResult[Any]:
    artifact = build.store.open(record.version)
    address = f"{build.key.to_user_string()}:{record.data_version[:12]}"
    again = {"reproduce": f"outpost reproduce {address}"} if build.reproducible else {}
    return dg.MaterializeResult(
        asset_key=build.key,
        data_version=dg.DataVersion(record.data_version),
        metadata={
            **with_images_served(build.context.instance, show(artifact.path)),
            "outcome": "unchanged, no work done" if skipped else "made",
            "seconds": 0.0 if skipped else record.seconds,
            "made_in_seconds": record.seconds,
            "made_by_run": record.run_id,
            "record_signed_by": _signer(build.store, record),
            "folder": dg.MetadataValue.path(str(artifact.path)),
            **_other_place(build.store),
            "bytes": artifact.manifest.total_bytes,
            "files": len(artifact.manifest.files),
            **again,
            "made_from": _inputs_table(record.recipe.inputs),
        },
    )


def _inputs_table(inputs: Sequence[ArtifactVersion]) -> dg.MetadataValue[Any]:
    """The first of what an asset was made from, partitions last: of a community's are thousands."""
    ordered = sorted(inputs, key=lambda one: one.partition is not None)
    rows = [
        [one.asset, one.partition or "", f"`{one.data_version[:12]}`"]
        for one in ordered[:MOST_INPUTS]
    ]
    return table(["asset", "partition", "version"], limited(rows, len(inputs)))


def _signer(store: ArtifactStore, record: Provenance) -> str:
    """The key that signed a record and what it is worth here, for people."""
    signature = record.signature
    return f"{signature.key_id} ({store.signature_of(record)})" if signature else "nobody"


def _other_place(store: ArtifactStore) -> Metadata:
    """Where other machines find an artifact: it is there before its run reports it."""
    return {"also_in": store.remote.place} if store.remote else {}
