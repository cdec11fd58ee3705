"""Which tasks an annotation batch becomes in CVAT, and which boxes go with them.

Frames that are labelled blind form a task of their own, without a box: a person who sees both kinds
side by side would not label the blind ones as if there were no model. That task is of the subset
Validation, which the merge keeps for validation, and the other one is of the subset Train then:
blind frames are drawn from all sessions, and what a subset says goes for the rest of a session
that says nothing, so that hardly any corrected frame would be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.annotation.annotation_batch import AnnotationBatch, ChosenFrame
from pipeline.annotation.prelabels import Prelabel, PrelabelError, Prelabels

BLIND_SUFFIX = "_blind"
BLIND_SUBSET = "Validation"
CORRECTED_SUBSET = "Train"


@dataclass(frozen=True)
class PresetTag:
    """What a whole image is taken for, to be corrected.

    Attributes:
        label: one of the project's, of the type tag.
        note: what a person should know of it; at most 4096 characters.
    """

    label: str
    note: str = ""


@dataclass(frozen=True)
class PlannedTask:
    """A task that is to be in CVAT.

    Attributes:
        images: sorted by file name, which no other of them has.
        boxes: to correct, by the file name of their image; inside it.
        subset: as CVAT calls it; empty for none.
        tags: to correct, by the file name of their image.
        job_size: images in a job, so that parts of the task can be completed; 0 for one job.
        may_hold_more: whether a task of that name may be there with images that are not sent now.
    """

    name: str
    images: tuple[Path, ...]
    boxes: Mapping[str, tuple[Prelabel, ...]]
    subset: str = ""
    tags: Mapping[str, PresetTag] = field(default_factory=dict)
    job_size: int = 0
    may_hold_more: bool = False

    @property
    def box_count(self) -> int:
        return sum(map(len, self.boxes.values()))

    @property
    def is_blind(self) -> bool:
        """Whether people label it without seeing what a model found."""
        return self.subset == BLIND_SUBSET


def plan_tasks(
    name: str, batch: AnnotationBatch, prelabels: Prelabels | None
) -> tuple[PlannedTask, ...]:
    """The task of the frames with boxes to correct, and that of the blind ones, if there are any.

    Args:
        name: of the batch, and of the first task.
        prelabels: None sends all frames without boxes.

    Raises:
        PrelabelError: the boxes are those of other frames, or others of them were blind.
    """
    boxes = {} if prelabels is None else _boxes_by_name(batch, prelabels)
    seen = tuple(frame for frame in batch.frames if not frame.blind)
    blind = tuple(frame for frame in batch.frames if frame.blind)
    found = {frame.name: boxes.get(frame.name, ()) for frame in seen}
    planned = (
        PlannedTask(name, _images(batch, seen), found, corrected_subset(batch)),
        PlannedTask(f"{name}{BLIND_SUFFIX}", _images(batch, blind), {}, BLIND_SUBSET),
    )
    return tuple(task for task in planned if task.images)


def corrected_subset(batch: AnnotationBatch) -> str:
    """Of frames that are not blind: Train where others are; else none, so the merge splits them."""
    return CORRECTED_SUBSET if any(frame.blind for frame in batch.frames) else ""


def _images(batch: AnnotationBatch, frames: tuple[ChosenFrame, ...]) -> tuple[Path, ...]:
    return tuple(batch.image_of(frame) for frame in sorted(frames, key=lambda frame: frame.name))


def _boxes_by_name(batch: AnnotationBatch, prelabels: Prelabels) -> dict[str, tuple[Prelabel, ...]]:
    found = {(frame.name, frame.sha256): frame for frame in prelabels.content.frames}
    boxes = {}
    for frame in batch.frames:
        known = found.get((frame.name, frame.sha256))
        if known is None:
            raise PrelabelError(
                f"The prelabels are those of other frames: {frame.name} is not among them.",
                "Materialize prelabels again, then push.",
            )
        if known.blind != frame.blind:
            # Comparing what comes back, they would count as what they were not.
            raise PrelabelError(
                f"The prelabels are those of an earlier choice: {frame.name} was "
                f"{'blind' if known.blind else 'not blind'} then.",
                "Materialize prelabels again, then push.",
            )
        inside = (one.box.clipped(frame.width, frame.height) for one in known.boxes)
        pairs = zip(known.boxes, inside, strict=True)
        boxes[frame.name] = tuple(
            one.model_copy(update={"box": box}) for one, box in pairs if box.area > 0
        )
    return boxes
