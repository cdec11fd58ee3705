"""The folder into which CVAT exports are dropped: one export batch per archive or folder."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.labels.formats.cvat_export import digest_of_export
from pipeline.manifests import digest_of
from resources.paths import Paths

RETIRED_FOLDER = ".retired"
"""Below the exports folder, which passes over hidden names."""
FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")


class ExportMissingError(OutpostError):
    """An export batch whose archive is no longer in the folder."""


class NotRestoredError(OutpostError):
    """A retired export that cannot be put back."""


@dataclass(frozen=True)
class DroppedExport:
    """One export as it lies in the folder."""

    batch: str
    path: Path

    def digest(self) -> str:
        """SHA-256 of the archive, or of the folder's manifest."""
        return digest_of_export(self.path)

    @property
    def stamp(self) -> str:
        """Changes when any of its files is replaced, or one comes or goes; cheap, for polling.

        Two equal stamps some time apart say that nobody is copying into it any more.
        """
        return digest_of([self.path.name, *sorted(_stamps(self.path))])[:16]

    @property
    def has_arrived(self) -> bool:
        """Whether it can be an export: an archive has its directory at its end, a folder names
        its annotations."""
        if self.path.is_dir():
            return any((self.path / "annotations").glob("instances_*.json"))
        return zipfile.is_zipfile(self.path)


@dataclass(frozen=True)
class PassedOver:
    """An export that is not read, because another one has its batch name."""

    batch: str
    path: Path
    chosen: Path
    """The export that is read instead."""

    def __str__(self) -> str:
        return (
            f"{self.path.name} is passed over, because {self.chosen.name} is the batch "
            f"'{self.batch}' too: rename it if it is another export, else remove it."
        )


class ExportsFolder(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where a game's CVAT exports are dropped."""

    paths: Paths
    folder: str = Field(
        default="",
        description="Empty: exports/<game> in the state folder. Drop CVAT COCO 1.0 zips there.",
    )

    def path(self, game: str) -> Path:
        """The folder, which need not exist yet."""
        return Path(self.folder) if self.folder else self.paths.state.exports(game)

    def exports(self, game: str) -> tuple[DroppedExport, ...]:
        """What lies there, by batch name, each of which comes once.

        An archive goes before a folder of the same batch name (its unpacked self), else the first
        by file name. Hidden and temporary files don't count.
        """
        chosen: dict[str, DroppedExport] = {}
        for export in self._found(game):
            chosen.setdefault(export.batch, export)
        return tuple(chosen[batch] for batch in sorted(chosen))

    def passed_over(self, game: str) -> tuple[PassedOver, ...]:
        """What lies there and is not read, because another export has its batch name."""
        chosen = {export.batch: export.path for export in self.exports(game)}
        return tuple(
            PassedOver(export.batch, export.path, chosen[export.batch])
            for export in self._found(game)
            if export.path != chosen[export.batch]
        )

    def export(self, game: str, batch: str) -> DroppedExport:
        """One export by its batch name.

        Raises:
            ExportMissingError: it is not there.
        """
        for export in self.exports(game):
            if export.batch == batch:
                return export
        raise ExportMissingError(
            f"The export batch '{batch}' is not in {self.path(game)}.",
            f"Put {batch}.zip back into that folder, or take the batch out of all that follows "
            f"with `outpost batches retire {batch} --game {game}`.",
        )

    def retired(self, game: str) -> tuple[DroppedExport, ...]:
        """Exports that were taken out and may be put back, by batch name and then by time."""
        found = [e for folder in self._retired_folders(game) for e in _exports_in(folder)]
        return tuple(sorted(found, key=lambda export: export.batch))

    def retire(self, game: str, batch: str) -> None:
        """Move whatever is an export of that batch out of the way; it may be none."""
        away = self.path(game) / RETIRED_FOLDER
        for export in [one for one in self._found(game) if one.batch == batch]:
            # In a folder of its own: an export of that name may have been retired before.
            numbers = (int(each.name) for each in self._retired_folders(game))
            folder = away / str(max(numbers, default=0) + 1)
            folder.mkdir(parents=True)
            export.path.rename(folder / export.path.name)

    def restore(self, game: str, batch: str) -> None:
        """Put a retired export back.

        Raises:
            NotRestoredError: there is none of that batch, or another export has its place.
        """
        retired = [export for export in self.retired(game) if export.batch == batch]
        if not retired:
            raise NotRestoredError(
                f"No export of a batch '{batch}' was retired.",
                f"`outpost batches list --game {game}` shows those that were.",
            )
        taken = [export.path.name for export in self._found(game) if export.batch == batch]
        if taken:
            raise NotRestoredError(
                f"{taken[0]} is the batch '{batch}' now.",
                "Rename or retire that one first.",
            )
        newest = retired[-1].path
        newest.rename(self.path(game) / newest.name)
        # What file managers put beside it, such as .DS_Store, may stay.
        with suppress(OSError):
            newest.parent.rmdir()

    def _retired_folders(self, game: str) -> list[Path]:
        """Those of retired exports, from the first to the last."""
        away = self.path(game) / RETIRED_FOLDER
        entries = away.iterdir() if away.is_dir() else ()
        return sorted(
            (each for each in entries if each.name.isdecimal()), key=lambda each: int(each.name)
        )

    def _found(self, game: str) -> list[DroppedExport]:
        """Every export, archives first, then by file name."""
        found = _exports_in(self.path(game))
        return sorted(found, key=lambda one: (one.path.is_dir(), one.path.name))


def _exports_in(folder: Path) -> list[DroppedExport]:
    entries = folder.iterdir() if folder.is_dir() else ()
    return [
        DroppedExport(batch_name(path), path)
        for path in entries
        if (path.is_dir() or path.suffix.lower() == ".zip") and not path.name.startswith(".")
    ]


def batch_name(path: Path) -> str:
    """The batch of an export: its name, without an archive's suffix, safe as a partition and a
    folder."""
    name = path.name if path.is_dir() else path.stem
    return FORBIDDEN.sub("_", name)


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
