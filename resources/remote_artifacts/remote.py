"""Artifacts in an object store.

    blocks/<2 digits>/<sha256>                    bytes of files, see `layout`
    versions/<data version>/manifest.json         the files, and where their bytes lie
    recipes/<input key>                           the data version that a recipe has made
    versions/<data version>/builds/<input key>.json   a record of how the version was made

They are written in this order, each unless it is there; a recipe whose version or record was
removed names the next one. So a version is seen when all of it is there, and where its record is,
so is all else: an upload that was broken off at any point is gone on with by the next one. Beside
them lies for a while what is about to happen: see `announcements`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import OutpostError
from pipeline.manifests import FileEntry, Manifest
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from resources.object_store.base import (
    ObjectMissingError,
    ObjectStore,
    ObjectStoreError,
    ObjectTooShortError,
    StoredObject,
)
from resources.remote_artifacts.announcements import (
    AnnouncedUpload,
    Collections,
    announce_use,
    announced_upload,
)
from resources.remote_artifacts.layout import (
    Part,
    Place,
    StoredFile,
    StoredManifest,
    blocks_of,
    places_in,
    reads_of,
    stored_manifest,
)
from resources.remote_artifacts.transfer import (
    WORKERS,
    block_key,
    content_of,
    differing,
    download_reads,
    upload_blocks,
)

DATA_VERSION = re.compile(r"[0-9a-f]{64}")


class ChangedFileError(OutpostError):
    """A file of an artifact on this machine that is not what it was when it was made."""


class RemoteArtifactError(ObjectStoreError):
    """An artifact in a store that is not what it was when it was written."""


@dataclass(frozen=True)
class RemoteArtifacts:
    """See the module."""

    objects: ObjectStore

    @property
    def place(self) -> str:
        """For people."""
        return self.objects.place

    def made_by(self, input_key: str) -> Provenance | None:
        """The record of what a recipe has made, if all of it is there."""
        found = self.objects.get(f"recipes/{input_key}")
        return self._referred(found, input_key) if found else None

    def records_of(self, data_version: str) -> tuple[Provenance, ...]:
        """Every record of how a version was made that can be trusted."""
        listing = self.objects.listing(f"versions/{data_version}/")
        return self.records_among([found.key for found in listing], data_version)

    def records_among(self, keys: Iterable[str], data_version: str) -> tuple[Provenance, ...]:
        """The same for whoever has listed the objects of the version already."""
        names = (key.rpartition("/")[2] for key in keys)
        input_keys = (name.removesuffix(".json") for name in names if name != "manifest.json")
        records = (self._record(data_version, input_key) for input_key in input_keys)
        return tuple(record for record in records if record is not None)

    def holds(self, record: Provenance) -> bool:
        """Whether a version is there with this record of how it was made."""
        needed = {_manifest_key(record.data_version), _record_key(record)}
        return needed <= self._keys_of(record.data_version)

    def record_place(self, record: Provenance) -> str:
        """Where a record lies, for people."""
        return f"{_record_key(record)} in {self.place}"

    def holds_version(self, data_version: str) -> bool:
        """Whether all of a version is there."""
        return _manifest_key(data_version) in self._keys_of(data_version)

    def block_sizes(self) -> dict[str, int]:
        """Bytes of every block that is there, by its digest."""
        listing = self.objects.listing("blocks/")
        return {found.key.rpartition("/")[2]: found.size for found in listing}

    def holds_whole(self, records: Collection[Provenance], sizes: Mapping[str, int]) -> bool:
        """Whether a version is there with all of these records and every block in its size.

        Args:
            records: of one version, at least one.
            sizes: of all blocks, see `block_sizes`.
        """
        (version,) = {record.data_version for record in records}
        needed = {_manifest_key(version), *map(_record_key, records)}
        if not needed <= self._keys_of(version) or self._trusted(version) is None:
            return False
        return not any(self._lost_blocks(version, sizes))

    def bytes_of(self, data_version: str) -> int:
        """Of the files of a version; 0 where it is not there."""
        stored = self.stored(data_version)
        return stored.manifest.total_bytes if stored else 0

    def versions(self) -> set[str]:
        """The data version of everything that is there."""
        parts = (found.key.split("/") for found in self.objects.listing("versions/"))
        return {one[1] for one in parts if one[2:] == ["manifest.json"] and is_version(one[1])}

    def versions_holding(self, sha256: Collection[str]) -> tuple[ArtifactVersion, ...]:
        """Versions that have a file with one of these digests; every manifest is read.

        One that was changed is passed over: it need not be of what is looked for.
        """

        def records(version: str) -> tuple[Provenance, ...]:
            stored = self._trusted(version)
            holds = stored is not None and any(file.sha256 in sha256 for file in stored.files)
            return self.records_of(version) if holds else ()

        with ThreadPoolExecutor(WORKERS) as pool:
            made = pool.map(records, sorted(self.versions()))
            found = (record.version for those in made for record in those)
            return tuple(dict.fromkeys(found))

    def upload(self, record: Provenance, folder: Path, manifest: Manifest, report: Report) -> None:
        """Write a version and its record, as far as they are not there.

        Args:
            folder: of the version's files.

        Raises:
            ChangedFileError: a file is not what the manifest says; nobody sees a part of it.
            ObjectStoreError: the store cannot be reached or refuses; nobody sees a part of it.
        """
        stage = f"MiB of {record.recipe.asset} to {self.place}"
        present: Mapping[str, int] = {}
        while True:
            with announced_upload(self.objects, str(record.version), report) as announced:
                announced.collections.wait_for_version(record.data_version)
                source = _Source(folder, manifest, present, announced.collections)
                if self._written(record, source, announced, stage, report):
                    return
            # It took so long that a collection may not have waited for it.
            present = self.block_sizes()

    def _written(
        self,
        record: Provenance,
        source: _Source,
        announced: AnnouncedUpload,
        stage: str,
        report: Report,
    ) -> bool:
        """Whether all of it is there; False where nobody may rely on its blocks any more."""
        if not self.holds_version(record.data_version):
            content = self._with_blocks(record.recipe, source, stage, report)
            if not announced.is_trusted:
                return False
            said = content.model_dump_json().encode("utf-8")
            self.objects.put_if_absent(_manifest_key(record.data_version), said)
        self._refer(record)
        said = record.model_dump_json(indent=1).encode("utf-8")
        self.objects.put_if_absent(_record_key(record), said)
        return True

    def announce_use(self, data_version: str, report: Report) -> None:
        """Keep a version that a run is about to report from being removed meanwhile.

        Afterwards it may be gone already.
        """
        announce_use(self.objects, data_version, report)

    def _refer(self, record: Provenance) -> None:
        """Have the recipe name a version that is there: this one, where another was removed."""
        input_key, version = record.recipe.input_key, record.data_version.encode("ascii")
        key = f"recipes/{input_key}"
        if self.objects.put_if_absent(key, version) is None:
            found = self.objects.get(key)
            if found is None or found.content == version:
                return
            if self._referred(found, input_key) is None:
                self.objects.put_if_match(key, version, found.tag)

    def _referred(self, found: StoredObject, input_key: str) -> Provenance | None:
        """The record of the version that a recipe names, if all of it is there."""
        version = found.content.decode("ascii", "replace").strip()
        whole = is_version(version) and self.holds_version(version)
        return self._record(version, input_key) if whole else None

    def stored(self, data_version: str) -> StoredManifest | None:
        """Where the files of a version lie; None where it is not there.

        Raises:
            RemoteArtifactError: it says something else than when it was written.
        """
        found = self.objects.get(_manifest_key(data_version))
        if found is None:
            return None
        try:
            stored = StoredManifest.model_validate_json(found.content)
        except ValidationError as error:
            raise self._changed_manifest(data_version, "is not a manifest any more") from error
        if stored.manifest.digest != data_version:
            raise self._changed_manifest(data_version, "has other bytes than when it was written")
        return stored

    def _trusted(self, data_version: str) -> StoredManifest | None:
        """As `stored`; None too where it says something else than when it was written."""
        with suppress(RemoteArtifactError):
            return self.stored(data_version)
        return None

    def download(self, data_version: str, folder: Path, stage: str, report: Report) -> Manifest:
        """Bring the files of a version into a folder, and verify every digest.

        What is there already of an earlier attempt stays.

        Raises:
            ObjectMissingError: the version is not there.
            RemoteArtifactError: its bytes are not those that were written, or not there any more.
            ObjectStoreError: the store cannot be reached; what has arrived is kept.
        """
        stored = self.stored(data_version)
        if stored is None:
            raise ObjectMissingError(
                f"The version {data_version[:12]} is not in {self.place}.",
                "It was never uploaded, or removed.",
            )
        missing = differing(folder, stored.files)
        for file in missing:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(b"")
        try:
            download_reads(self.objects, folder, reads_of(stored, missing), stage, report)
        except ObjectMissingError as error:
            raise self._lost(data_version, f"needs what is gone: {error.problem}") from error
        except ObjectTooShortError as error:
            raise self._lost(data_version, f"needs what has changed: {error.problem}") from error
        for file in differing(folder, missing):
            raise self._changed(data_version, stored, file)
        return stored.manifest

    def restore(self, folders: Mapping[str, Path]) -> set[str]:
        """Write blocks again that are gone or shorter than they were, from files that are here.

        Bytes are not read again: a block of the right size counts as right.

        Args:
            folders: by data version, its files; versions that are not in the store are left out.

        Returns:
            The versions that needed one of them.

        Raises:
            RemoteArtifactError: a manifest was changed, or a block cannot be made of these files;
                all that can be written again is.
        """
        sizes, problems = self.block_sizes(), []
        lost: list[tuple[str, str, tuple[Part, ...]]] = []
        for version in sorted(folders):
            try:
                lost += [(version, *one) for one in self._lost_blocks(version, sizes)]
            except RemoteArtifactError as error:
                problems.append(error)
        restored = set()
        for version, block, parts in lost:
            if block in restored:
                continue
            content = content_of(folders[version], (part.slice for part in parts))
            if hashlib.sha256(content).hexdigest() == block:
                self._write_again(block, content)
                restored.add(block)
        for version, block, _ in lost:
            if block not in restored:
                problems.append(self._not_restored(version, block))
        if problems:
            raise problems[0]
        return {version for version, _, _ in lost}

    def _not_restored(self, data_version: str, block: str) -> RemoteArtifactError:
        return RemoteArtifactError(
            f"{block_key(block)} in {self.place} is gone or shorter than it was, and is not made "
            "of files that are here.",
            f"Remove {_manifest_key(data_version)} there, and run `outpost artifacts upload` "
            "again: then the files are uploaded once more.",
        )

    def _lost_blocks(
        self, data_version: str, sizes: Mapping[str, int]
    ) -> Iterator[tuple[str, tuple[Part, ...]]]:
        stored = self.stored(data_version)
        for block, parts in (stored.parts if stored else {}).items():
            if sizes.get(block, 0) < parts[-1].end:
                yield block, parts

    def _write_again(self, block: str, content: bytes) -> None:
        """In the place of none, or of other bytes; whoever reads sees the one or the other."""
        key = block_key(block)
        if self.objects.put_if_absent(key, content) is None:
            found = self.objects.get(key)
            if found is not None and found.content != content:
                self.objects.put_if_match(key, content, found.tag)

    def _with_blocks(
        self, recipe: Recipe, source: _Source, stage: str, report: Report
    ) -> StoredManifest:
        """Upload what no input of the recipe has, and say where everything lies."""
        places: dict[str, tuple[Place, ...]] = {}
        earlier = [self._trusted(used.data_version) for used in recipe.inputs]
        sizes = self.block_sizes() if any(earlier) else {}
        for stored in earlier:
            for digest, at in (stored.places if stored else {}).items():
                # What was lost there, or is about to be removed, is not relied on.
                if all(
                    sizes.get(one.block, 0) >= one.offset + one.size
                    and one.block not in source.collections.blocks
                    for one in at
                ):
                    places[digest] = at
        new = tuple(entry for entry in source.manifest.files if entry.sha256 not in places)
        _require_unchanged(source.folder, new)
        blocks = blocks_of(new)
        digests = upload_blocks(self.objects, source.folder, blocks, source.needs, stage, report)
        places |= places_in(tuple(zip(digests, blocks, strict=True)))
        return stored_manifest(source.manifest, places)

    def _record(self, data_version: str, input_key: str) -> Provenance | None:
        """A record that is filed under the key of its own recipe; any other was changed."""
        found = self.objects.get(f"versions/{data_version}/builds/{input_key}.json")
        try:
            record = Provenance.model_validate_json(found.content) if found else None
        except ValidationError:
            return None
        if record is None or record.data_version != data_version:
            return None
        return record if record.recipe.input_key == input_key else None

    def _keys_of(self, data_version: str) -> set[str]:
        return {found.key for found in self.objects.listing(f"versions/{data_version}/")}

    def _changed_manifest(self, data_version: str, what: str) -> RemoteArtifactError:
        return RemoteArtifactError(
            f"{_manifest_key(data_version)} in {self.place} {what}.",
            "Remove that object, and run `outpost artifacts upload` on a machine that still has "
            "the artifact; where none has, materialize the asset again.",
        )

    def _lost(self, data_version: str, what: str) -> RemoteArtifactError:
        return RemoteArtifactError(
            f"{_manifest_key(data_version)} in {self.place} {what}",
            "Run `outpost artifacts upload` on a machine that still has the artifact; where none "
            "has, remove the manifest, and materialize the asset again.",
        )

    def _changed(
        self, data_version: str, stored: StoredManifest, file: StoredFile
    ) -> RemoteArtifactError:
        """Names the first block of a file that has another digest than its name says."""
        for block in dict.fromkeys(stored.blocks[extent.block] for extent in file.extents):
            found = self.objects.get(block_key(block))
            if found is None or hashlib.sha256(found.content).hexdigest() != block:
                return RemoteArtifactError(
                    f"{_manifest_key(data_version)} in {self.place} names {file.path}, whose bytes "
                    f"have changed in {block_key(block)}.",
                    f"Remove {block_key(block)} there, and run `outpost artifacts upload` on a "
                    "machine that still has the artifact; where none has, remove the manifest "
                    "too, and materialize the asset again.",
                )
        return self._changed_manifest(data_version, f"says falsely where {file.path} lies")


@dataclass(frozen=True)
class _Source:
    """What is uploaded.

    Attributes:
        present: bytes of blocks that are known to be there, by digest.
        collections: that go on meanwhile.
    """

    folder: Path
    manifest: Manifest
    present: Mapping[str, int]
    collections: Collections

    def needs(self, digest: str, size: int) -> bool:
        """Whether a block has to be written; not before whoever removes it has ended."""
        if digest in self.collections.blocks:
            self.collections.wait_for_block(digest)
            return True
        return self.present.get(digest) != size


def _require_unchanged(folder: Path, files: tuple[FileEntry, ...]) -> None:
    """What is once in the store under a version stays, and nobody could use it."""
    for file in differing(folder, files):
        raise ChangedFileError(
            f"{folder / file.path} has other bytes than when it was made, and is not uploaded.",
            f"Remove the folder {folder.parent}, and materialize the asset again.",
        )


def is_version(text: str) -> bool:
    """Whether it can be a data version."""
    return DATA_VERSION.fullmatch(text) is not None


def _manifest_key(data_version: str) -> str:
    return f"versions/{data_version}/manifest.json"


def _record_key(record: Provenance) -> str:
    return f"versions/{record.data_version}/builds/{record.recipe.input_key}.json"
