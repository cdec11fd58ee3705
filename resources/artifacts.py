"""The store of artifacts: immutable directories named by the digest of what they hold.

    <root>/<game>/<asset>[@<partition>]/
        <first 20 digits of the data version>/
            files/            the artifact itself, read-only
            manifest.json     every file's path, size and sha256
        builds/<input key>.json   which data version a recipe made, and how
        staging/              directories that are being written

A directory is staged, hashed and renamed into place; the build record follows. A crash at any point
leaves the whole artifact or none of it, and the next run completes.

Where there is an object store as well, every artifact is in both before its run reports it, and one
that another machine has made is fetched when it is opened. With a limit on what lies here, the
least recently used ones that are there too are dropped, and fetched again.
"""

import errno
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr, ValidationError

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_text
from pipeline.manifests import Manifest, Record, manifest_of, problems_in
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion, Provenance, asset_name
from pipeline.release.lineage.signed_records import SignatureState, signature_state
from resources.files import last_touched, remove_tree, size_of
from resources.keys.record_keys import RecordKeyError, RecordKeys
from resources.local_artifacts.dropping import bytes_of, copies_of, drop_least_used, opened_now
from resources.local_artifacts.in_use import filling, use
from resources.object_store.base import ObjectStoreError
from resources.object_store.opening import open_store
from resources.paths import Paths
from resources.remote_artifacts.remote import RemoteArtifactError, RemoteArtifacts
from resources.run_log import reporter

Parsed = TypeVar("Parsed", bound=Record)

REMOTE_VARIABLE = "OUTPOST_ARTIFACTS"
CACHE_VARIABLE = "OUTPOST_ARTIFACTS_CACHE_GB"
NESTED = "."
"""In folders' names, where the key of an asset has a slash within a game; names have no dot."""
DIRECTORY_DIGITS = 20
ABANDONED_AFTER_SECONDS = 24 * 3600
"""What is younger may belong to a run that goes on: an artifact that is being written, or one that
is in place and not yet reported to Dagster."""
_WRONG_SIGNATURE = "the signature is wrong: the record was changed after it was signed"


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
        return Manifest.model_validate_json((self.home / "manifest.json").read_bytes())

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
    """Versioned artifact directories on the local disk, and all of them in an object store too.

    Attributes:
        remote: where other machines find them; None: they are on this one alone.
        report: told how far transfers are.
        cache_bytes: what may lie here at most of what is in the object store too; None: all of it.
        keys: sign the records of what is made here, and say whose signatures count; None: nothing
            is signed, and no signature verified.
    """

    root: Path
    remote: RemoteArtifacts | None = None
    report: Report = silent
    cache_bytes: int | None = None
    keys: RecordKeys | None = None

    def find_build(self, asset: str, partition: str | None, input_key: str) -> Provenance | None:
        """The record of an earlier build of the same recipe, if its artifact is still whole.

        Afterwards it is here and in the object store, wherever it was found. A record whose
        signature is wrong is none.

        Raises:
            ArtifactStoreError: it is here, and cannot be brought into the object store.
            ObjectStoreError: nobody can say whether another machine has made it.
        """
        record = self._believed(
            self._asset_folder(asset, partition) / "builds" / f"{input_key}.json"
        )
        if record is not None and self._used(record.version).is_whole:
            _renew(self._artifact(record.version))
            self.upload(record, about_to_report=True)
            return record
        if self.remote is None:
            return None
        record = self.remote.made_by(input_key)
        if record is None or record.recipe.asset != asset or record.recipe.partition != partition:
            return None
        if self._is_forged(record):
            return None
        self.remote.announce_use(record.data_version, self.report)
        try:
            _renew(self.open(record.version))
        except (ArtifactMissingError, RemoteArtifactError):
            return None
        self.upload(record)  # where it was here, and was removed there until just now
        return record

    @contextmanager
    def staging(self, asset: str, partition: str | None = None) -> Iterator[Path]:
        """An empty directory to write an artifact into; it is gone afterwards.

        Raises:
            ArtifactStoreError: the disk is full or the store cannot be written.
        """
        folder = self._asset_folder(asset, partition) / "staging" / uuid.uuid4().hex[:12]
        try:
            with _disk_errors_explained(self.root):
                (folder / "files").mkdir(parents=True)
                yield folder / "files"
        finally:
            remove_tree(folder)

    def scratch(self, asset: str, name: str) -> Path:
        """Where the steps of one run work on an artifact together; the caller removes it.

        What nobody removes is collected as garbage once nothing is written there any more.
        """
        return self._asset_folder(asset, None) / "staging" / name

    def commit(
        self, staged: Path, describe: Callable[[str], Provenance], manifest: Manifest | None = None
    ) -> tuple[Artifact, Provenance]:
        """Hash what was staged, rename it into place and record how it was made.

        Args:
            describe: gets the data version and returns the record to keep beside it.
            manifest: of the staged files, from whoever has hashed them already.

        Raises:
            ArtifactStoreError: the disk is full or the store cannot be written; or all is well
                here, and the object store could not be reached.
        """
        with _disk_errors_explained(self.root):
            manifest = manifest or manifest_of(staged)
            record = describe(manifest.digest)
            _write_text(staged.parent / "manifest.json", manifest.model_dump_json(indent=1))
            artifact = self._used(record.version)
            _move_into_place(staged.parent, artifact)
            builds = self._asset_folder(record.recipe.asset, record.recipe.partition) / "builds"
            file = builds / f"{record.recipe.input_key}.json"
            _write_text(file, record.model_dump_json(indent=1))
        self.upload(record, about_to_report=True)
        self._make_room()
        return artifact, record

    def upload(self, record: Provenance, *, about_to_report: bool = False) -> bool:
        """Bring a whole artifact into the object store, if there is one and it lacks it.

        Args:
            about_to_report: whether nobody refers to it yet, but will within a day.

        Returns:
            Whether anything was written.

        Raises:
            ArtifactStoreError: it could not be; here nothing has changed.
            ChangedFileError: a file is not what it was when it was made.
        """
        if self.remote is None:
            return False
        artifact = self._artifact(record.version)
        try:
            is_there = self.remote.holds(record)
            if is_there and about_to_report:
                self.remote.announce_use(record.data_version, self.report)
                is_there = self.remote.holds(record)  # who was removing it has ended by now
            if is_there:
                return False
            self.remote.upload(record, artifact.path, artifact.manifest, self.report)
        except ObjectStoreError as error:
            raise ArtifactStoreError(
                f"{record.version} is made and kept in {artifact.home}, but could not be brought "
                f"to {self.remote.place}: {error.problem}",
                f"{error.fix} Then materialize it again: the upload goes on, and nothing is made "
                "twice.",
            ) from error
        return True

    def restore_remote(self, versions: Iterable[ArtifactVersion]) -> set[ArtifactVersion]:
        """Write blocks again that the object store has lost, from versions that are whole here.

        Returns:
            The versions that needed one of them.

        Raises:
            RemoteArtifactError: what it has lost cannot be made of them, or a manifest was changed.
            ObjectStoreError: it cannot be reached.
        """
        if self.remote is None:
            return set()
        known = tuple(versions)
        needed = self.remote.restore({one.data_version: self.files_of(one) for one in known})
        return {one for one in known if one.data_version in needed}

    def open(self, version: ArtifactVersion) -> Artifact:
        """A stored version, which is fetched where it is only in the object store.

        Raises:
            ArtifactMissingError: it is in no store, or not whole.
            ArtifactStoreError: it cannot be written here; what has arrived is kept.
            StoreLockedError: a process that does not go on has locked the store.
            RemoteArtifactError: in the object store it is not what it was.
            ObjectStoreError: the object store cannot be reached; what has arrived is kept.
        """
        artifact = self._used(version)
        if artifact.is_whole:
            return artifact
        if self.remote is None:
            raise ArtifactMissingError(
                f"The artifact {version} is not whole in {self.root}.",
                f"Materialize {version.asset} again.",
            )
        if not self.remote.holds_version(version.data_version):
            raise ArtifactMissingError(
                f"The artifact {version} is neither in {self.root} nor in {self.remote.place}.",
                "Run `outpost artifacts upload` on the machine that has it, or materialize "
                f"{version.asset} again.",
            )
        if self.cache_bytes is not None:
            self._make_room(self.remote.bytes_of(version.data_version))
        self._fetch(artifact, self.remote)
        return artifact

    def _used(self, version: ArtifactVersion) -> Artifact:
        """A version, here or not, which nobody drops as long as this process lives.

        It is said without an object store too: a process that has one, and a limit, may drop what
        lies here, and this one could not fetch it again.
        """
        artifact = self._artifact(version)
        with _disk_errors_explained(self.root):
            use(self.root, artifact.home)
        opened_now(artifact.home)
        return artifact

    def _make_room(self, coming: int = 0) -> None:
        """Drop what is in the object store too, least recently used first, beyond `cache_bytes`.

        Args:
            coming: bytes that will be added.
        """
        if self.remote is None or self.cache_bytes is None:
            return
        began, remote = time.monotonic(), self.remote
        block_sizes = cache(remote.block_sizes)

        def is_there(home: Path) -> bool:
            manifest = _parsed(home / "manifest.json", Manifest)
            if manifest is None:
                return False
            records = self._records_here(self._version_in(home, manifest))
            return bool(records) and remote.holds_whole(records, block_sizes())

        # What cannot be dropped for now, as without a network, is dropped another time.
        with suppress(OutpostError):
            room = max(0, self.cache_bytes - coming)
            mib = drop_least_used(self.root, self._homes(), room, is_there) >> 20
            if mib:
                stage = f"MiB dropped here that are in {remote.place}"
                self.report(Progress(stage, mib, mib, time.monotonic() - began))

    def _fetch(self, artifact: Artifact, remote: RemoteArtifacts) -> None:
        """Bring a version here. What an attempt leaves that is broken off, the next one uses."""
        version = artifact.version
        folder = artifact.home.parent / "staging" / f"fetched-{artifact.home.name}"
        staged = folder / "artifact"
        with _disk_errors_explained(self.root), filling(self.root, artifact.home):
            if artifact.is_whole:  # fetched by another process while this one waited
                return
            (staged / "files").mkdir(parents=True, exist_ok=True)
            stage = f"MiB of {asset_name(version.asset, version.partition)}"
            manifest = remote.download(version.data_version, staged / "files", stage, self.report)
            _write_text(staged / "manifest.json", manifest.model_dump_json(indent=1))
            self._keep_records(version)
            _move_into_place(staged, artifact)
            remove_tree(folder)

    def _keep_records(self, version: ArtifactVersion) -> tuple[Provenance, ...]:
        """Write here what the object store knows of how a version was made."""
        found = self.remote.records_of(version.data_version) if self.remote else ()
        kept = tuple(r for r in found if r.version == version and not self._is_forged(r))
        builds = self._asset_folder(version.asset, version.partition) / "builds"
        for record in kept:
            file = builds / f"{record.recipe.input_key}.json"
            if not file.exists():
                _write_text(file, record.model_dump_json(indent=1))
        return kept

    def builds(self) -> Iterator[Provenance]:
        """Every build record in the store that can be trusted."""
        for file in sorted(self.root.glob("*/*/builds/*.json")):
            record = _read_record(file)
            if record is not None:
                yield record

    def versions_beginning(self, digits: str) -> set[ArtifactVersion]:
        """Recorded versions by their first digits; the object store is asked where none is here."""
        found = {r.version for r in self.builds() if r.data_version.startswith(digits)}
        if found or self.remote is None:
            return found
        there = (one for one in self.remote.versions() if one.startswith(digits))
        return {record.version for one in there for record in self.remote.records_of(one)}

    def provenance_of(self, version: ArtifactVersion) -> tuple[Provenance, ...]:
        """Every recorded way in which a version was made, oldest first; changed records left out.

        What was changed is named by `problems_of`. The object store is asked where there is none
        here.
        """
        found = [r for r in self._records_here(version) if not self._is_forged(r)]
        return tuple(
            sorted(found or self._keep_records(version), key=lambda record: record.made_at)
        )

    def signature_of(self, record: Provenance) -> SignatureState:
        """What the signature of a record is worth here.

        Raises:
            RecordKeyError: nobody can say whose signatures count.
        """
        return signature_state(record, self.keys.trusted if self.keys else dict)

    def _believed(self, file: Path) -> Provenance | None:
        """What a file says of how a version was made, unless it was changed."""
        record = _read_record(file)
        return None if record is None or self._is_forged(record) else record

    def _is_forged(self, record: Provenance) -> bool:
        return self.signature_of(record) is SignatureState.WRONG

    def problems_of(self, version: ArtifactVersion) -> tuple[str, ...]:
        """Every file of a version that is not what its manifest says, and every changed record.

        All digests are computed again. A version that is only in the object store is fetched, so
        that its bytes can be verified.
        """
        if not self._used(version).home.exists() and self.remote is not None:
            try:
                self.open(version)
            except RemoteArtifactError as error:
                return (f"{version}: {error.problem}",)
            except ArtifactMissingError:
                pass  # which is said below
        return (*self._changed_files(version), *self._changed_records(version))

    def _changed_files(self, version: ArtifactVersion) -> tuple[str, ...]:
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

    def _changed_records(self, version: ArtifactVersion) -> Iterator[str]:
        """Records that claim a version and cannot be trusted, and those that say nothing any more.

        An unreadable record may be the one of this version. The object store is asked where no
        record here is.
        """
        claims = {file: _parsed(file, Provenance) for file in self._record_files(version)}
        concerned = {
            file: claim
            for file, claim in claims.items()
            if claim is None or claim.data_version == version.data_version
        }
        for file, claim in concerned.items():
            if claim is None or not _is_filed_in(file, claim):
                yield f"{file}: the record was changed after the build"
            elif claim.version != version:
                yield f"{file}: the record is that of {claim.version}"
            elif self._is_forged(claim):
                yield f"{file}: {_WRONG_SIGNATURE}"
        if self.remote is not None and not concerned:
            for record in self.remote.records_of(version.data_version):
                if record.version == version and self._is_forged(record):
                    yield f"{self.remote.record_place(record)}: {_WRONG_SIGNATURE}"

    def bytes_here(self) -> int:
        """What all artifacts take on this machine; a file with several names counts once."""
        return bytes_of(copies_of(self._homes()))

    def is_here(self, version: ArtifactVersion) -> bool:
        """Whether a version is on this machine with every file in its size."""
        return self._artifact(version).is_whole

    def files_of(self, version: ArtifactVersion) -> Path:
        """Where the files of a version are, whole or not."""
        return self._artifact(version).path

    def listing_of(self, version: ArtifactVersion) -> Manifest:
        """The files that a version says it has, wherever they are."""
        artifact = self._artifact(version)
        with suppress(FileNotFoundError):
            return artifact.manifest
        stored = self.remote.stored(version.data_version) if self.remote else None
        return stored.manifest if stored else artifact.manifest

    def versions_holding(self, *sha256: str) -> tuple[ArtifactVersion, ...]:
        """Versions whose manifest lists a file with one of these digests, recorded or not.

        The object store is asked where there is none here.
        """
        found = []
        for home in self._homes():
            manifest = _parsed(home / "manifest.json", Manifest)
            if manifest and any(entry.sha256 in sha256 for entry in manifest.files):
                found.append(self._version_in(home, manifest))
        if not found and self.remote is not None:
            return self.remote.versions_holding(sha256)
        return tuple(found)

    def garbage(self, referred: set[ArtifactVersion]) -> tuple[Removal, ...]:
        """What no materialization refers to, directly or through its inputs. Removes nothing.

        What is younger than `ABANDONED_AFTER_SECONDS` is kept, and what it was made from: the run
        that made it may not have reported it yet.
        """
        records = tuple(self.builds())
        young = {r.version for r in records if _is_young(self._artifact(r.version).home)}
        kept = {self._artifact(version).home for version in _with_inputs(referred | young, records)}
        stale = [
            Removal(home, "no materialization refers to it", size_of(home))
            for home in self._homes()
            if home not in kept and not _is_young(home)
        ]
        left = abandoned(
            self.root.glob("*/*/staging/*"), "was left behind by a process that is gone"
        )
        return (*stale, *left)

    def remove(self, removals: tuple[Removal, ...]) -> None:
        """Delete what is listed, and the records of builds that are gone with it.

        Records of what is in the object store stay. What stays is protected again: where deleting
        takes write access (`remove_tree`), files that are shared with what was deleted have lost
        their protection.
        """
        for removal in removals:
            remove_tree(removal.path)
        with suppress(ObjectStoreError, RecordKeyError):  # nobody can say which records are of use
            self._remove_records()
        for home in self._homes():
            _protect(home)

    def _remove_records(self) -> None:
        """Those of versions that are neither here nor in the object store."""
        elsewhere = cache(self.remote.versions if self.remote else set[str])
        for file in self.root.glob("*/*/builds/*.json"):
            record = _read_record(file)
            # One that was changed may be another version's, of an artifact that is in use.
            if record is None or self._artifact(record.version).home.exists():
                continue
            if record.data_version not in elsewhere() and not self._is_forged(record):
                file.unlink()

    def _artifact(self, version: ArtifactVersion) -> Artifact:
        asset_folder = self._asset_folder(version.asset, version.partition)
        return Artifact(version, asset_folder / version.data_version[:DIRECTORY_DIGITS])

    def _asset_folder(self, asset: str, partition: str | None) -> Path:
        game, _, name = asset.partition("/")
        nested = name.replace("/", NESTED)
        folder = f"{nested}@{partition}" if partition else nested
        # Records from an object store may be anybody's, and name assets as they please.
        is_odd = any(part == ".." or Path(part).name != part for part in (game, folder))
        if is_odd or NESTED in name:
            raise ArtifactStoreError(
                f"{asset_name(asset, partition)!r} names no folder of the artifact store.",
                "A record was changed. Find out who can write to where artifacts are kept.",
            )
        return self.root / game / folder

    def _homes(self) -> Iterator[Path]:
        """Every directory that stands where an artifact does."""
        for home in sorted(self.root.glob("*/*/*")):
            if home.name not in ("builds", "staging"):
                yield home

    def _record_files(self, version: ArtifactVersion) -> list[Path]:
        """The records of all versions of an asset or partition."""
        folder = self._asset_folder(version.asset, version.partition)
        return sorted(folder.glob("builds/*.json"))

    def _records_here(self, version: ArtifactVersion) -> tuple[Provenance, ...]:
        """What is recorded on this machine of a version, whoever has signed it."""
        read = (_read_record(file) for file in self._record_files(version))
        return tuple(r for r in read if r and r.version == version)

    def _version_in(self, home: Path, manifest: Manifest) -> ArtifactVersion:
        """The version that a directory holds, or should hold if its manifest was changed."""
        name, _, partition = home.parent.name.partition("@")
        found = ArtifactVersion(
            asset=f"{home.parent.parent.name}/{name.replace(NESTED, '/')}",
            partition=partition or None,
            data_version=manifest.digest,
        )
        if self._artifact(found).home == home:
            return found
        records = (_read_record(file) for file in self._record_files(found))
        recorded = (r.version for r in records if r and self._artifact(r.version).home == home)
        return next(recorded, found.model_copy(update={"data_version": home.name}))


def abandoned(folders: Iterable[Path], reason: str) -> tuple[Removal, ...]:
    """Those in which nothing has been written for `ABANDONED_AFTER_SECONDS`."""
    return tuple(
        Removal(folder, reason, size_of(folder))
        for folder in sorted(folders)
        if time.time() - last_touched(folder) > ABANDONED_AFTER_SECONDS
    )


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


def _move_into_place(staged: Path, artifact: Artifact) -> None:
    """Rename a staged directory into place, unless the same bytes are there already."""
    if artifact.is_whole:
        _renew(artifact)
        return
    remove_tree(artifact.home)
    _protect(staged)
    try:
        staged.replace(artifact.home)
    except OSError:
        # Another process may have committed the same bytes in the meantime.
        if not artifact.is_whole:
            raise


def _protect(folder: Path) -> None:
    """Make every file read-only."""
    for file in folder.rglob("*"):
        if file.is_file() and os.access(file, os.W_OK):
            file.chmod(stat.S_IREAD | stat.S_IRGRP | stat.S_IROTH)


def _renew(artifact: Artifact) -> None:
    """Make an artifact young again that a run is about to report (see `garbage`)."""
    with suppress(PermissionError):  # another user's store: its garbage is not ours to collect
        os.utime(artifact.home / "manifest.json")


def _is_young(home: Path) -> bool:
    """Whether an artifact is there that its run may not have reported yet."""
    if not home.is_dir():
        return False
    try:
        since = (home / "manifest.json").stat().st_mtime
    except FileNotFoundError:
        since = last_touched(home)
    return time.time() - since <= ABANDONED_AFTER_SECONDS


def _read_record(file: Path) -> Provenance | None:
    """A record that is filed under the key of its own recipe; any other was changed."""
    record = _parsed(file, Provenance)
    return record if record is not None and _is_filed_in(file, record) else None


def _is_filed_in(file: Path, record: Provenance) -> bool:
    return record.recipe.input_key == file.stem


def _parsed(file: Path, kind: type[Parsed]) -> Parsed | None:
    """What a record or a manifest says, true or not."""
    try:
        return kind.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _write_text(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new."""
    with replacing(file) as fresh:
        write_text(fresh, f"{text}\n")


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

    paths: Paths
    folder: str = Field(default="", description="Empty: artifacts/ in the state folder.")
    remote: str = Field(
        default="",
        description="A folder, s3://bucket or s3://bucket/prefix in which every artifact is kept "
        f"too, for other machines. Empty: what {REMOTE_VARIABLE} says, else none. Credentials are "
        "found by boto3 alone: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or ~/.aws.",
    )
    cache_gb: float | None = Field(
        default=None,
        ge=0,
        description="Gigabytes (10^9 bytes) that artifacts may take on this machine. Beyond that "
        "the least recently used ones that are in `remote` too are dropped here, and fetched again "
        f"when they are asked for. None: what {CACHE_VARIABLE} says, else no limit.",
    )
    _log: Callable[[str], None] | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Transfers of a run are told in its log."""
        self._log = context.log.info if context.log else None

    @property
    def store(self) -> ArtifactStore:
        """The store on the local disk, with the object store that is configured.

        Raises:
            ObjectStoreError: its location is written otherwise than it should be.
            ArtifactStoreError: the limit is no number.
        """
        folder = Path(self.folder) if self.folder else self.paths.state.artifacts
        location = self.remote or os.environ.get(REMOTE_VARIABLE, "")
        remote = RemoteArtifacts(open_store(location)) if location else None
        report = reporter(self._log)
        return ArtifactStore(folder, remote, report, self._cache_bytes, RecordKeys())

    @property
    def _cache_bytes(self) -> int | None:
        said = os.environ.get(CACHE_VARIABLE, "").strip()
        if self.cache_gb is not None or not said:
            return None if self.cache_gb is None else int(self.cache_gb * 1e9)
        with suppress(ValueError):
            if 0 <= (limit := float(said)) < float("inf"):
                return int(limit * 1e9)
        raise ArtifactStoreError(
            f"{CACHE_VARIABLE} is {said!r}, which is no number of gigabytes.",
            "Set it to a number such as 50, or unset it: then there is no limit.",
        )
