"""What looks wrong about boxes by themselves: doubles, specks, boxes that no image can hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.labels.boxes import Box, LabelledBox, iou_matrix

DOUBLE_IOU = 0.95
"""Above it two boxes of one class are one object labelled twice. Two objects in one place differ by
more: a pixel at each side of a box of 40 is an IoU of 0.9 already."""
TINY_SIDE = 4.0
"""Pixels; detectors learn nothing from less."""
LEAST_INSIDE = 0.5
"""Share of a box's area that is expected inside the image."""

FindingKind = Literal[
    "double", "tiny", "outside", "too large", "group", "still track", "scaled", "no box"
]


@dataclass(frozen=True)
class LabelFinding:
    """Something that a person should look at; it stops nothing.

    Attributes:
        kind: "double" and "scaled" are repaired, all others left as they are.
        frame: path of the image in the task.
        class_name: empty where the whole image is meant.
        box: as it is stored; None where the whole image is meant.
        problem: in words.
    """

    kind: FindingKind
    frame: str
    class_name: str
    box: Box | None
    problem: str


def box_problems(drawn: Box, width: int, height: int) -> Iterator[tuple[FindingKind, str]]:
    """What is unlikely about a box as it was drawn, before it is clipped to an image of that size.

    Args:
        drawn: in pixels of the image; has an area, some of it inside.
    """
    if drawn.width > width + 1 or drawn.height > height + 1:
        yield "too large", f"is {drawn.width:.0f}x{drawn.height:.0f} px, larger than the image"
    inside = drawn.clipped(width, height)
    share = inside.area / drawn.area
    if share < LEAST_INSIDE:
        yield "outside", f"lies outside the image with {1 - share:.0%} of its area"
    if min(inside.width, inside.height) < TINY_SIDE:
        yield "tiny", f"is only {inside.width:.1f}x{inside.height:.1f} px large"


def without_doubles(
    boxes: Sequence[LabelledBox],
) -> tuple[tuple[LabelledBox, ...], tuple[LabelledBox, ...]]:
    """The boxes of a frame each once, and those that were there twice; both in their order.

    Of boxes of one class that overlap by more than `DOUBLE_IOU`, the first stays.
    """
    of_class: dict[int, list[int]] = defaultdict(list)
    for index, labelled in enumerate(boxes):
        of_class[labelled.class_id].append(index)
    dropped: set[int] = set()
    for indices in of_class.values():
        if len(indices) > 1:
            dropped |= _doubles([boxes[index].box for index in indices], indices)
    kept = tuple(box for index, box in enumerate(boxes) if index not in dropped)
    return kept, tuple(boxes[index] for index in sorted(dropped))


def _doubles(boxes: Sequence[Box], indices: Sequence[int]) -> set[int]:
    close = np.argwhere(np.triu(iou_matrix(boxes, boxes) > DOUBLE_IOU, k=1))
    dropped: set[int] = set()
    for first, second in close.tolist():  # By the first, then the second.
        if indices[first] not in dropped:
            dropped.add(indices[second])
    return dropped
