"""What differs between two sets of labels of one image, box by box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from pipeline.labels.boxes import Box, LabelledBox, iou_matrix
from pipeline.manifests import Record

MIN_IOU = 0.5
"""Boxes that overlap less are two objects."""
MOVED = 0.5
"""Pixels by which a side may differ; less is rounding."""

Change = Literal["added", "removed", "moved", "relabelled"]


class BoxDifference(Record):
    """One object that two sets of labels do not label alike.

    A box that was moved and relabelled counts as relabelled.
    """

    change: Change
    class_name: str = Field(description="In the labels that were taken, else in the others.")
    other_class: str | None = Field(None, description="In the others, where it was relabelled.")
    box: Box = Field(description="In the labels that were taken, else in the others.")
    other_box: Box | None = Field(None, description="In the others, where both have one.")


def box_differences(
    taken: Sequence[LabelledBox], others: Sequence[LabelledBox], class_names: Sequence[str]
) -> tuple[BoxDifference, ...]:
    """What was changed in `others` to become `taken`; empty when they are the same labels.

    Boxes meet by intersection over union, those of one class first, the most alike first.
    """
    if tuple(taken) == tuple(others):
        return ()
    pairs = _matched(taken, others)
    met, met_others = ({pair[side] for pair in pairs} for side in (0, 1))
    changed = (_changed(taken[i], others[j], class_names) for i, j in pairs)
    return (
        *(difference for difference in changed if difference is not None),
        *_alone("added", [taken[i] for i in range(len(taken)) if i not in met], class_names),
        *_alone(
            "removed", [others[j] for j in range(len(others)) if j not in met_others], class_names
        ),
    )


def counted(differences: Sequence[BoxDifference]) -> str:
    """How many of each kind, for people: `2 added, 1 moved`."""
    kinds: tuple[Change, ...] = ("added", "removed", "moved", "relabelled")
    counts = {kind: sum(one.change == kind for one in differences) for kind in kinds}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _matched(taken: Sequence[LabelledBox], others: Sequence[LabelledBox]) -> list[tuple[int, int]]:
    """Index pairs, each box in one at most, sorted."""
    overlaps = iou_matrix([one.box for one in taken], [one.box for one in others])
    near = [
        (i, j)
        for i, j in zip(*(side.tolist() for side in (overlaps >= MIN_IOU).nonzero()), strict=True)
    ]
    near.sort(
        key=lambda pair: (
            taken[pair[0]].class_id != others[pair[1]].class_id,
            -overlaps[pair],
            pair,
        )
    )
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for i, j in near:
        if i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return sorted(pairs.items())


def _alone(
    change: Change, labels: Sequence[LabelledBox], class_names: Sequence[str]
) -> Iterator[BoxDifference]:
    for class_id, box in labels:
        yield BoxDifference(change=change, class_name=class_names[class_id], box=box)


def _changed(
    taken: LabelledBox, other: LabelledBox, class_names: Sequence[str]
) -> BoxDifference | None:
    relabelled = taken.class_id != other.class_id
    if (
        not relabelled
        and max(abs(a - b) for a, b in zip(taken.box, other.box, strict=True)) <= MOVED
    ):
        return None
    return BoxDifference(
        change="relabelled" if relabelled else "moved",
        class_name=class_names[taken.class_id],
        other_class=class_names[other.class_id] if relabelled else None,
        box=taken.box,
        other_box=other.box,
    )
