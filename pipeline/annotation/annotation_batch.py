"""The frames that are to be labelled next, each with the reasons for which it was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.labels.boxes import Box
from pipeline.manifests import Record

IMAGES_FOLDER = "images"
FRAMES_FILE = "frames.json"
SUMMARY_FILE = "summary.json"


class AnnotationBatchError(OutpostError):
    """A batch of frames to label that cannot be chosen, written or read."""


class Reason(Record):
    """Why a frame was chosen."""

    kind: str = Field(description="uncertainty, disagreement, confusion, diversity or random.")
    text: str = Field(description="For people, without the frame's name.")
    value: float = Field(0.0, description="How much it weighs.")
    class_name: str = Field("", description="The class that it is about; empty if none.")
    box: Box | None = Field(None, description="Where in the frame, in pixels.")


class ChosenFrame(Record):
    """A screenshot that is to be labelled."""

    name: str = Field(description="File name in the batch, which no other frame of it has.")
    source: str = Field(description="Path in the screenshots folder, with forward slashes.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the image's file.")
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    session: str = Field("", description="The capture that it comes from; empty if unknown.")
    blind: bool = Field(
        False, description="Labelled without boxes to correct; chosen at random, for validation."
    )
    expected_boxes: float = Field(ge=0, description="About how many boxes it will take.")
    reasons: tuple[Reason, ...] = ()


class ChosenFrames(Record):
    """What `frames.json` holds."""

    frames: tuple[ChosenFrame, ...]


class SelectionSummary(Record):
    """Out of what the frames were chosen, and how."""

    screenshots: int = Field(description="Images in the folder that could be read.")
    unreadable: dict[str, str] = Field(description="Files that could not, and why.")
    duplicates: int = Field(description="Left out: another screenshot shows the same.")
    labelled: int = Field(
        description="Left out: they show what a labelled frame shows, or one of another batch."
    )
    candidates: int = Field(description="Screenshots that could be chosen.")
    sessions: dict[str, int] = Field(description="Candidates of each; unknown under no name.")
    model: str = Field(description="What looked at them, for people; empty if none.")
    boxes_per_detection: float = Field(
        description="Boxes that labelled frames have for each detection, or frames without a model."
    )
    weights: dict[str, float] = Field(description="Of each class, by how rarely it is labelled.")
    boxes: float = Field(description="The budget.")
    notes: tuple[str, ...] = Field((), description="What to pay attention to.")

    @classmethod
    def open(cls, folder: Path) -> SelectionSummary:
        """Read it of a stored batch.

        Raises:
            AnnotationBatchError: there is none, or one of another version.
        """
        return read_json(folder / SUMMARY_FILE, cls, _damaged)

    def write(self, folder: Path) -> None:
        """Write it into a batch's folder."""
        write_json(folder / SUMMARY_FILE, self.model_dump(mode="json"))


@dataclass(frozen=True)
class AnnotationBatch:
    """The artifact of `annotation_batch` and `hard_negatives`.

        images/         the frames, as they were captured, or turned upright
        frames.json     each with its reasons
        summary.json    out of what they were chosen; see `SelectionSummary`

    Attributes:
        frames: sorted by name.
    """

    folder: Path
    frames: tuple[ChosenFrame, ...]

    @classmethod
    def open(cls, folder: Path) -> AnnotationBatch:
        """Read what `write` wrote.

        Raises:
            AnnotationBatchError: the folder holds no batch, or one of another version.
        """
        return cls(folder, read_json(folder / FRAMES_FILE, ChosenFrames, _damaged).frames)

    def image_of(self, frame: ChosenFrame) -> Path:
        """The file of one of its frames."""
        return self.folder / IMAGES_FOLDER / frame.name

    def write_frames(self) -> None:
        """Write `frames.json`; the images have to be there."""
        frames = ChosenFrames(frames=self.frames)
        write_json(self.folder / FRAMES_FILE, frames.model_dump(mode="json"))


def _damaged(file: Path, why: Exception) -> AnnotationBatchError:
    return AnnotationBatchError(
        f"{file} does not belong to a whole annotation batch: {why}",
        "Materialize annotation_batch again.",
    )
