"""`outpost gallery`: a page to look through any image set that was materialized."""

import contextlib
from pathlib import Path

import dagster as dg

from assets.core.building import latest, made_from
from assets.graph.annotations import held_out_boxes
from pipeline.gallery.collections import GalleryError, read_collection
from pipeline.gallery.page import write_gallery
from pipeline.gallery.sheets import MergedFrom
from pipeline.games.pack import PackError, load_pack
from pipeline.provenance import ArtifactVersion, asset_name
from resources.artifacts import Artifact, ArtifactMissingError, ArtifactStore
from resources.defaults import Resources
from resources.instance import open_instance
from resources.run_log import reporter

VERSION_DIGITS = 12
PER_BATCH = ("cvat_export", "prelabels", "label_corrections")
"""Image sets with a page for each partition."""
IMAGE_SETS = (
    *("synthetic_set", "cvat_export", "cvat_merge", "real_evaluation"),
    *("prelabels", "label_corrections"),
)


def make_gallery(resources: Resources, address: str, target: Path | None) -> Path:
    """Write the gallery of an artifact and return its page.

    Args:
        address: an asset as `game/asset`, with `@partition` where it has partitions and `:version`
            (its first digits) for another version than the newest.
        target: where to; by default a folder of its own below the state folder.

    Raises:
        GalleryError: there is no such image set.
        NotMaterializedError, ArtifactMissingError: it is not in the store.
    """
    store = resources.artifacts.store
    asset, partition, version = parse_address(address)
    if asset.endswith(tuple(f"/{kind}" for kind in PER_BATCH)) and partition is None:
        raise _which_batch(resources, asset)
    if version:
        artifact = _stored(store, asset, partition, version)
    else:
        with open_instance(resources.state) as instance:
            artifact = latest(instance, store, dg.AssetKey(asset.split("/")), partition)
    digits = artifact.version.data_version[:VERSION_DIGITS]
    collection = read_collection(
        artifact.path,
        f"{asset_name(asset, partition)} {digits}",
        lambda found: store.open(found.version).path / found.path,
        _merged_from(resources, artifact.version),
    )
    name = "-".join(part for part in (*asset.split("/"), partition, digits) if part)
    folder = target or resources.state.galleries / name
    return write_gallery(folder, collection, reporter())


def _merged_from(resources: Resources, version: ArtifactVersion) -> MergedFrom:
    """Batches that a training set was made from, and what is held out now."""
    game, _, kind = version.asset.partition("/")
    if kind != "cvat_merge":
        return MergedFrom()
    store = resources.artifacts.store
    batches = {}
    for used in made_from(store, version, dg.AssetKey([game, "cvat_export"])):
        # A batch that is gone has no images to show, and its frames are still named.
        with contextlib.suppress(ArtifactMissingError):
            batches[used.partition or ""] = store.open(used).path
    try:
        pack = load_pack(game)
    except PackError:
        # A pack from a folder: nothing tells by its name which batches it holds out.
        return MergedFrom(batches)
    with open_instance(resources.state) as instance:
        return MergedFrom(batches, held_out_boxes(instance, store, pack))


def parse_address(address: str) -> tuple[str, str | None, str | None]:
    """Asset, partition and version of `game/asset@partition:version`.

    Raises:
        GalleryError: it is not of that form.
    """
    path, _, version = address.partition(":")
    asset, _, partition = path.partition("@")
    game, _, kind = asset.partition("/")
    if not game or kind not in IMAGE_SETS:
        raise GalleryError(
            f"'{address}' names no image set.",
            f"Write a game and one of {', '.join(IMAGE_SETS)}, for example demo/synthetic_set.",
        )
    return asset, partition or None, version or None


def _which_batch(resources: Resources, asset: str) -> GalleryError:
    """What to write instead of an asset without its partition."""
    with open_instance(resources.state) as instance:
        materialized = instance.get_materialized_partitions(dg.AssetKey(asset.split("/")))
    named = ", ".join(f"{asset}@{batch}" for batch in sorted(materialized))
    return GalleryError(
        f"{asset} has a page for each batch.",
        f"Write one of {named}." if named else f"Materialize a partition of {asset} first.",
    )


def _stored(store: ArtifactStore, asset: str, partition: str | None, version: str) -> Artifact:
    found = sorted(
        {
            record.data_version
            for record in store.builds()
            if (record.recipe.asset, record.recipe.partition) == (asset, partition)
            and record.data_version.startswith(version)
        }
    )
    if len(found) != 1:
        raise GalleryError(
            f"{len(found)} versions of {asset} begin with '{version}'.",
            "Give the digits that the asset's page shows, or none for the newest.",
        )
    return store.open(ArtifactVersion(asset=asset, partition=partition, data_version=found[0]))
