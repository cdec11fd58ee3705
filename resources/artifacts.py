"""The store of artifacts: immutable directories named by the digest of what they hold.

    <root>/<game>/<asset>[@<partition>]/
        <first 20 digits of the data version>/
            files/            the artifact itself, read-only
            manifest.json     every file's path, size and sha256
        builds/<input key>.json   which data version a recipe made, and how
        staging/              directories that are being written

A directory is staged, hashed and renamed into place; the build record follows. A crash at any point
leaves the whole artifact or none of it, and the next run completes.
"""

import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
from pydantic import Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.manifests import Manifest, manifest_of, problems_in
from pipeline.provenance import ArtifactVersion, Provenance
from resources.state import StateFolder

DIRECTORY_DIGITS = 20
ABANDONED_AFTER_SECONDS = 24 * 3600
"""A staging directory untouched for so long belongs to a process that is gone."""


class ArtifactStoreError(OutpostError):
    """The store cannot be written or read."""


class ArtifactMissingError(OutpostError):
    """A version that something refers to is not in the store."""


@dataclass(frozen=True)
class Artifact:
    """One stored version: its files are in `path`."""

    version: ArtifactVersion
    home: Path

    @property
    def path(self) -> Path:
        return self.home / "files"

    @cached_property
    def manifest(self) -> Manifest:
        """Read once; the directory never changes."""
        return Manifest.model_validate_json((self.home / "manifest.json").read_text("utf-8"))

    @property
    def is_whole(self) -> bool:
        """Whether every file is there with its size; digests are the audit's business."""
        try:
            return all(
                (self.path / entry.path).stat().st_size == entry.size
                for entry in self.manifest.files
            )
        except (OSError, ValidationError):
            return False


@dataclass(frozen=True)
class Removal:
    """Something that the garbage collection removes, or would."""

    path: Path
    reason: str
    bytes: int


@dataclass(frozen=True)
class ArtifactStore:
    """Versioned artifact directories on the local disk."""

    root: Path

    def find_build(self, asset: str, partition: str | None, input_key: str) -> Provenance | None:
        """The record of an earlier build of the same recipe, if its artifact is still whole."""
        record = _read_record(self._shelf(asset, partition) / "builds" / f"{input_key}.json")
        if record is None or not self._artifact(record.version).is_whole:
            return None
        return record

    @contextmanager
    def staging(self, asset: str, partition: str | None = None) -> Iterator[Path]:
        """An empty directory to write an artifact into; it is gone afterwards.

        Raises:
            ArtifactStoreError: the disk is full or the store cannot be written.
        """
        folder = self._shelf(asset, partition) / "staging" / uuid.uuid4().hex[:12]
        try:
            with _disk_errors_explained(self.root):
                (folder / "files").mkdir(parents=True)
                yield folder / "files"
        finally:
            _remove_tree(folder)

    def commit(
        self, staged: Path, describe: Callable[[str], Provenance]
    ) -> tuple[Artifact, Provenance]:
        """Hash what was staged, rename it into place and record how it was made.

        `describe` gets the data version and returns the record to keep beside it.
        """
        with _disk_errors_explained(self.root):
            manifest = manifest_of(staged)
            record = describe(manifest.digest)
            _write_text(staged.parent / "manifest.json", manifest.model_dump_json(indent=1))
            artifact = self._artifact(record.version)
            _settle(staged.parent, artifact)
            self.record(record)
        return artifact, record

    def record(self, record: Provenance) -> None:
        """Write down which data version a recipe made."""
        shelf = self._shelf(record.recipe.asset, record.recipe.partition)
        file = shelf / "builds" / f"{record.recipe.input_key}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_text(file, record.model_dump_json(indent=1))

    def open(self, version: ArtifactVersion) -> Artifact:
        """A stored version.

        Raises:
            ArtifactMissingError: it is not in this store, or not whole.
        """
        artifact = self._artifact(version)
        if not artifact.is_whole:
            raise ArtifactMissingError(
                f"The artifact {version} is not whole in {self.root}.",
                f"Materialize {version.asset} again.",
            )
        return artifact

    def builds(self) -> Iterator[Provenance]:
        """Every build record in the store."""
        for file in sorted(self.root.glob("*/*/builds/*.json")):
            record = _read_record(file)
            if record is not None:
                yield record

    def provenance_of(self, version: ArtifactVersion) -> tuple[Provenance, ...]:
        """Every recorded way in which a version was made, oldest first."""
        folder = self._shelf(version.asset, version.partition) / "builds"
        records = (_read_record(file) for file in sorted(folder.glob("*.json")))
        found = (r for r in records if r is not None and r.data_version == version.data_version)
        return tuple(sorted(found, key=lambda record: record.made_at))

    def problems_of(self, version: ArtifactVersion) -> tuple[str, ...]:
        """Every file of a version that is not what its manifest says, digests included."""
        artifact = self._artifact(version)
        try:
            manifest = artifact.manifest
        except FileNotFoundError:
            return (f"{version}: is not in the store",)
        except ValidationError:
            return (f"{artifact.home / 'manifest.json'}: is not a manifest any more",)
        if manifest.digest != version.data_version:
            return (f"{artifact.home / 'manifest.json'}: has other bytes than when it was made",)
        found = problems_in(artifact.path, manifest)
        return tuple(f"{artifact.path / item.path}: {item.problem}" for item in found)

    def files_of(self, version: ArtifactVersion) -> Path:
        """Where the files of a version are, whole or not."""
        return self._artifact(version).path

    def versions_holding(self, sha256: str) -> tuple[ArtifactVersion, ...]:
        """Versions that contain a file with that digest."""
        found = []
        for record in self.builds():
            artifact = self._artifact(record.version)
            if artifact.is_whole and any(e.sha256 == sha256 for e in artifact.manifest.files):
                found.append(record.version)
        return tuple(dict.fromkeys(found))

    def garbage(self, referred: set[ArtifactVersion]) -> tuple[Removal, ...]:
        """What no materialization refers to, directly or through its inputs. Removes nothing."""
        records = tuple(self.builds())
        kept = _with_inputs(referred, records)
        homes = {self._artifact(version).home for version in kept}
        stale = [
            Removal(home, "no materialization refers to it", _size_of(home))
            for home in sorted(self.root.glob("*/*/*"))
            if home.name not in ("builds", "staging") and home not in homes
        ]
        left = [
            Removal(folder, "was left behind by a process that is gone", _size_of(folder))
            for folder in sorted(self.root.glob("*/*/staging/*"))
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_SECONDS
        ]
        return (*stale, *left)

    def remove(self, removals: tuple[Removal, ...]) -> None:
        """Delete what `garbage` found, and the records of builds that are gone with it."""
        for removal in removals:
            _remove_tree(removal.path)
        for file in self.root.glob("*/*/builds/*.json"):
            record = _read_record(file)
            if record is None or not self._artifact(record.version).home.exists():
                file.unlink()

    def _artifact(self, version: ArtifactVersion) -> Artifact:
        shelf = self._shelf(version.asset, version.partition)
        return Artifact(version, shelf / version.data_version[:DIRECTORY_DIGITS])

    def _shelf(self, asset: str, partition: str | None) -> Path:
        game, _, name = asset.partition("/")
        return self.root / game / (f"{name}@{partition}" if partition else name)


def _with_inputs(
    referred: set[ArtifactVersion], records: tuple[Provenance, ...]
) -> set[ArtifactVersion]:
    """The versions and everything that they were made from."""
    inputs: dict[ArtifactVersion, set[ArtifactVersion]] = {}
    for record in records:
        inputs.setdefault(record.version, set()).update(record.recipe.inputs)
    kept: set[ArtifactVersion] = set()
    waiting = list(referred)
    while waiting:
        version = waiting.pop()
        if version not in kept:
            kept.add(version)
            waiting.extend(inputs.get(version, ()))
    return kept


def _settle(staged: Path, artifact: Artifact) -> None:
    """Rename a staged directory into place, unless the same bytes are there already."""
    if artifact.is_whole:
        return
    _remove_tree(artifact.home)
    for file in staged.rglob("*"):
        if file.is_file():
            file.chmod(stat.S_IREAD | stat.S_IRGRP | stat.S_IROTH)
    try:
        staged.replace(artifact.home)
    except OSError:
        # Another process may have settled the same bytes in the meantime.
        if not artifact.is_whole:
            raise


def _read_record(file: Path) -> Provenance | None:
    try:
        return Provenance.model_validate_json(file.read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def _write_text(file: Path, text: str) -> None:
    """Write to a neighbour and rename, so that a reader sees the old text or the new."""
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    temporary.replace(file)


def _remove_tree(folder: Path) -> None:
    """Remove a directory whose files may be read-only, which Windows refuses otherwise."""
    if not folder.exists():
        return
    for file in folder.rglob("*"):
        if file.is_file() and not os.access(file, os.W_OK):
            file.chmod(stat.S_IWRITE | stat.S_IREAD)
    shutil.rmtree(folder)


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def _disk_errors_explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ArtifactStoreError(
                f"There is no space left on the disk that holds {root}.",
                "Free some space (`outpost gc` lists what Outpost itself can spare) and run again; "
                "nothing was half-written.",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ArtifactStoreError(
                f"{error.filename or root} cannot be written: {error.strerror}.",
                "Give yourself write access, or point OUTPOST_HOME at a folder that you own.",
            ) from error
        raise


class Artifacts(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The artifact store, as assets see it."""

    folder: str = Field(default="", description="Empty: artifacts/ in the state folder.")

    @property
    def store(self) -> ArtifactStore:
        """The store on the local disk."""
        root = Path(self.folder) if self.folder else StateFolder.from_environment().artifacts
        return ArtifactStore(root)
