"""The publication as an artifact: which version a model got, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record

PUBLICATION_FILE = "publication.json"


class PublicationError(OutpostError):
    """A folder that holds no record of a publication."""


class Publication(Record):
    """What was published, and where."""

    place: str = Field(description="The folder or bucket, without credentials.")
    name: str
    id: str = Field(description="The folder of the version there.")
    version: str = Field(description="As the bundle says.")
    manifest_sha256: str


@dataclass(frozen=True)
class PublishedModel:
    """The artifact of `published_model`.

    publication.json    the version and its place
    """

    folder: Path
    publication: Publication

    @classmethod
    def open(cls, folder: Path) -> PublishedModel:
        """Read what `write` wrote.

        Raises:
            PublicationError: it is missing, damaged, or of another version.
        """
        return cls(folder, read_json(folder / PUBLICATION_FILE, Publication, _damaged))

    @classmethod
    def write(cls, folder: Path, publication: Publication) -> PublishedModel:
        """Write the record into a folder that exists."""
        write_json(folder / PUBLICATION_FILE, publication.model_dump(mode="json"))
        return cls(folder, publication)


def _damaged(file: Path, why: Exception) -> PublicationError:
    return PublicationError(
        f"{file} records no publication: {why}", "Materialize published_model again."
    )
