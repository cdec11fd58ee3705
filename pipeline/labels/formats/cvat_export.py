"""The files of an export, whether it lies there as a zip archive or as an unpacked folder.

Nothing is ever unpacked by the name that an archive gives: a member is read into memory, and only
its last name is used for a new file. Archives are still refused when they hold names that climb out
of their folder, links, or members larger than any screenshot: such a file is no export.
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from pipeline.errors import OutpostError
from pipeline.manifests import manifest_of, sha256_of

MAX_FILES = 100_000
MAX_FILE_BYTES = 512 << 20

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
)
"""What Python's zip reader raises for damaged, encrypted or exotic members."""

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
    except (zipfile.BadZipFile, OSError) as error:
        raise ExportError(f"{path} is not a readable zip archive ({error}).", COPY_AGAIN) from error

    def read(name: str) -> bytes:
        try:
            return archive.read(name)
        except UNREADABLE as error:
            raise ExportError(
                f"{path}: {name} cannot be unpacked ({error}).", COPY_AGAIN
            ) from error

    with archive:
        yield ExportFiles(_names_in_archive(path, archive), read)


def digest_of_export(path: Path) -> str:
    """SHA-256 of the archive, or of the folder's manifest."""
    return manifest_of(path).digest if path.is_dir() else sha256_of(path)


def _names_in_folder(folder: Path) -> tuple[str, ...]:
    files = (file for file in folder.rglob("*") if file.is_file())
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    if len(names) > MAX_FILES:
        raise ExportError(
            f"{folder} holds {len(names)} files; an export has at most {MAX_FILES}.",
            "Give the folder of one export.",
        )
    for name in names:
        _check_size(folder / name, (folder / name).stat().st_size)
    return tuple(names)


def _names_in_archive(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MAX_FILES:
        raise ExportError(
            f"{path} holds {len(members)} files; an export has at most {MAX_FILES}.",
            "Split the export.",
        )
    for member in members:
        _check_member(path, member)
    repeated = [name for name, n in Counter(m.filename for m in members).items() if n > 1]
    if repeated:
        raise ExportError(f"{path} holds {repeated[0]} more than once.", EXPORT_AGAIN)
    return tuple(sorted(member.filename for member in members))


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename)
    drive = PureWindowsPath(member.filename).drive
    climbs = name.is_absolute() or ".." in name.parts or bool(drive)
    if climbs or stat.S_ISLNK(member.external_attr >> 16):
        raise ExportError(
            f"{path}: {member.filename} points out of the archive.",
            "Don't use this file: CVAT does not write such names.",
        )
    _check_size(path / member.filename, member.file_size)


def _check_size(file: Path, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise ExportError(
            f"{file} is {size >> 20} MiB large; at most {MAX_FILE_BYTES >> 20} MiB are read.",
            "Split the export into smaller tasks.",
        )
