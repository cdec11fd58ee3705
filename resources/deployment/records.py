"""What was deployed where from this state folder: a file for each place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from resources.deployment.targets import TargetSettings


class DeploymentRecordError(OutpostError):
    """A record of a deployment that cannot be read."""


class DeploymentRecord(BaseModel):
    """The last deployment to a place.

    Attributes:
        name: of the target when it was deployed to.
        origin: where the bundle came from: an artifact, a published version, a path.
        version, model: as the target names them.
        files: SHA-256 by name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    settings: TargetSettings
    origin: str
    version: str
    model: str
    files: dict[str, str]
    at: AwareDatetime
    by: str


@dataclass(frozen=True)
class DeploymentRecords:
    """The records in a folder."""

    folder: Path

    def lock_file(self, settings: TargetSettings) -> Path:
        """Held while something is deployed to a place from here."""
        return self.folder / f"{settings.key}.lock"

    def write(self, record: DeploymentRecord) -> None:
        """Replace the record of a place.

        Raises:
            OSError: it cannot be written.
        """
        with replacing(self._file(record.settings)) as file:
            write_json(file, record.model_dump(mode="json"))

    def all(self) -> tuple[DeploymentRecord, ...]:
        """The record of each place, in their order.

        Raises:
            DeploymentRecordError: one is damaged.
        """
        read = sorted(self._read(), key=lambda found: found[1].at)
        latest = {record.settings.key: record for _, record in read}
        return tuple(latest[key] for key in sorted(latest))

    def forget(self, settings: TargetSettings) -> bool:
        """Remove the record of a place; whether there was one. Nothing is done at the place.

        Raises:
            DeploymentRecordError: one is damaged.
        """
        files = [file for file, record in self._read() if record.settings.key == settings.key]
        for file in files:
            file.unlink(missing_ok=True)
        return bool(files)

    def _read(self) -> tuple[tuple[Path, DeploymentRecord], ...]:
        """All files. Of a place that has several spellings, earlier versions wrote several."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        return tuple((file, read_json(file, DeploymentRecord, _damaged)) for file in files)

    def _file(self, settings: TargetSettings) -> Path:
        return self.folder / f"{settings.key}.json"


def _damaged(file: Path, why: Exception) -> DeploymentRecordError:
    problem = str(why).splitlines()[0] if isinstance(why, ValidationError) else str(why)
    return DeploymentRecordError(
        f"{file} is no record of a deployment: {problem}",
        "Remove it, and deploy to that target again.",
    )
