"""The boxes of all frames of a batch, as they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from pipeline.annotation.annotation_batch import AnnotationBatch, ChosenFrame
from pipeline.annotation.prelabelers.base import Prelabeler
from pipeline.annotation.prelabels import (
    Prelabel,
    PrelabelError,
    PrelabelledFrame,
    PrelabelledFrames,
    pixel_digest,
)
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.formats.shapes import ShapeError, box_in_image
from pipeline.labels.images import UNREADABLE, upright_rgb
from pipeline.progress import Report, silent, track
from pipeline.provenance import ArtifactVersion

SCORE_DIGITS = 6


def prelabel_frames(
    batch: AnnotationBatch,
    prelabeler: Prelabeler,
    class_names: Sequence[str],
    version: ArtifactVersion | None = None,
    report: Report = silent,
) -> PrelabelledFrames:
    """Find boxes in every frame of a batch, blind ones included.

    Args:
        class_names: of the game, in the order of the ids that the prelabeler gives.
        version: of the batch, by which its images are found again.
        report: told after every frame.

    Raises:
        PrelabelError: an image is gone, damaged, or of another size than the batch says.
        OutpostError, DetectorError: the prelabeler fails.
    """
    names = tuple(class_names)
    stage = "finding boxes to correct"
    frames = sorted(batch.frames, key=lambda frame: frame.name)
    return PrelabelledFrames(
        class_names=names,
        model=prelabeler.name,
        frames=tuple(
            _prelabelled(batch.image_of(frame), frame, prelabeler, names)
            for frame in track(frames, len(frames), stage, report)
        ),
        left_out_classes=prelabeler.left_out_classes,
        batch=version,
    )


def _prelabelled(
    file: Path, frame: ChosenFrame, prelabeler: Prelabeler, names: Sequence[str]
) -> PrelabelledFrame:
    image = _read(file, frame)
    found = sorted(
        _kept(prelabeler.find(image), frame, names),
        key=lambda one: (-one.score, one.class_name, one.box),
    )
    return PrelabelledFrame(
        name=frame.name,
        sha256=frame.sha256,
        width=frame.width,
        height=frame.height,
        blind=frame.blind,
        boxes=tuple(found),
        pixels_sha256=pixel_digest(image),
    )


def _read(file: Path, frame: ChosenFrame) -> Image.Image:
    """The frame's pixels, of the size that the batch says."""
    try:
        image = upright_rgb(file)
    except UNREADABLE as error:
        raise PrelabelError(
            f"{frame.name} cannot be read ({error}).", "Materialize annotation_batch again."
        ) from error
    if image.size != (frame.width, frame.height):
        raise PrelabelError(
            f"{frame.name} is {image.width}x{image.height} pixels large, and the batch says "
            f"{frame.width}x{frame.height}.",
            "Materialize annotation_batch again.",
        )
    return image


def _kept(
    found: Sequence[ScoredBox], frame: ChosenFrame, names: Sequence[str]
) -> Iterator[Prelabel]:
    """What is inside the frame and larger than a pixel, in whole classes, rounded."""
    for one in found:
        try:
            box = box_in_image(one.box, frame.width, frame.height)
        except ShapeError:
            continue
        score = round(min(max(one.score, 0.0), 1.0), SCORE_DIGITS)
        yield Prelabel(class_name=names[one.class_id], box=box, score=score)
