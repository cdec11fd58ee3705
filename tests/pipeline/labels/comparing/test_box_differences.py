from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.comparing.box_differences import box_differences, counted

CLASSES = ("sheep", "wolf", "ship")
SHEEP = LabelledBox(0, Box(0, 0, 20, 20))
WOLF = LabelledBox(1, Box(100, 0, 120, 20))


def test_the_same_labels_in_another_order_do_not_differ() -> None:
    assert box_differences([SHEEP, WOLF], [WOLF, SHEEP], CLASSES) == ()


def test_each_kind_of_change_is_told() -> None:
    taken = [
        LabelledBox(0, Box(3, 0, 23, 20)),
        LabelledBox(2, WOLF.box),
        LabelledBox(1, Box(0, 200, 9, 209)),
    ]
    others = [SHEEP, WOLF, LabelledBox(2, Box(300, 300, 330, 330))]
    found = box_differences(taken, others, CLASSES)
    assert [(one.change, one.class_name, one.other_class) for one in found] == [
        ("moved", "sheep", None),
        ("relabelled", "ship", "wolf"),
        ("added", "wolf", None),
        ("removed", "ship", None),
    ]
    assert (found[0].box, found[0].other_box) == (taken[0].box, SHEEP.box)
    assert found[3].box == others[2].box
    assert counted(found) == "1 added, 1 removed, 1 moved, 1 relabelled"


def test_rounding_is_no_change() -> None:
    moved = LabelledBox(0, Box(0.4, 0, 20.4, 20))
    assert box_differences([moved], [SHEEP], CLASSES) == ()


def test_boxes_of_one_class_meet_before_those_of_another() -> None:
    taken = [LabelledBox(0, Box(2, 0, 22, 20)), LabelledBox(1, SHEEP.box)]
    others = [SHEEP, LabelledBox(1, Box(2, 0, 22, 20))]
    assert {one.change for one in box_differences(taken, others, CLASSES)} == {"moved"}


boxes = st.builds(
    lambda class_id, x, y, width, height: LabelledBox(class_id, Box(x, y, x + width, y + height)),
    *(st.integers(0, high) for high in (2, 40, 40)),
    *(st.integers(1, 40) for _ in range(2)),
)


@settings(deadline=None)
@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_every_box_is_accounted_for(taken: list[LabelledBox], others: list[LabelledBox]) -> None:
    found = box_differences(taken, others, CLASSES)
    kinds = [one.change for one in found]
    assert len(taken) - kinds.count("added") == len(others) - kinds.count("removed")
    back = [one.change for one in box_differences(others, taken, CLASSES)]
    assert (kinds == []) == (back == [])
    assert box_differences(taken, taken, CLASSES) == ()
