"""The files of an export, whether it lies there as a zip archive or as an unpacked folder.

Nothing is ever unpacked by the name that an archive gives: a member is read into memory, and only
its last name is used for a new file. Archives are still refused when they hold names that climb out
of their folder, links, or more than any export has: such a file is none. Archives inside an archive
are not opened.
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from pipeline.errors import OutpostError
from pipeline.manifests import manifest_of, sha256_of

MAX_FILES = 250_000
"""A task of 100,000 screenshots has as many files and an annotation file."""
MAX_FILE_BYTES = 512 << 20
"""Of an image; none within `MAX_PIXELS` comes near."""
MAX_TEXT_BYTES = 2 << 30
"""Of an annotation file: two million shapes take 600 MB."""
MAX_TOTAL_BYTES = 2 << 40
"""Of all files: 100,000 screenshots of 3840x2160 as PNG take 1 TB."""
MAX_RATIO = 100
"""Of what an archive unpacks to and its own size: images hardly shrink, annotations to a tenth."""
UNSUSPECTED_BYTES = 1 << 30
"""What an archive may unpack to whatever its size."""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
)
"""What Python's zip reader raises for damaged, encrypted or exotic archives and members."""

EXPORT_AGAIN = "Export the task again in CVAT as 'COCO 1.0' with 'Save images' turned on."
COPY_AGAIN = f"Copy the file again; it may be cut off. {EXPORT_AGAIN}"


class ExportError(OutpostError):
    """A CVAT export that cannot be read."""


class ExportFiles(NamedTuple):
    """The files of one export: relative paths with forward slashes, sorted; bytes by path."""

    names: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_export(path: Path) -> Iterator[ExportFiles]:
    """Open an export for reading.

    Raises:
        ExportError: nothing is there, it is neither a zip archive nor a folder, or it is hostile.
    """
    if path.is_dir():
        yield ExportFiles(_names_in_folder(path), lambda name: (path / name).read_bytes())
        return
    if not path.is_file():
        raise ExportError(f"There is no export at {path}.", "Give the path of a zip or a folder.")
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise ExportError(f"{path} is not a readable zip archive ({error}).", COPY_AGAIN) from error

    with archive:
        members = _members(path, archive)

        def read(name: str) -> bytes:
            try:
                return archive.read(members[name])
            except UNREADABLE as error:
                raise ExportError(
                    f"{path}: {name} cannot be unpacked ({error}).", COPY_AGAIN
                ) from error

        yield ExportFiles(tuple(sorted(members)), read)


def digest_of_export(path: Path) -> str:
    """SHA-256 of the archive, or of the folder's manifest.

    Raises:
        ExportError: one of its files is not there any more, or may not be read.
    """
    try:
        return manifest_of(path).digest if path.is_dir() else sha256_of(path)
    except OSError as error:
        raise ExportError(
            f"{error.filename or path} cannot be read: {error.strerror or error}.",
            "Give yourself the right to read it, or export the task again.",
        ) from error


def _names_in_folder(folder: Path) -> tuple[str, ...]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    _check_count(folder, len(files))
    inside = folder.resolve()
    for file in files:
        if file.is_symlink() and not file.resolve().is_relative_to(inside):
            raise ExportError(
                f"{file} is a link that leads out of the export.",
                "Copy the file itself into the folder.",
            )
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    _check_sizes(folder, sizes)
    return tuple(sorted(sizes))


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their path with forward slashes; tools on Windows write others."""
    named = [(member.filename.replace("\\", "/"), member) for member in archive.infolist()]
    named = [(name, member) for name, member in named if not name.endswith("/")]
    members = [member for _, member in named]
    _check_count(path, len(members))
    for member in members:
        _check_member(path, member)
    repeated = [name for name, n in Counter(name for name, _ in named).items() if n > 1]
    if repeated:
        raise ExportError(f"{path} holds {repeated[0]} more than once.", EXPORT_AGAIN)
    sizes = {name: member.file_size for name, member in named}
    _check_sizes(path, sizes)
    total, packed = sum(sizes.values()), path.stat().st_size
    if total > max(UNSUSPECTED_BYTES, MAX_RATIO * packed):
        raise ExportError(
            f"{path} would unpack to {total >> 20} MiB, {total // packed} times its size; an "
            f"export is at most {MAX_RATIO} times as large.",
            "Don't use this file: images do not shrink like that.",
        )
    return dict(named)


def _check_count(path: Path, count: int) -> None:
    if count > MAX_FILES:
        raise ExportError(
            f"{path} holds {count} files; an export has at most {MAX_FILES}.",
            "Give one export by itself, or split the task.",
        )


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    drive = PureWindowsPath(member.filename).drive
    climbs = name.is_absolute() or ".." in name.parts or bool(drive)
    if climbs or stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise ExportError(
            f"{path}: {member.filename} points out of the archive.",
            "Don't use this file: CVAT does not write such names.",
        )


def _check_sizes(path: Path, sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        most = MAX_TEXT_BYTES if name.endswith(".json") else MAX_FILE_BYTES
        if size > most:
            raise ExportError(
                f"{path / name} is {size >> 20} MiB large; at most {most >> 20} MiB are read.",
                "Split the export into smaller tasks.",
            )
    total = sum(sizes.values())
    if total > MAX_TOTAL_BYTES:
        raise ExportError(
            f"{path} holds {total >> 30} GiB; at most {MAX_TOTAL_BYTES >> 30} GiB are read.",
            "Split the export into smaller tasks.",
        )
