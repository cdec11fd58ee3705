"""What is believed of all contributions, as an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.community.staged_crops import FOLDERS, CropKind
from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.links import link_file
from pipeline.manifests import Record

VOTES_FILE = "votes.json"
VoteStatus = Literal["accepted", "tentative", "disputed"]
"""Enough agreeing votes; too few to tell; enough, but they contradict each other."""


class VotedCropsError(OutpostError):
    """Votes that cannot be read."""


class CropMember(Record):
    """One image of a group of near duplicates."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    phash: str = Field(pattern=r"^[0-9a-f]{16}$")
    contributors: tuple[str, ...] = Field(description="Those who sent exactly this image, sorted.")


class VotedCrop(Record):
    """A group of near duplicates with the label that the votes on it come to."""

    kind: CropKind
    slot: str = Field(description="The one that most votes name; empty for screens.")
    label: str
    status: VoteStatus
    confidence: float = Field(ge=0.0, le=1.0, description="Probability that the label is right.")
    votes: dict[str, tuple[str, ...]] = Field(description="Contributors by the label they gave.")
    members: tuple[CropMember, ...] = Field(
        min_length=1, description="The most typical image first, then by digest."
    )
    similar: dict[str, tuple[str, ...]] = Field(
        {},
        description="Of a screen: contributors who have not sent it, by what they call the one of "
        "theirs that is most like it.",
    )
    decided: bool = Field(False, description="Whether a maintainer has decided the label.")
    opinion: str = Field("", description="What the model in use takes it for; empty without one.")

    @property
    def contributors(self) -> frozenset[str]:
        """All who sent one of its images."""
        return frozenset(who for member in self.members for who in member.contributors)

    @property
    def images(self) -> tuple[str, ...]:
        """Where its images lie in the artifact, the most typical one first."""
        return tuple(f"{FOLDERS[self.kind]}/{member.sha256}.png" for member in self.members)


class Votes(Record):
    """What `votes.json` holds."""

    crops: tuple[VotedCrop, ...] = Field(description="Sorted by kind, label and first digest.")
    reliability: dict[str, float] = Field(
        {}, description="By contributor: the estimated share of right labels, 0 to 1."
    )


@dataclass(frozen=True)
class VotedCrops:
    """The artifact of `voted_crops`.

    votes.json           every group with its votes and label
    crops/<sha256>.png   icons
    screens/<sha256>.png whole screens
    """

    folder: Path
    content: Votes

    @classmethod
    def open(cls, folder: Path) -> VotedCrops:
        """Read what `write` wrote.

        Raises:
            VotedCropsError: the folder holds none, or some of another version.
        """
        return cls(folder, read_json(folder / VOTES_FILE, Votes, _damaged))

    @classmethod
    def write(cls, folder: Path, content: Votes, images: Mapping[str, Path]) -> VotedCrops:
        """Write votes into a folder that exists; images are linked.

        Args:
            images: the file of every member by its digest.
        """
        for crop in content.crops:
            for member, place in zip(crop.members, crop.images, strict=True):
                target = folder / place
                target.parent.mkdir(exist_ok=True)
                link_file(images[member.sha256], target)
        write_json(folder / VOTES_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    def accepted(self, kind: CropKind) -> tuple[VotedCrop, ...]:
        """Groups of a kind whose label is believed."""
        return tuple(
            crop for crop in self.content.crops if (crop.kind, crop.status) == (kind, "accepted")
        )


def _damaged(file: Path, why: Exception) -> VotedCropsError:
    return VotedCropsError(
        f"{file} holds no votes that can be read: {why}", "Materialize voted_crops again."
    )
