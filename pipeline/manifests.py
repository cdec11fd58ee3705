"""Digests and manifests of directories: the identity of every artifact.

A manifest lists each file's relative path, size and SHA-256, sorted by path. Its digest depends on
nothing else: not on the machine, the time, the order of writing or the file system's attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of what artifacts keep as JSON: read-only, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Record):
    """One file of a directory."""

    path: str = Field(description="Path relative to the directory, with forward slashes.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(Record):
    """Every file of a directory, sorted by path."""

    files: tuple[FileEntry, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the entries, as 64 hexadecimal digits."""
        return digest_of([entry.model_dump() for entry in self.files])

    @property
    def total_bytes(self) -> int:
        return sum(entry.size for entry in self.files)


class FileProblem(Record):
    """A file that is not what the manifest says."""

    path: str
    problem: str


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, read in chunks."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def manifest_of(directory: Path) -> Manifest:
    """Hash every regular file below `directory`."""
    return manifest_from(entry_of(file, directory) for file in files_below(directory))


def manifest_from(entries: Iterable[FileEntry]) -> Manifest:
    """The manifest of files in whatever order."""
    return Manifest(files=tuple(sorted(entries, key=lambda entry: entry.path)))


def entry_of(file: Path, directory: Path) -> FileEntry:
    """Hash one file of a directory."""
    path = file.relative_to(directory).as_posix()
    return FileEntry(path=path, size=file.stat().st_size, sha256=sha256_of(file))


def joined(manifests: Iterable[Manifest]) -> Manifest:
    """The manifest of a directory that holds the files of several others, none of them twice."""
    return manifest_from(entry for manifest in manifests for entry in manifest.files)


def first_difference(recorded: Manifest, found: Manifest) -> str | None:
    """The first file, by path, in which a directory is not what was recorded; None if it is."""
    before, after = ({entry.path: entry for entry in one.files} for one in (recorded, found))
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None:
            return f"{path} was not there"
        if new is None:
            return f"{path} is missing"
        if old != new:
            return f"{path} has sha256 {new.sha256[:12]} instead of {old.sha256[:12]}"
    return None


def problems_in(directory: Path, manifest: Manifest) -> tuple[FileProblem, ...]:
    """Compare a directory with its manifest, byte by byte: changed, missing and extra files."""
    known = {entry.path for entry in manifest.files}
    extra = (
        FileProblem(path=path, problem="is not part of the artifact")
        for file in files_below(directory)
        if (path := file.relative_to(directory).as_posix()) not in known
    )
    changed = (
        FileProblem(path=entry.path, problem=problem)
        for entry in manifest.files
        if (problem := _problem_of(directory / entry.path, entry)) is not None
    )
    return (*changed, *extra)


def _problem_of(file: Path, entry: FileEntry) -> str | None:
    if not file.is_file():
        return "is missing"
    size = file.stat().st_size
    if size != entry.size:
        return f"has {size} bytes instead of {entry.size}"
    if sha256_of(file) != entry.sha256:
        return "has other bytes than when it was made"
    return None


def files_below(directory: Path) -> Iterator[Path]:
    """Every regular file, in no order."""
    return (file for file in directory.rglob("*") if file.is_file())
