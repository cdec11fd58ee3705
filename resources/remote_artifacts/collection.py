"""Removing versions from a store that nobody refers to, and blocks that no manifest names.

A plan is a value that can be shown; only what was planned is removed, and only what is still to be
removed when it has been announced and all uploads of before are over (see `announcements`).
Versions go first, each with its manifest last, then blocks: at no moment does a manifest name a
block that was removed, wherever a collection is killed, and the next one goes on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pipeline.progress import Progress, Report
from pipeline.provenance import Provenance
from resources.object_store.base import ObjectListing, ObjectStore, ObjectStoreError
from resources.remote_artifacts.announcements import (
    COLLECTION_TRUSTED_SECONDS,
    Announced,
    AnnouncedCollection,
    Stopwatch,
    is_forgotten,
    remove_forgotten,
    uploads_at,
)
from resources.remote_artifacts.layout import StoredManifest
from resources.remote_artifacts.remote import RemoteArtifacts, is_version
from resources.remote_artifacts.transfer import block_key, in_parallel

PATIENCE_SECONDS = 600.0
"""How long a collection waits for uploads that were there before it."""
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class References:
    """What is referred to elsewhere.

    Attributes:
        versions: data versions that must stay, with what they were made from.
        knows_run: whether a run is one of those of whoever asks. A version that another run has
            made stays: somebody else may refer to it.
    """

    versions: frozenset[str]
    knows_run: Callable[[str], bool]


@dataclass(frozen=True)
class StoredVersion:
    """What lies in a store of a version.

    Attributes:
        objects: its manifest and its records, as listed.
        manifest: None where it is not there.
        records: those that can be trusted.
        used: announcements of runs that have found it.
    """

    objects: tuple[ObjectListing, ...]
    manifest: StoredManifest | None
    records: tuple[Provenance, ...]
    used: tuple[ObjectListing, ...] = ()

    def is_young(self, now: float) -> bool:
        """Whether a run may be about to report it."""
        return any(not is_forgotten(one, now) for one in (*self.objects, *self.used))


@dataclass(frozen=True)
class StoreContents:
    """All that a collection decides by.

    Attributes:
        versions: by data version.
        blocks: by digest.
    """

    versions: Mapping[str, StoredVersion]
    blocks: Mapping[str, ObjectListing]


@dataclass(frozen=True)
class RemoteRemoval:
    """Something that a collection removes from the store, or would.

    Attributes:
        key: of a version or a block.
        what: the assets whose version it is; empty for a block.
        bytes: of blocks that go with it; those that other versions name stay.
    """

    key: str
    what: str
    reason: str
    bytes: int


@dataclass(frozen=True)
class CollectionPlan:
    """What goes.

    Attributes:
        versions: data versions.
        blocks: bytes by digest.
        removals: the same for people.
        unknown: data versions that stay only because a run has made them that nobody here knows.
    """

    versions: frozenset[str]
    blocks: Mapping[str, int]
    removals: tuple[RemoteRemoval, ...]
    unknown: frozenset[str]


@dataclass(frozen=True)
class Collected:
    """What a collection has come to.

    Attributes:
        removals: that it has removed.
        uploads: for which it did not want to wait any longer; then nothing was removed.
        is_complete: False where it took so long that the rest is left for the next one.
    """

    removals: tuple[RemoteRemoval, ...] = ()
    uploads: tuple[Announced, ...] = ()
    is_complete: bool = True


def contents_of(remote: RemoteArtifacts, report: Report) -> StoreContents:
    """What lies in a store.

    Blocks are listed first: what is uploaded meanwhile has a manifest that is seen, or is not seen.

    Raises:
        RemoteArtifactError: a manifest was changed: which blocks it needs nobody can say.
        ObjectStoreError: the store cannot be reached.
    """
    blocks = {found.key.rpartition("/")[2]: found for found in remote.objects.listing("blocks/")}
    uses: dict[str, list[ObjectListing]] = {}
    for found in remote.objects.listing("uses/"):
        uses.setdefault(found.key.split("/")[1], []).append(found)
    listed: dict[str, list[ObjectListing]] = {}
    for found in remote.objects.listing("versions/"):
        version = found.key.split("/")[1]
        if is_version(version):  # what else may lie there is not ours
            listed.setdefault(version, []).append(found)

    def read(version: str) -> StoredVersion:
        return StoredVersion(
            tuple(listed[version]),
            remote.stored(version),
            remote.records_among([one.key for one in listed[version]], version),
            tuple(uses.get(version, ())),
        )

    names = sorted(listed)
    stage = f"artifacts in {remote.place}"
    versions = in_parallel(read, names, [1 << 20] * len(names), stage, report)
    return StoreContents(dict(zip(names, versions, strict=True)), blocks)


def plan_collection(contents: StoreContents, references: References, now: float) -> CollectionPlan:
    """Decide what goes.

    Args:
        now: by the store's clock, in seconds since the epoch.
    """
    young = {name for name, one in contents.versions.items() if one.is_young(now)}
    unknown = {
        name
        for name, one in contents.versions.items()
        if not all(references.knows_run(record.run_id) for record in one.records)
    }
    known = _with_inputs(contents, references.versions | young)
    kept = _with_inputs(contents, known | unknown)
    gone = frozenset(contents.versions.keys() - kept)
    blocks = _unnamed(contents, gone, now)
    return CollectionPlan(
        gone, blocks, tuple(_removals(contents, gone, blocks)), frozenset(unknown - known)
    )


def collect(
    remote: RemoteArtifacts,
    plan: CollectionPlan,
    references: Callable[[], References],
    report: Report,
) -> Collected:
    """Remove what is planned and still to be removed.

    Args:
        references: asked once more, when the plan was announced.

    Raises:
        RemoteArtifactError: a manifest was changed.
        ObjectStoreError: the store cannot be reached or refuses; run it again.
    """
    with _announced(remote.objects, plan) as (own, age):
        waiting = _uploads_over(remote.objects, own.modified, report)
        if waiting:
            return Collected(uploads=waiting)
        contents = contents_of(remote, report)
        again = plan_collection(contents, references(), own.modified)
        versions = plan.versions & again.versions
        unnamed = _unnamed(contents, versions, own.modified)
        blocks = {digest: size for digest, size in unnamed.items() if digest in plan.blocks}
        removed = _remove(remote, _Sweep(contents, versions, blocks), age, report)
        for kind in ("uploads/", "uses/", "collections/"):
            remove_forgotten(remote.objects, kind, own.modified)
    removals = tuple(_removals(contents, versions, blocks)) if removed else ()
    return Collected(removals, is_complete=removed)


@dataclass(frozen=True)
class _Sweep:
    """What is removed for good."""

    contents: StoreContents
    versions: frozenset[str]
    blocks: Mapping[str, int]


class _TooLateError(Exception):
    """Writers may have forgotten what was announced."""


def _remove(remote: RemoteArtifacts, sweep: _Sweep, age: Stopwatch, report: Report) -> bool:
    """Whether all of it could be removed while the announcement was to be trusted."""

    def delete(key: str) -> None:
        if age.seconds > COLLECTION_TRUSTED_SECONDS:
            raise _TooLateError
        remote.objects.delete(key)

    def remove_version(version: str) -> None:
        keys = [found.key for found in sweep.contents.versions[version].objects]
        # The manifest last: until then the version is there, and nothing names what is not.
        for key in sorted(keys, key=lambda key: key.endswith("/manifest.json")):
            delete(key)

    versions, blocks = sorted(sweep.versions), sorted(sweep.blocks)
    stage = f"removed from {remote.place}"
    try:
        in_parallel(
            remove_version, versions, [1 << 20] * len(versions), f"versions {stage}", report
        )
        sizes = [sweep.blocks[digest] for digest in blocks]
        in_parallel(lambda digest: delete(block_key(digest)), blocks, sizes, f"MiB {stage}", report)
    except _TooLateError:
        return False
    return True


@contextmanager
def _announced(
    objects: ObjectStore, plan: CollectionPlan
) -> Iterator[tuple[ObjectListing, Stopwatch]]:
    """Announce a collection for the time of the block: its object as listed, and its age."""
    key, age = f"collections/{uuid.uuid4().hex}", Stopwatch()
    said = AnnouncedCollection(versions=plan.versions, blocks=frozenset(plan.blocks))
    objects.put_if_absent(key, said.model_dump_json().encode("utf-8"))
    try:
        (own,) = objects.listing(key)
        yield own, age
    finally:
        with suppress(ObjectStoreError):
            objects.delete(key)


def _uploads_over(objects: ObjectStore, now: float, report: Report) -> tuple[Announced, ...]:
    """Wait for the uploads that go on now; those for which it takes too long."""
    before = uploads_at(objects, now)
    left, waited = before, Stopwatch()
    while left and waited.seconds < PATIENCE_SECONDS:
        done = len(before) - len(left)
        stage = f"uploads to {objects.place} that have to end first"
        report(Progress(stage, done, len(before), waited.seconds))
        time.sleep(POLL_SECONDS)
        now_there = uploads_at(objects, now)
        left = {key: said for key, said in left.items() if key in now_there}
    return tuple(left.values())


def _with_inputs(contents: StoreContents, names: Collection[str]) -> set[str]:
    """Data versions and all that they were made from."""
    kept: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            stored = contents.versions.get(name)
            for record in stored.records if stored else ():
                waiting.extend(used.data_version for used in record.recipe.inputs)
    return kept


def _unnamed(contents: StoreContents, gone: Collection[str], now: float) -> dict[str, int]:
    """Bytes of the blocks that no manifest names but those of some versions; young ones stay."""
    named: set[str] = set()
    for name, stored in contents.versions.items():
        if name not in gone and stored.manifest is not None:
            named.update(stored.manifest.blocks)
    return {
        digest: listed.size
        for digest, listed in contents.blocks.items()
        if digest not in named and is_forgotten(listed, now)
    }


def _removals(
    contents: StoreContents, versions: Collection[str], blocks: Mapping[str, int]
) -> Iterator[RemoteRemoval]:
    left = dict(blocks)
    for name in sorted(versions):
        stored = contents.versions[name]
        named = stored.manifest.blocks if stored.manifest else ()
        size = sum(left.pop(digest, 0) for digest in dict.fromkeys(named))
        assets = sorted({str(record.version) for record in stored.records})
        reason = "no materialization refers to it" if assets else "has no record any more"
        yield RemoteRemoval(f"versions/{name}", ", ".join(assets), reason, size)
    for digest, size in sorted(left.items()):
        yield RemoteRemoval(block_key(digest), "", "no artifact needs it", size)
