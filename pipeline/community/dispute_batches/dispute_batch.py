"""Images whose label a person is asked for, as an artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.community.staged_crops import CropKind
from pipeline.community.voted_crops import VoteStatus
from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.links import link_file
from pipeline.manifests import Record

BATCH_FILE = "disputed_crops.json"
IMAGES_FOLDER = "images"


class DisputeBatchError(OutpostError):
    """A batch of disputed images that cannot be read or made."""


class DisputedCrop(Record):
    """A group of near duplicates that is not settled; its first image is shown."""

    image: str = Field(description="File name in `images/`; their order is that of the batch.")
    members: tuple[str, ...] = Field(min_length=1, description="Digests; first of the one shown.")
    kind: CropKind
    slot: str = Field(description="As of `voted_crops`; empty for screens.")
    status: VoteStatus
    label: str = Field(description="What the votes come to so far.")
    names: tuple[str, ...] = Field(
        min_length=1, description="In dispute: the label, what else was said, the model's opinion."
    )
    votes: dict[str, int] = Field(description="How many gave each name, of those in dispute.")
    alike: dict[str, int] = Field({}, description="Of a screen: what those like it are called.")
    model: str = Field("", description="What the classifier in use takes it for; empty without.")

    @property
    def sha256(self) -> str:
        """Of the image that is shown."""
        return self.members[0]

    @property
    def told(self) -> tuple[str, ...]:
        """What is known of it, a line for each, the most votes first."""
        alike = (f"alike: {count} {name}" for name, count in _commonest(self.alike))
        model = [f"model: {self.model}"] if self.model else []
        return (*(f"{count}: {name}" for name, count in _commonest(self.votes)), *alike, *model)


class DisputeBatchContent(Record):
    """What `disputed_crops.json` holds."""

    crops: tuple[DisputedCrop, ...] = Field(description="Those first whose decision is worth most.")
    waiting: int = Field(ge=0, description="Groups that are not settled and in no batch yet.")


@dataclass(frozen=True)
class DisputeBatch:
    """The artifact of one partition of `disputed_crops`.

    disputed_crops.json  what is asked
    images/<image>       the images, PNG
    """

    folder: Path
    content: DisputeBatchContent

    @classmethod
    def open(cls, folder: Path) -> DisputeBatch:
        """Read what `write` wrote.

        Raises:
            DisputeBatchError: the folder holds none, or one of another version.
        """
        return cls(folder, read_json(folder / BATCH_FILE, DisputeBatchContent, _damaged))

    @classmethod
    def write(
        cls, folder: Path, content: DisputeBatchContent, images: Mapping[str, Path]
    ) -> DisputeBatch:
        """Write a batch into a folder that exists; images are linked.

        Args:
            images: the file of each shown image by its digest.
        """
        (folder / IMAGES_FOLDER).mkdir()
        for crop in content.crops:
            link_file(images[crop.sha256], folder / IMAGES_FOLDER / crop.image)
        write_json(folder / BATCH_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    @property
    def crops(self) -> Sequence[DisputedCrop]:
        return self.content.crops

    @property
    def digests(self) -> frozenset[str]:
        """Of all images of all of its groups."""
        return frozenset(digest for crop in self.crops for digest in crop.members)

    @property
    def names(self) -> tuple[str, ...]:
        """All that are in dispute, sorted."""
        return tuple(sorted({name for crop in self.crops for name in crop.names}))

    def image_of(self, crop: DisputedCrop) -> Path:
        """Where the image of a crop lies."""
        return self.folder / IMAGES_FOLDER / crop.image


def _commonest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _damaged(file: Path, why: Exception) -> DisputeBatchError:
    return DisputeBatchError(
        f"{file} holds no disputed images that can be read: {why}",
        "Materialize disputed_crops again.",
    )
