"""Artifacts in an object store.

    blocks/<2 digits>/<sha256>                    bytes of files, see `layout`
    versions/<data version>/manifest.json         the files, and where their bytes lie
    versions/<data version>/builds/<input key>.json   a record of how the version was made
    recipes/<input key>                           the data version that a recipe has made

They are written in this order, each unless it is there. So a version is seen when all of it is
there, and an upload that was broken off at any point is gone on with by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import OutpostError
from pipeline.manifests import Manifest
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from resources.object_store.base import ObjectMissingError, ObjectStore
from resources.remote_artifacts.layout import (
    Place,
    StoredManifest,
    blocks_of,
    places_in,
    reads_of,
    stored_manifest,
)
from resources.remote_artifacts.transfer import (
    WORKERS,
    differing,
    download_reads,
    upload_blocks,
)

DATA_VERSION = re.compile(r"[0-9a-f]{64}")


class RemoteArtifactError(OutpostError):
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
        version = found.content.decode("ascii", "replace").strip() if found else ""
        if not DATA_VERSION.fullmatch(version) or not self.holds_version(version):
            return None
        return self._record(version, input_key)

    def records_of(self, data_version: str) -> tuple[Provenance, ...]:
        """Every record of how a version was made that can be trusted."""
        names = (key.rpartition("/")[2] for key in self._keys_of(data_version))
        keys = (name.removesuffix(".json") for name in names if name != "manifest.json")
        records = (self._record(data_version, key) for key in keys)
        return tuple(record for record in records if record is not None)

    def holds(self, record: Provenance) -> bool:
        """Whether a version is there with this record of how it was made."""
        needed = {_manifest_key(record.data_version), _record_key(record)}
        return needed <= self._keys_of(record.data_version)

    def holds_version(self, data_version: str) -> bool:
        """Whether all of a version is there."""
        return _manifest_key(data_version) in self._keys_of(data_version)

    def versions(self) -> set[str]:
        """The data version of everything that is there."""
        keys = (found.key for found in self.objects.listing("versions/"))
        return {key.split("/")[1] for key in keys if key.endswith("/manifest.json")}

    def versions_holding(self, sha256: Collection[str]) -> tuple[ArtifactVersion, ...]:
        """Versions that have a file with one of these digests; every manifest is read."""

        def records(version: str) -> tuple[Provenance, ...]:
            stored = self.stored(version)
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
            ObjectStoreError: the store cannot be reached or refuses; nobody sees a part of it.
        """
        version = record.data_version
        if not self.holds_version(version):
            stage = f"MiB of {record.recipe.asset} to {self.place}"
            content = self._with_blocks(record.recipe, folder, manifest, stage, report)
            self.objects.put_if_absent(
                _manifest_key(version), content.model_dump_json().encode("utf-8")
            )
        said = record.model_dump_json(indent=1).encode("utf-8")
        self.objects.put_if_absent(_record_key(record), said)
        self.objects.put_if_absent(f"recipes/{record.recipe.input_key}", version.encode("ascii"))

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
            raise self._damaged(data_version, "is not a manifest any more") from error
        if stored.manifest.digest != data_version:
            raise self._damaged(data_version, "has other bytes than when it was written")
        return stored

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
            raise self._damaged(data_version, f"needs what is gone: {error.problem}") from error
        for file in differing(folder, missing):
            raise self._damaged(data_version, f"names {file.path}, whose bytes have changed")
        return stored.manifest

    def _with_blocks(
        self, recipe: Recipe, folder: Path, manifest: Manifest, stage: str, report: Report
    ) -> StoredManifest:
        """Upload what no input of the recipe has, and say where everything lies."""
        places: dict[str, tuple[Place, ...]] = {}
        for used in recipe.inputs:
            earlier = self.stored(used.data_version)
            places |= earlier.places if earlier else {}
        blocks = blocks_of(entry for entry in manifest.files if entry.sha256 not in places)
        digests = upload_blocks(self.objects, folder, blocks, stage, report)
        places |= places_in(tuple(zip(digests, blocks, strict=True)))
        return stored_manifest(manifest, places)

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

    def _damaged(self, data_version: str, what: str) -> RemoteArtifactError:
        return RemoteArtifactError(
            f"{_manifest_key(data_version)} in {self.place} {what}.",
            "Remove that object, and materialize the asset again on a machine that still has the "
            "artifact; where none has, it is made again.",
        )


def _manifest_key(data_version: str) -> str:
    return f"versions/{data_version}/manifest.json"


def _record_key(record: Provenance) -> str:
    return f"versions/{record.data_version}/builds/{record.recipe.input_key}.json"
