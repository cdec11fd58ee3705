"""Where artifacts are kept, how they get to other machines, and removing those of no use."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from assets.core.building import version_of
from assets.core.page_images import images_folder, images_named_in
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion, Provenance
from resources.artifacts import (
    ABANDONED_AFTER_SECONDS,
    REMOTE_VARIABLE,
    ArtifactStoreError,
    Removal,
    abandoned,
)
from resources.defaults import Resources
from resources.instance import open_instance
from resources.remote_artifacts.announcements import Announced
from resources.remote_artifacts.collection import (
    References,
    RemoteRemoval,
    collect,
    contents_of,
    plan_collection,
)
from resources.remote_artifacts.remote import ChangedFileError, RemoteArtifactError

EVENTS_A_PAGE = 1000


@dataclass(frozen=True)
class KeptArtifact:
    """The newest version of an asset or partition, and where it lies.

    Attributes:
        here: whether it is whole on this machine.
        remote: whether it is in the object store; None where there is none.
        bytes: of its files; None where it is not here.
    """

    asset: str
    partition: str | None
    version: str
    here: bool
    remote: bool | None
    bytes: int | None


def kept_artifacts(resources: Resources) -> tuple[KeptArtifact, ...]:
    """What was materialized, and where it lies.

    Raises:
        ObjectStoreError: the object store cannot be reached.
    """
    store = resources.artifacts.store
    remote = store.remote.versions() if store.remote else None
    with open_instance(resources.state) as instance:
        versions = [version_of(event) for event in _materializations(instance)]
    # The newest of each asset and partition comes first.
    newest = {(v.asset, v.partition): v for v in reversed(versions) if v is not None}
    return tuple(
        KeptArtifact(
            asset,
            partition,
            version.data_version,
            here := store.is_here(version),
            None if remote is None else version.data_version in remote,
            store.listing_of(version).total_bytes if here else None,
        )
        for (asset, partition), version in sorted(newest.items(), key=lambda item: str(item[1]))
    )


@dataclass(frozen=True)
class KeptBytes:
    """What all versions take together, the old ones too.

    Attributes:
        here: on this machine.
        limit: what they may take here, as far as they are in the object store; None: all there is.
        place: the object store; None where there is none.
        remote: in it.
    """

    here: int
    limit: int | None
    place: str | None
    remote: int


def kept_bytes(resources: Resources) -> KeptBytes:
    """How much is kept here, and how much in the object store.

    Raises:
        ObjectStoreError: the object store cannot be reached.
    """
    store = resources.artifacts.store
    there = store.remote.block_sizes() if store.remote else {}
    return KeptBytes(
        here=store.bytes_here(),
        limit=store.cache_bytes,
        place=store.remote.place if store.remote else None,
        remote=sum(there.values()),
    )


@dataclass(frozen=True)
class FailedUpload:
    """What could not be brought to the object store, for another reason than the way there.

    Attributes:
        version: None for what belongs to several, such as a block that they share.
    """

    version: ArtifactVersion | None
    problem: str
    fix: str


@dataclass(frozen=True)
class Uploads:
    """What an upload of everything has come to.

    Attributes:
        uploaded: versions of which something was brought there.
        failed: what could not be; all others are there.
    """

    uploaded: tuple[ArtifactVersion, ...]
    failed: tuple[FailedUpload, ...]


def upload_artifacts(resources: Resources) -> Uploads:
    """Bring to the object store what is here, is referred to, and is not there yet.

    So are blocks that it has lost. What has changed here or there keeps nothing else back.

    Raises:
        ArtifactStoreError: no object store is configured, or it cannot be reached or refuses.
        ObjectStoreError: it cannot be reached or refuses.
    """
    store = resources.artifacts.store
    if store.remote is None:
        raise ArtifactStoreError(
            "Nobody has said where artifacts are kept for other machines.",
            f"Set {REMOTE_VARIABLE} to a folder, s3://bucket or s3://bucket/prefix.",
        )
    with open_instance(resources.state) as instance:
        events = (version_of(event) for event in _materializations(instance))
        referred = {version for version in events if version is not None}
    unused = {removal.path for removal in store.garbage(referred)}
    kept = [
        record
        for record in store.builds()
        if store.is_here(record.version) and store.files_of(record.version).parent not in unused
    ]
    uploaded: list[ArtifactVersion] = []
    failed: list[FailedUpload] = []
    for record in _inputs_first(kept):
        try:
            if store.upload(record):
                uploaded.append(record.version)
        except ChangedFileError as error:
            failed.append(FailedUpload(record.version, error.problem, error.fix))
    failed_versions = {one.version for one in failed}
    whole = (record.version for record in kept if record.version not in failed_versions)
    try:
        uploaded += sorted(store.restore_remote(whole), key=str)
    except RemoteArtifactError as error:
        failed.append(FailedUpload(None, error.problem, error.fix))
    return Uploads(tuple(dict.fromkeys(uploaded)), tuple(failed))


def _inputs_first(records: Iterable[Provenance]) -> tuple[Provenance, ...]:
    """Each after what it was made from: what they share is then found in the object store."""
    of_version: dict[ArtifactVersion, list[Provenance]] = {}
    for record in records:
        of_version.setdefault(record.version, []).append(record)
    seen: set[ArtifactVersion] = set()

    def ordered(version: ArtifactVersion) -> Iterator[Provenance]:
        if version not in seen:
            seen.add(version)
            found = of_version.get(version, ())
            for record in found:
                for used in record.recipe.inputs:
                    yield from ordered(used)
            yield from found

    return tuple(record for version in of_version for record in ordered(version))


def collect_garbage(resources: Resources, *, delete: bool) -> tuple[Removal, ...]:
    """Find what nothing refers to or works on any more, and remove it if asked to.

    That is artifacts and images of pages that no materialization reported, what was left in
    staging, and the folders of trainings that failed or were killed.
    """
    store, state = resources.artifacts.store, resources.state
    with open_instance(state) as instance:
        events = tuple(_materializations(instance))
        versions = (version_of(event) for event in events)
        removals = store.garbage({version for version in versions if version is not None})
        images = _unused_images(instance, events)
    removals += abandoned(state.jobs.glob("*"), "was left behind by a training that did not end")
    if delete:
        store.remove(removals)
        for image in images:
            image.path.unlink(missing_ok=True)
    return (*removals, *images)


@dataclass(frozen=True)
class RemoteGarbage:
    """What a collection would remove from the object store, or has removed.

    Attributes:
        place: the object store.
        removals: a line for each.
        unknown: versions that stay because a run has made them that this Dagster instance does not
            know: they may be another's.
        uploads: that did not end; nothing was removed for their sake.
        is_complete: False where it took so long that the rest is left for the next time.
    """

    place: str
    removals: tuple[RemoteRemoval, ...]
    unknown: int
    uploads: tuple[Announced, ...] = ()
    is_complete: bool = True


def collect_remote_garbage(
    resources: Resources, *, delete: bool, unknown_runs: bool, report: Report
) -> RemoteGarbage | None:
    """Find in the object store what nothing refers to, and remove it if asked to.

    Args:
        unknown_runs: whether versions go too that runs have made which this Dagster instance does
            not know.

    Returns:
        None where there is no object store.

    Raises:
        RemoteArtifactError: a manifest was changed there: which bytes it needs nobody can say.
        ObjectStoreError: it cannot be reached or refuses; run it again.
    """
    remote = resources.artifacts.store.remote
    if remote is None:
        return None
    with open_instance(resources.state) as instance:

        def references() -> References:
            events = (version_of(event) for event in _materializations(instance))
            versions = frozenset(one.data_version for one in events if one is not None)
            return References(versions, (lambda _: True) if unknown_runs else instance.has_run)

        plan = plan_collection(contents_of(remote, report), references(), time.time())
        unknown = len(plan.unknown)
        if not delete:
            return RemoteGarbage(remote.place, plan.removals, unknown)
        done = collect(remote, plan, references, report)
    return RemoteGarbage(remote.place, done.removals, unknown, done.uploads, done.is_complete)


def _unused_images(
    instance: dg.DagsterInstance, events: Iterable[dg.AssetMaterialization]
) -> tuple[Removal, ...]:
    """Images of no page; young ones may belong to a materialization that is being reported."""
    folder = images_folder(instance)
    if folder is None or not folder.is_dir():
        return ()
    used = {name for event in events for name in images_named_in(event.metadata)}
    oldest = time.time() - ABANDONED_AFTER_SECONDS
    return tuple(
        Removal(file, "no materialization shows it", file.stat().st_size)
        for file in sorted(folder.iterdir())
        if file.name not in used and file.stat().st_mtime < oldest
    )


def _materializations(instance: dg.DagsterInstance) -> Iterator[dg.AssetMaterialization]:
    """Every materialization in the instance's history."""
    for key in instance.all_asset_keys():
        cursor: str | None = None
        while True:
            page = instance.fetch_materializations(key, limit=EVENTS_A_PAGE, cursor=cursor)
            found = (record.asset_materialization for record in page.records)
            yield from (event for event in found if event is not None)
            if not page.has_more:
                break
            cursor = page.cursor
