"""The frames that a detector is judged on: where their images lie and what is true in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.images import upright_size
from PIL import Image

from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.batches import BatchFrame, ExportBatch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.training_set import TrainingSet, is_real


@dataclass(frozen=True)
class TrueFrame:
    """An image with the boxes of what is in it, in its pixels; `name` tells it from the others."""

    name: str
    image: Path
    truths: tuple[LabelledBox, ...]

    def judged(self, detections: tuple[ScoredBox, ...]) -> JudgedFrame:
        """The frame together with what a detector found in its image."""
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


def batch_frames(export: ExportBatch) -> tuple[TrueFrame, ...]:
    """The annotated frames of a batch, by their place in it."""
    return tuple(
        TrueFrame(frame.place, export.image_of(frame), frame.boxes) for frame in export.batch.frames
    )


def true_frames(frames: Iterable[BatchFrame]) -> tuple[TrueFrame, ...]:
    """Annotated frames of any batches, by batch and place."""
    return tuple(TrueFrame(one.title, one.image, one.frame.boxes) for one in frames)


def validation_frames(training_set: TrainingSet, *, real: bool) -> tuple[TrueFrame, ...]:
    """The frames of a training set that validate: the real ones, or the synthetic ones.

    Raises:
        TrainingSetError: labels are missing or damaged.
    """
    images = (image for image in training_set.listed["val"] if is_real(image) is real)
    return tuple(_read_frame(training_set, image) for image in images)


def _read_frame(training_set: TrainingSet, line: str) -> TrueFrame:
    file = training_set.folder / line
    with Image.open(file) as image:
        width, height = upright_size(image)
    rows = training_set.rows_of(line)
    return TrueFrame(file.name, file, tuple(row.labelled_box(width, height) for row in rows))
