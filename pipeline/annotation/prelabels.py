"""Boxes that a model found in the frames of an annotation batch, for people to correct."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.labels.boxes import Box
from pipeline.manifests import Record

PRELABELS_FILE = "prelabels.json"


class PrelabelError(OutpostError):
    """Boxes to correct that cannot be made, written or read."""


class Prelabel(Record):
    """A box that a model found."""

    class_name: str
    box: Box = Field(description="Pixels of the frame.")
    score: float = Field(ge=0, le=1, description="How sure the model was.")


class PrelabelledFrame(Record):
    """What a model found in one frame; of a blind one nothing goes out."""

    name: str = Field(description="As in the annotation batch.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the image's file.")
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    blind: bool = Field(False, description="People label it without seeing these boxes.")
    boxes: tuple[Prelabel, ...] = ()


class PrelabelledFrames(Record):
    """What `prelabels.json` holds."""

    class_names: tuple[str, ...] = Field(description="Of the game, in its order.")
    model: str = Field(description="What found the boxes, for people.")
    frames: tuple[PrelabelledFrame, ...] = Field(description="Sorted by name, blind ones included.")


@dataclass(frozen=True)
class Prelabels:
    """The artifact of `prelabels`."""

    folder: Path
    content: PrelabelledFrames

    @classmethod
    def open(cls, folder: Path) -> Prelabels:
        """Read what `write` wrote.

        Raises:
            PrelabelError: the folder holds none, or some of another version.
        """
        return cls(folder, read_json(folder / PRELABELS_FILE, PrelabelledFrames, _damaged))

    @classmethod
    def write(cls, folder: Path, content: PrelabelledFrames) -> Prelabels:
        """Write them into a folder that exists."""
        write_json(folder / PRELABELS_FILE, content.model_dump(mode="json"))
        return cls(folder, content)


def _damaged(file: Path, why: Exception) -> PrelabelError:
    return PrelabelError(
        f"{file} does not belong to whole prelabels: {why}", "Materialize prelabels again."
    )
