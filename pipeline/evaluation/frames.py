"""The frames that a detector is judged on: where their images lie and what is true in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from detector_runtime.images import upright_size
from PIL import Image

from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.batches import BatchFrame, ExportBatch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.comparing.session_overlap import PlacedFrame
from pipeline.labels.inspection.sessions import NamedFrame, sessions_of
from pipeline.labels.training_set import TrainingSet, is_real

UNKNOWN = "unknown"
"""Session of screenshots of which nobody can tell theirs."""


@dataclass(frozen=True)
class TrueFrame:
    """An image with the boxes of what is in it, in its pixels; `name` tells it from the others.

    `session` is that of a screenshot; frames whose session nobody can tell are taken for one, and
    None is for images that have nothing to do with each other.
    """

    name: str
    image: Path
    truths: tuple[LabelledBox, ...]
    session: str | None = None

    def judged(self, detections: tuple[ScoredBox, ...], truncated: bool = False) -> JudgedFrame:
        """The frame together with what a detector found in its image."""
        return JudgedFrame(self.name, self.truths, detections, self.session, truncated)


@dataclass(frozen=True)
class JudgedFrame:
    """What is true and what was detected in one frame, in its pixels.

    Detections are all that the detector gave, far below the confidence that counts: average
    precision looks at the whole range. `truncated` says that it gave all that it can.
    """

    name: str
    truths: tuple[LabelledBox, ...]
    detections: tuple[ScoredBox, ...]
    session: str | None = None
    truncated: bool = False


def batch_frames(export: ExportBatch) -> tuple[TrueFrame, ...]:
    """The annotated frames of a batch, by their place in it."""
    frames = export.batch.frames
    return tuple(
        TrueFrame(frame.place, export.image_of(frame), frame.boxes, session)
        for frame, session in zip(frames, _sessions(frames, [""] * len(frames)), strict=True)
    )


def true_frames(frames: Iterable[BatchFrame]) -> tuple[TrueFrame, ...]:
    """Annotated frames of any batches, by batch and place."""
    every = tuple(frames)
    sessions = _sessions([one.frame for one in every], [one.batch for one in every])
    return tuple(
        TrueFrame(one.title, one.image, one.frame.boxes, session)
        for one, session in zip(every, sessions, strict=True)
    )


def validation_frames(training_set: TrainingSet, *, real: bool) -> tuple[TrueFrame, ...]:
    """The frames of a training set that validate: the real ones, or the synthetic ones.

    Raises:
        TrainingSetError: labels, or the record of where real images come from, are missing or
            damaged.
    """
    images = [image for image in training_set.listed["val"] if is_real(image) is real]
    if not real:
        return tuple(_read_frame(training_set, image, None) for image in images)
    sessions = _sessions_in(training_set)
    return tuple(
        _read_frame(training_set, image, sessions.get(PurePosixPath(image).as_posix(), UNKNOWN))
        for image in images
    )


def _sessions(frames: Sequence[NamedFrame], batches: Sequence[str]) -> list[str]:
    """The session of each frame; those of a batch that cannot be known are taken for one."""
    found = sessions_of(frames, batches)
    return [
        session or (f"{UNKNOWN}, of {batch}" if batch else UNKNOWN)
        for session, batch in zip(found, batches, strict=True)
    ]


def _sessions_in(training_set: TrainingSet) -> Mapping[str, str]:
    """The session of each real image, by its path in the set."""
    merged = training_set.real_frames()
    placed = [PlacedFrame.at(frame.batch, frame.place) for frame in merged]
    sessions = _sessions(placed, [frame.batch for frame in merged])
    return {frame.image: session for frame, session in zip(merged, sessions, strict=True)}


def _read_frame(training_set: TrainingSet, line: str, session: str | None) -> TrueFrame:
    file = training_set.folder / line
    with Image.open(file) as image:
        width, height = upright_size(image)
    rows = training_set.rows_of(line)
    truths = tuple(row.labelled_box(width, height) for row in rows)
    return TrueFrame(file.name, file, truths, session)
