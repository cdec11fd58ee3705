"""The folder into which CVAT exports are dropped: one export batch per archive or folder."""

import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.labels.export_files import digest_of_export
from resources.state import StateFolder

FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")


class ExportMissingError(OutpostError):
    """An export batch whose archive is no longer in the folder."""


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
        """Changes when the export is replaced; cheap, for polling."""
        status = self.path.stat()
        text = f"{self.path.name}|{status.st_size}|{status.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def has_arrived(self) -> bool:
        """Whether the copy is finished: an archive has its directory at its end."""
        if self.path.is_dir():
            return any((self.path / "annotations").glob("instances_*.json"))
        return zipfile.is_zipfile(self.path)


class ExportsFolder(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where a game's CVAT exports are dropped."""

    folder: str = Field(
        default="",
        description="Empty: exports/<game> in the state folder. Drop CVAT COCO 1.0 zips there.",
    )

    def path(self, game: str) -> Path:
        """The folder, which need not exist yet."""
        return Path(self.folder) if self.folder else StateFolder.from_environment().exports(game)

    def exports(self, game: str) -> tuple[DroppedExport, ...]:
        """What lies there, by batch name; hidden and temporary files are passed over."""
        folder = self.path(game)
        if not folder.is_dir():
            return ()
        found = (
            DroppedExport(batch_name(path), path)
            for path in sorted(folder.iterdir())
            if (path.is_dir() or path.suffix == ".zip") and not path.name.startswith(".")
        )
        return tuple(found)

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
            f"Put {batch}.zip back into that folder, or delete the partition '{batch}'.",
        )


def batch_name(path: Path) -> str:
    """The batch of an archive: its name without suffix, safe as a partition and a folder."""
    name = path.name.removesuffix(".zip") if path.is_file() else path.name
    return FORBIDDEN.sub("_", name)
