from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.boxes import Box, LabelledBox, iou_matrix
from pipeline.labels.inspection.findings import DOUBLE_IOU, box_problems, without_doubles


@pytest.mark.parametrize(
    ("box", "kinds"),
    [
        (Box(10, 10, 30, 30), []),
        (Box(-8, 10, 12, 30), []),
        (Box(0, 0, 100, 60), []),
        (Box(-0.4, 0, 100.4, 60), []),
        (Box(-12, 10, 8, 30), ["outside"]),
        (Box(-5, 0, 105, 60), ["too large"]),
        (Box(0, -50, 100, 110), ["too large", "outside"]),
        (Box(10, 10, 13.9, 30), ["tiny"]),
        (Box(10, 10, 14, 14), []),
        (Box(98, 10, 118, 30), ["outside", "tiny"]),
    ],
)
def test_unlikely_boxes_are_told(box: Box, kinds: list[str]) -> None:
    assert [kind for kind, _ in box_problems(box, 100, 60)] == kinds


def test_a_box_that_is_there_twice_is_kept_once() -> None:
    first, nearly = Box(10, 10, 50, 50), Box(10, 10, 50, 49)
    boxes = [LabelledBox(0, first), LabelledBox(1, first), LabelledBox(0, nearly)]
    kept, dropped = without_doubles([*boxes, LabelledBox(0, Box(10, 10, 50, 47))])
    assert kept == (boxes[0], boxes[1], LabelledBox(0, Box(10, 10, 50, 47)))
    assert dropped == (boxes[2],)


sides = st.integers(0, 20)
boxes = st.tuples(st.integers(0, 1), sides, sides, st.integers(1, 60), st.integers(1, 60)).map(
    lambda v: LabelledBox(v[0], Box(v[1], v[2], v[1] + v[3], v[2] + v[4]))
)


@settings(deadline=None)
@given(st.lists(boxes, max_size=25))
def test_what_is_dropped_is_still_there_and_what_is_kept_is_there_once(
    frame: list[LabelledBox],
) -> None:
    kept, dropped = without_doubles(frame)
    assert sorted([*kept, *dropped]) == sorted(frame)
    for class_id in (0, 1):
        left = [labelled.box for labelled in kept if labelled.class_id == class_id]
        gone = [labelled.box for labelled in dropped if labelled.class_id == class_id]
        overlaps = iou_matrix(left, left)
        assert all(overlaps[i, j] <= DOUBLE_IOU for i in range(len(left)) for j in range(i))
        assert all((iou_matrix([box], left) > DOUBLE_IOU).any() for box in gone)
    assert without_doubles(kept) == (kept, ())
