"""The frames that a detector is judged on: where their pictures lie and what is true in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.images import upright_size
from PIL import Image

from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.batches import read_batch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.formats.yolo import read_rows
from pipeline.labels.training_set import is_real, label_path, listed_pictures, read_class_names


@dataclass(frozen=True)
class TrueFrame:
    """A picture with the boxes of what is in it, in its pixels; `name` tells it from the others."""

    name: str
    picture: Path
    truths: tuple[LabelledBox, ...]

    def judged(self, detections: tuple[ScoredBox, ...]) -> JudgedFrame:
        """The frame together with what a detector found in its picture."""
        return JudgedFrame(self.name, self.truths, detections)


@dataclass(frozen=True)
class JudgedFrame:
    """What is true and what was detected in one frame, in its pixels.

    Detections are all that the detector gave, far below the confidence that counts: average
    precision looks at the whole range.
    """

    name: str
    truths: tuple[LabelledBox, ...]
    detections: tuple[ScoredBox, ...]


def batch_frames(folder: Path) -> tuple[TrueFrame, ...]:
    """The annotated frames of a batch folder, by name.

    Raises:
        BatchError: the folder holds no batch.
    """
    frames = read_batch(folder).frames
    return tuple(TrueFrame(frame.name, folder / frame.path, frame.boxes) for frame in frames)


def real_validation_frames(training_set: Path) -> tuple[TrueFrame, ...]:
    """The real frames of a training set that validate.

    Raises:
        TrainingSetError, LabelFileError: the set is incomplete.
    """
    return _validation_frames(training_set, is_real)


def synthetic_validation_frames(training_set: Path) -> tuple[TrueFrame, ...]:
    """The synthetic pictures of a training set that validate; raises as the real ones."""
    return _validation_frames(training_set, lambda picture: not is_real(picture))


def _validation_frames(folder: Path, wanted: Callable[[str], bool]) -> tuple[TrueFrame, ...]:
    class_count = len(read_class_names(folder))
    pictures = (line for line in listed_pictures(folder, "val") if wanted(line))
    return tuple(_read_frame(folder, picture, class_count) for picture in pictures)


def _read_frame(folder: Path, picture: str, class_count: int) -> TrueFrame:
    file = folder / picture
    with Image.open(file) as image:
        width, height = upright_size(image)
    rows = read_rows(label_path(folder, picture), class_count)
    return TrueFrame(file.name, file, tuple(row.labelled_box(width, height) for row in rows))
