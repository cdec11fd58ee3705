"""Boxes that a model found in the frames of an annotation batch, for people to correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import Field, model_validator

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco_writer import write_coco
from pipeline.labels.formats.written_images import LabelledImage
from pipeline.labels.formats.yolo_writer import images_of_one_label_file, write_yolo
from pipeline.manifests import Record
from pipeline.provenance import ArtifactVersion

PRELABELS_FILE = "prelabels.json"
COCO_FILE = "coco.zip"
YOLO_FILE = "yolo.zip"


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
    boxes: tuple[Prelabel, ...] = Field((), description="The surest first.")
    pixels_sha256: str = Field("", description="Of its size and its upright pixels.")

    @model_validator(mode="before")
    @classmethod
    def _without_a_second_digest(cls, value: Any) -> Any:
        """Prelabels of before tell the digest of the upright file as well."""
        if isinstance(value, dict) and "stored_sha256" in value:
            return {key: told for key, told in value.items() if key != "stored_sha256"}
        return value


class PrelabelledFrames(Record):
    """What `prelabels.json` holds."""

    class_names: tuple[str, ...] = Field(description="Of the game, in its order.")
    model: str = Field(description="What found the boxes, for people.")
    frames: tuple[PrelabelledFrame, ...] = Field(description="Sorted by name, blind ones included.")
    left_out_classes: tuple[str, ...] = Field(
        (), description="Of the model that the game lacks, or of the game that it cannot find."
    )
    batch: ArtifactVersion | None = Field(None, description="The frames; None if not known.")

    @property
    def shown(self) -> tuple[PrelabelledFrame, ...]:
        """The frames whose boxes go out."""
        return tuple(frame for frame in self.frames if not frame.blind)

    def per_class(self, *, blind: bool) -> Mapping[str, int]:
        """Boxes of every class, those without any included, in the blind frames or the others."""
        frames = [frame for frame in self.frames if frame.blind is blind]
        counts = Counter(found.class_name for frame in frames for found in frame.boxes)
        return {name: counts[name] for name in self.class_names}

    @property
    def sharing_a_label_file(self) -> tuple[str, ...]:
        """Frames that differ by suffix alone, for which the YOLO layout has no room."""
        return images_of_one_label_file(_labelled(self))


@dataclass(frozen=True)
class Prelabels:
    """The artifact of `prelabels`.

    prelabels.json      every box, those of blind frames included
    coco.zip            those of the other frames as COCO 1.0, to import into CVAT
    yolo.zip            the same as YOLO 1.1; left out where frames would share a label file
    """

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
        """Write them into a folder that exists.

        Raises:
            LabelWriteError: a box is of no class or outside its frame, or a name is no path.
        """
        images = _labelled(content)
        write_coco(folder / COCO_FILE, images, content.class_names)
        if not content.sharing_a_label_file:
            write_yolo(folder / YOLO_FILE, images, content.class_names)
        write_json(folder / PRELABELS_FILE, content.model_dump(mode="json"))
        return cls(folder, content)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like prelabels; `open` says whether it holds some."""
        return (folder / PRELABELS_FILE).is_file()

    @property
    def coco(self) -> Path:
        """The archive for CVAT."""
        return self.folder / COCO_FILE


def pixel_digest(image: Image.Image) -> str:
    """SHA-256 of an RGB image's size and pixels: the same however its file is packed."""
    digest = sha256(f"{image.width}x{image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _labelled(content: PrelabelledFrames) -> tuple[LabelledImage, ...]:
    ids = {name: number for number, name in enumerate(content.class_names)}
    return tuple(
        LabelledImage(
            path=frame.name,
            width=frame.width,
            height=frame.height,
            boxes=tuple(LabelledBox(ids.get(one.class_name, -1), one.box) for one in frame.boxes),
            scores=tuple(one.score for one in frame.boxes),
        )
        for frame in content.shown
    )


def _damaged(file: Path, why: Exception) -> PrelabelError:
    return PrelabelError(
        f"{file} does not belong to whole prelabels: {why}", "Materialize prelabels again."
    )
