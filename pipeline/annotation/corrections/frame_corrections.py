"""What people changed in one frame.

A box is **kept** where the label of its class has each side within half a pixel: a box that nobody
touches comes back from CVAT within a hundredth, and no hand is as steady. It is **moved** where
they overlap by half or more; **relabelled** where the label has another class; **deleted** where no
label overlaps it by half; and a label that no box overlaps by half was **added**. Half is where the
evaluation, too, says that a detection has found an object. A share of overlap is not what is kept:
one of 0.95 would call a box of 20 pixels moved for one pixel, and one of 300 pixels kept for ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import Field

from pipeline.annotation.corrections.returned_frames import ReturnedFrame
from pipeline.annotation.prelabels import Prelabel
from pipeline.evaluation.matching import ScoredBox, match_within_classes
from pipeline.labels.boxes import Box, LabelledBox, iou_matrix
from pipeline.labels.comparing.box_differences import BoxDifference, box_differences
from pipeline.manifests import Record

OVERLAP_DIGITS = 4


class KeptBox(Record):
    """A box that people left as it was."""

    class_name: str
    box: Box = Field(description="As it came back.")


class CorrectedFrame(Record):
    """A frame that has come back, and what differs from what a model had found in it."""

    place: str = Field(description="In the export: subset, folder and name.")
    image: str = Field(description="Path in the export batch, with forward slashes.")
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    batch: str = Field(description="The annotation batch in which it went out.")
    sent_as: str = Field("", description="Its name there; empty in comparisons of before.")
    blind: bool = Field(description="Drawn at random, to be labelled without the model's boxes.")
    unseen: bool = Field(
        False, description="Not blind, but of a batch that was sent to people without any boxes."
    )
    kept: tuple[KeptBox, ...] = ()
    differences: tuple[BoxDifference, ...] = Field(
        (), description="'removed' is a box of the model, 'added' a label of people."
    )
    counts: tuple[int, int, int] = Field(
        description="Labels that the model has found by the rule of the evaluation, its boxes that "
        "are no label, labels that it has missed."
    )


def correct_frame(
    returned: ReturnedFrame, class_names: Sequence[str], *, without_boxes: bool = False
) -> CorrectedFrame:
    """Compare what people labelled with what a model had found.

    Args:
        class_names: of the export; boxes of other classes don't count.
        without_boxes: whether its batch was sent so.
    """
    frame, sent = returned.frame, returned.prelabelled
    ids = {name: number for number, name in enumerate(class_names)}
    known = [found for found in sent.boxes if found.class_name in ids]
    found = [LabelledBox(ids[one.class_name], one.box) for one in known]
    matching = match_within_classes(frame.boxes, list(_scored(known, found)))
    differences = box_differences(frame.boxes, found, class_names)
    return CorrectedFrame(
        place=frame.place,
        image=frame.path,
        width=frame.width,
        height=frame.height,
        batch=returned.batch,
        sent_as=sent.name,
        blind=sent.blind,
        unseen=without_boxes and not sent.blind,
        kept=tuple(_kept(frame.boxes, differences, class_names)),
        differences=differences,
        counts=(
            len(matching.matches),
            len(matching.false_detections),
            len(matching.missed_truths),
        ),
    )


def overlap_of(difference: BoxDifference) -> float:
    """Of a moved box with where it was, 0 to 1."""
    assert difference.other_box is not None
    return round(float(iou_matrix([difference.box], [difference.other_box])[0, 0]), OVERLAP_DIGITS)


def _scored(known: Sequence[Prelabel], found: Sequence[LabelledBox]) -> Iterator[ScoredBox]:
    for one, labelled in zip(known, found, strict=True):
        yield ScoredBox(labelled.class_id, one.score, labelled.box)


def _kept(
    labels: Sequence[LabelledBox], differences: Sequence[BoxDifference], class_names: Sequence[str]
) -> Iterator[KeptBox]:
    """The labels that differ from no box: all but those that a difference names."""
    changed = Counter((one.class_name, one.box) for one in differences if one.change != "removed")
    for class_id, box in labels:
        name = class_names[class_id]
        if changed[name, box] > 0:
            changed[name, box] -= 1
        else:
            yield KeptBox(class_name=name, box=box)
