"""What one contributor sent, checked anew, as an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record, sha256_of

CONTRIBUTIONS_FILE = "contributions.json"
CropKind = Literal["icon", "text", "screen"]
FOLDERS: Mapping[CropKind, str] = {"icon": "crops", "text": "crops", "screen": "screens"}


class StagedCropsError(OutpostError):
    """Contributions that cannot be read."""


class StagedCrop(Record):
    """An image with the label that its contributor gave; digest and hash are computed here."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the image's file.")
    phash: str = Field(pattern=r"^[0-9a-f]{16}$", description="`classify.hashes` of the runtime.")
    kind: CropKind
    slot: str = Field(description="Of an icon or a text; empty for a screen.")
    name: str = Field(description="The label; of a screen its type.")
    ml_name: str = Field("", description="What was read or recognized before; empty if right.")
    date: date
    width: int = Field(ge=1)
    height: int = Field(ge=1)

    @property
    def file(self) -> str:
        """Where the image lies in the artifact, with a forward slash."""
        return f"{FOLDERS[self.kind]}/{self.sha256}.png"


class Contributions(Record):
    """What `contributions.json` holds."""

    contributor: str = Field(description="The install's random id.")
    crops: tuple[StagedCrop, ...] = Field(description="Sorted by kind, slot and digest.")
    refused: dict[str, int] = Field({}, description="How many items, by reason.")


@dataclass(frozen=True)
class StagedCrops:
    """The artifact of one partition of `staged_crops`.

    contributions.json   what was sent and what was refused
    crops/<sha256>.png   icons and texts
    screens/<sha256>.png whole screens
    """

    folder: Path
    content: Contributions

    @classmethod
    def open(cls, folder: Path) -> StagedCrops:
        """Read what `write` wrote.

        Raises:
            StagedCropsError: the folder holds none, or some of another version.
        """
        return cls(folder, read_json(folder / CONTRIBUTIONS_FILE, Contributions, _damaged))

    @classmethod
    def write(
        cls, folder: Path, content: Contributions, images: Mapping[str, bytes]
    ) -> StagedCrops:
        """Write contributions into a folder that exists.

        Args:
            images: the files of all crops by their digests.

        Raises:
            StagedCropsError: an image is not the one that its digest says.
        """
        for crop in content.crops:
            file = folder / crop.file
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(images[crop.sha256])
            if sha256_of(file) != crop.sha256:
                raise StagedCropsError(
                    f"The bytes of {crop.file} have another digest than its name says.",
                    "Read the contributions again: materialize staged_crops.",
                )
        write_json(folder / CONTRIBUTIONS_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    def image_of(self, crop: StagedCrop) -> Path:
        """Where the image of a crop lies."""
        return self.folder / crop.file


def _damaged(file: Path, why: Exception) -> StagedCropsError:
    return StagedCropsError(
        f"{file} holds no contributions that can be read: {why}",
        "Materialize staged_crops again for this contributor.",
    )
