"""Exports of a source that is elsewhere: copies that were brought here, and what was retired."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.labels.portable_names import portable_paths
from pipeline.manifests import Record, sha256_of
from pipeline.progress import Report, silent
from resources.exports.base import ExportSourceError, batch_name

RETIRED_FILE = "retired.json"
RECORD_SUFFIX = ".fetched.json"
ABANDONED_SECONDS = 24 * 3600.0
"""After so long a neighbour that a killed process left is removed."""

Download = Callable[[Path, Report], None]
"""Writes the export into a file that is not there yet; an `OutpostError` says why not."""


class FetchedCopy(Record):
    """What is known of a copy."""

    stamp: str
    """Of the export when it was fetched."""
    sha256: str


class RetiredExport(Record):
    """An export that is passed over, until another one comes under its name."""

    name: str
    stamp: str

    @property
    def batch(self) -> str:
        """The export batch that it was."""
        return batch_name(self.name)


@dataclass(frozen=True)
class FetchedExports:
    """The folder of one source's copies, each with a record beside it."""

    folder: Path

    def copy_of(self, name: str) -> Path:
        """Where the copy of an export lies, once it is fetched."""
        return self.folder / portable_paths([name.replace("/", "_")])[0]

    def record_of(self, name: str) -> FetchedCopy | None:
        """What is known of a whole copy; None where there is none."""
        copy = self.copy_of(name)
        if not copy.is_file():
            return None
        try:
            return read_json(_record_file(copy), FetchedCopy, _damaged)
        except ExportSourceError:
            return None

    def names(self) -> Iterator[str]:
        """Names of the whole copies, sorted."""
        for record in sorted(self.folder.glob(f"*{RECORD_SUFFIX}")):
            name = record.name.removesuffix(RECORD_SUFFIX)
            if self.record_of(name) is not None:
                yield name

    def fetch(self, name: str, stamp: str, download: Download, report: Report) -> Path:
        """The copy of an export, fetched unless that has been done.

        Raises:
            ExportSourceError: there is no room for it, or the folder cannot be written.
            OutpostError: what the download raised.
        """
        copy, record = self.copy_of(name), self.record_of(name)
        if record is not None and record.stamp == stamp:
            return copy
        try:
            with replacing(copy) as neighbour:
                self._remove_abandoned()
                download(neighbour, report)
                sha256 = sha256_of(neighbour)
                # Never one export's file beside another one's record.
                _record_file(copy).unlink(missing_ok=True)
            with replacing(_record_file(copy)) as neighbour:
                write_json(neighbour, FetchedCopy(stamp=stamp, sha256=sha256).model_dump())
        except OSError as error:
            raise ExportSourceError(
                f"{name} could not be brought to {self.folder}: {error.strerror or error}.",
                "Make room on that disk, or give yourself the right to write there, and try again.",
            ) from error
        return copy

    def retired(self) -> tuple[RetiredExport, ...]:
        """What is passed over, in the order in which it was retired."""
        file = self.folder / RETIRED_FILE
        if not file.is_file():
            return ()
        return read_json(file, tuple[RetiredExport, ...], _damaged)

    def retire(self, exports: Iterator[RemoteExport]) -> None:
        """Pass these over too; it may be none."""
        found = [RetiredExport(name=one.name, stamp=one.stamp) for one in exports]
        if found:
            self._keep((*self.retired(), *found))

    def restore(self, batch: str) -> None:
        """Pass the one of a batch over no longer that was retired last."""
        kept = list(self.retired())
        kept.remove([one for one in kept if one.batch == batch][-1])
        self._keep(tuple(kept))

    def _keep(self, retired: tuple[RetiredExport, ...]) -> None:
        with replacing(self.folder / RETIRED_FILE) as neighbour:
            write_json(neighbour, [one.model_dump() for one in retired])

    def _remove_abandoned(self) -> None:
        for file in self.folder.glob(".*.tmp"):
            if time.time() - file.stat().st_mtime > ABANDONED_SECONDS:
                file.unlink(missing_ok=True)


@dataclass(frozen=True)
class RemoteExport:
    """One export that a server holds; see `Export`.

    Attributes:
        is_known_by_name: see `Export.is_known_by_name`.
    """

    name: str
    place: str
    stamp: str
    has_arrived: bool
    copies: FetchedExports
    download: Download
    is_known_by_name: bool = False

    @property
    def is_here(self) -> bool:
        """See `Export.is_here`."""
        record = self.copies.record_of(self.name)
        return record is not None and record.stamp == self.stamp

    @property
    def batch(self) -> str:
        """See `Export.batch`."""
        return batch_name(self.name)

    def fetch(self, report: Report = silent) -> Path:
        """See `Export.fetch`."""
        try:
            return self.copies.fetch(self.name, self.stamp, self.download, report)
        except ExportSourceError:
            raise
        except OutpostError as error:
            raise ExportSourceError(
                f"{self.place} could not be fetched: {error.problem}", error.fix
            ) from error

    def differs_from(self, sha256: str) -> bool:
        """See `Export.differs_from`; what was fetched at another time counts as another one."""
        record = self.copies.record_of(self.name)
        return record is None or record.stamp != self.stamp or record.sha256 != sha256


def not_retired(
    found: Iterator[RemoteExport], retired: tuple[RetiredExport, ...]
) -> list[RemoteExport]:
    """Those that nobody has retired: one that was replaced since is another one."""
    gone = {(one.name, one.stamp) for one in retired}
    return [export for export in found if (export.name, export.stamp) not in gone]


def _record_file(copy: Path) -> Path:
    return copy.with_name(f"{copy.name}{RECORD_SUFFIX}")


def _damaged(file: Path, why: Exception) -> ExportSourceError:
    return ExportSourceError(f"{file} cannot be read: {why}", "Restore the file, or delete it.")
