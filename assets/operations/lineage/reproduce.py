"""`outpost reproduce`: a recorded version made again, by what its asset is made by."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from pydantic import ValidationError

from assets.core.building import NotMaterializedError, latest_version
from assets.graph.annotations import merge_code_version, write_merge
from assets.graph.scenes import scene_code_version, write_scenes
from pipeline.errors import OutpostError
from pipeline.manifests import Manifest
from pipeline.progress import Report, track
from pipeline.provenance import (
    ArtifactVersion,
    Provenance,
    Recipe,
    asset_name,
    environment_here,
)
from pipeline.release.lineage.reproduction import (
    Here,
    Reproduction,
    hashed,
    judge,
    not_rebuilt,
    refused_setting,
)
from resources.artifacts import Artifact, ArtifactMissingError, ArtifactStore
from resources.defaults import Resources
from resources.instance import open_instance
from resources.object_store.base import ObjectStoreError
from resources.run_log import reporter

HOW_TO_NAME = (
    "Give game/asset, or its version's first digits as the asset's page, `outpost audit` and "
    "`outpost gallery` show them: demo/cvat_merge:3f2a9c, or 3f2a9c alone."
)


class ReproduceError(OutpostError):
    """A version that is not known, or of which nothing says how to make it again."""


@dataclass(frozen=True)
class Builder:
    """How the versions of one asset are made from what their recipes say.

    Attributes:
        code_version: of the code that decides their bytes.
        write: into an empty folder; gets the recipe and what its inputs stand for.
    """

    code_version: Callable[[], str]
    write: Callable[[Path, Recipe, Sequence[Artifact], Report], None]


BUILDERS: Mapping[str, Builder] = {
    "synthetic_set": Builder(scene_code_version, write_scenes),
    "cvat_merge": Builder(merge_code_version, write_merge),
}
"""By asset, without the game."""


def reproduce(resources: Resources, address: str) -> Reproduction:
    """Make a version again beside the store's artifacts, compare the digests, and remove it.

    No artifact and no record is changed. Images are hard-linked where the disk allows that. Inputs
    are looked through only where digests differ: else they were what they should be.

    Args:
        address: `game/asset` for the newest, `game/asset:version` or the version alone, of which
            the first digits are enough.

    Raises:
        ReproduceError: no such version, or no record that can be trusted says how it was made.
        NotMaterializedError: there is no newest version.
        OutpostError: it cannot be written, or what it is made of cannot be read.
    """
    store = resources.artifacts.store
    version = _version_at(resources, address)
    builder = BUILDERS.get(version.kind)
    if builder is None:
        raise ReproduceError(
            f"{version} is not made again: Outpost does so with {' and '.join(BUILDERS)}.",
            "Name one of those; `outpost audit` verifies what all others were made from.",
        )
    here = Here(builder.code_version(), environment_here())
    record = _record_of(store, version, here)
    try:
        inputs = tuple(store.open(used) for used in record.recipe.inputs)
    except ArtifactMissingError:
        return not_rebuilt(record, here, _first_lost(store, record))
    report, began = reporter(), time.monotonic()
    with store.staging(version.asset, version.partition) as folder:
        try:
            builder.write(folder, record.recipe, inputs, report)
        except ValidationError as error:
            return not_rebuilt(record, here, refused_setting(error))
        rebuilt = hashed(folder, report)
    seconds = round(time.monotonic() - began, 3)
    changed = () if rebuilt.digest == version.data_version else _changed(store, record, report)
    return judge(record, _listing(store, version), rebuilt, here, changed, seconds)


def _version_at(resources: Resources, address: str) -> ArtifactVersion:
    asset, _, digits = address.partition(":") if "/" in address else ("", "", address)
    if asset and not digits:
        with open_instance(resources.state) as instance:
            newest = latest_version(instance, dg.AssetKey(asset.split("/")))
        if newest is None:
            raise NotMaterializedError(f"{asset} has not been materialized yet.", HOW_TO_NAME)
        return newest
    known = resources.artifacts.store.versions_beginning(digits) if digits else set()
    found = sorted((v for v in known if asset in ("", v.asset)), key=str)
    if len(found) == 1:
        return found[0]
    named = ", ".join(str(one) for one in found[:5])
    raise ReproduceError(
        f"{len(found)} recorded versions begin with '{digits}'" + (f": {named}." if found else "."),
        HOW_TO_NAME,
    )


def _record_of(store: ArtifactStore, version: ArtifactVersion, here: Here) -> Provenance:
    """The newest way in which a version was made, by this code where it ever was."""
    records = store.provenance_of(version)
    if not records:
        raise ReproduceError(
            f"No record that can be trusted says how {version} was made.",
            "Its record was deleted or changed; `outpost audit` on its folder names the file.",
        )
    by_this_code = [one for one in records if one.recipe.code_version == here.code_version]
    return (by_this_code or records)[-1]


def _first_lost(store: ArtifactStore, record: Provenance) -> str:
    """The first input that is not whole, and what is wrong with it."""
    lost = next(used for used in record.recipe.inputs if not store.is_here(used))
    return f"the input {asset_name(lost.asset, lost.partition)}: {store.problems_of(lost)[0]}"


def _changed(store: ArtifactStore, record: Provenance, report: Report) -> tuple[str, ...]:
    """Every file of the inputs that is not what it was."""
    inputs = record.recipe.inputs
    found: Iterator[tuple[str, ...]] = (
        store.problems_of(used) for used in track(inputs, len(inputs), "verifying inputs", report)
    )
    return tuple(f"an input: {problem}" for problems in found for problem in problems)


def _listing(store: ArtifactStore, version: ArtifactVersion) -> Manifest | None:
    """What files the version had, where the store still knows it."""
    try:
        listing = store.listing_of(version)
    except (OSError, ValidationError, ObjectStoreError):
        return None
    return listing if listing.digest == version.data_version else None
