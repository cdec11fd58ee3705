"""The folder into which CVAT exports are dropped: one export batch per archive or folder."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.labels.formats.annotation_files import may_be_export
from pipeline.labels.formats.cvat_export import ExportError, digest_of_export
from pipeline.manifests import digest_of
from pipeline.progress import Report, silent
from resources.exports.base import ExportSourceError, batch_name

RETIRED_FOLDER = ".retired"
"""Below the exports folder, which passes over hidden names."""


@dataclass(frozen=True)
class DroppedExport:
    """One export as it lies in a folder."""

    path: Path

    @property
    def batch(self) -> str:
        """See `Export.batch`; a folder may have a dot in its name."""
        return batch_name(f"{self.name}.zip" if self.path.is_dir() else self.name)

    @property
    def name(self) -> str:
        """See `Export.name`."""
        return self.path.name

    @property
    def place(self) -> str:
        """See `Export.place`."""
        return str(self.path)

    @property
    def is_here(self) -> bool:
        """See `Export.is_here`."""
        return True

    @property
    def is_known_by_name(self) -> bool:
        """See `Export.is_known_by_name`: a file may be replaced by another one."""
        return False

    @property
    def stamp(self) -> str:
        """Changes when any of its files is replaced, or one comes or goes; cheap, for polling.

        Two equal stamps some time apart say that nobody is copying into it any more. It changes,
        too, when somebody gets the right to read it.
        """
        right = [] if self._may_be_read else ["not readable"]
        return digest_of([self.path.name, *right, *sorted(_stamps(self.path))])[:16]

    @property
    def has_arrived(self) -> bool:
        """Whether it can be an export: an archive has its directory at its end, a folder has
        annotations, at whatever depth: who unpacks an archive often gets a folder in a folder.
        One that may not be read can be; reading it then says what is wrong."""
        if not self._may_be_read:
            return True
        if self.path.is_dir():
            return may_be_export(
                file.relative_to(self.path).as_posix() for file in self.path.rglob("*")
            )
        return zipfile.is_zipfile(self.path)

    def fetch(self, report: Report = silent) -> Path:
        """See `Export.fetch`: it is here."""
        del report
        return self.path

    def differs_from(self, sha256: str) -> bool:
        """See `Export.differs_from`; what cannot be read any more counts as another one."""
        try:
            return digest_of_export(self.path) != sha256
        except ExportError:
            return True

    @property
    def _may_be_read(self) -> bool:
        return os.access(self.path, os.R_OK)


@dataclass(frozen=True)
class ExportsFolder:
    """A folder as a source of exports. It need not exist yet, unless somebody named it.

    Attributes:
        required: whether it is an error that the folder is not there: a disk or a network drive
            may be away.
    """

    path: Path
    required: bool = False
    name: str = "folder"

    @property
    def place(self) -> str:
        """See `ExportSource.place`."""
        return str(self.path)

    def found(self) -> list[DroppedExport]:
        """Every export, archives first (a folder may be one unpacked), then by file name.

        Hidden and temporary files don't count.

        Raises:
            ExportSourceError: the folder cannot be read, or is required and not there.
        """
        if self.required and not self.path.is_dir():
            raise ExportSourceError(
                f"There is no exports folder {self.path}.",
                "Connect the disk or network drive that it is on, or make the folder.",
            )
        with self._explained("read"):
            return sorted(_exports_in(self.path), key=lambda one: (one.path.is_dir(), one.name))

    def retired(self) -> list[DroppedExport]:
        """Exports that were taken out and may be put back, by batch name and then by time.

        Raises:
            ExportSourceError: the folder cannot be read.
        """
        with self._explained("read"):
            found = [e for folder in self._retired_folders() for e in _exports_in(folder)]
        return sorted(found, key=lambda export: export.batch)

    def retire(self, batch: str) -> None:
        """Move whatever is an export of that batch out of the way; it may be none.

        Raises:
            ExportSourceError: the folder cannot be read or changed.
        """
        away = self.path / RETIRED_FOLDER
        for export in [one for one in self.found() if one.batch == batch]:
            with self._explained("changed"):
                # In a folder of its own: an export of that name may have been retired before.
                numbers = (int(each.name) for each in self._retired_folders())
                folder = away / str(max(numbers, default=0) + 1)
                folder.mkdir(parents=True)
                export.path.rename(folder / export.name)

    def restore(self, batch: str) -> None:
        """Put the export of that batch back that was retired last.

        Raises:
            ExportSourceError: as `retire`.
        """
        newest = [export for export in self.retired() if export.batch == batch][-1].path
        with self._explained("changed"):
            newest.rename(self.path / newest.name)
        # What file managers put beside it, such as .DS_Store, may stay.
        with suppress(OSError):
            newest.parent.rmdir()

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExportSourceError(
                f"The exports folder {self.path} cannot be {done}: {error.strerror or error}.",
                "Give yourself the right to read and write it, or connect the disk that it is on.",
            ) from error

    def _retired_folders(self) -> list[Path]:
        """Those of retired exports, from the first to the last."""
        away = self.path / RETIRED_FOLDER
        entries = away.iterdir() if away.is_dir() else ()
        return sorted(
            (each for each in entries if each.name.isdecimal()), key=lambda each: int(each.name)
        )


def _exports_in(folder: Path) -> list[DroppedExport]:
    entries = folder.iterdir() if folder.is_dir() else ()
    return [
        DroppedExport(path)
        for path in entries
        if (path.is_dir() or path.suffix.lower() == ".zip") and not path.name.startswith(".")
    ]


def _stamps(path: Path) -> Iterator[list[str | int]]:
    """Path, size and time of an archive, or of every file below a folder.

    A file that goes while it is looked at (a copier's temporary one) is left out.
    """
    files = path.rglob("*") if path.is_dir() else (path,)
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        if not file.is_dir():
            yield [file.relative_to(path).as_posix(), status.st_size, status.st_mtime_ns]
