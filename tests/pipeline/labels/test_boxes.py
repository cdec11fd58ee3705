from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.boxes import Box, iou_matrix

coordinates = st.integers(-50, 150)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    coordinates,
    coordinates,
    st.integers(0, 80),
    st.integers(0, 80),
)


def pixels(box: Box) -> set[tuple[int, int]]:
    return {
        (x, y) for x in range(int(box.x1), int(box.x2)) for y in range(int(box.y1), int(box.y2))
    }


@settings(deadline=None, max_examples=60)
@given(boxes, boxes)
def test_iou_is_the_share_of_common_pixels(a: Box, b: Box) -> None:
    union = pixels(a) | pixels(b)
    expected = len(pixels(a) & pixels(b)) / len(union) if union else 0.0
    assert iou_matrix([a], [b])[0, 0] == pytest.approx(expected)


def test_iou_of_nothing_has_the_right_shape() -> None:
    assert iou_matrix([], [Box(0, 0, 1, 1)]).shape == (0, 1)
    assert iou_matrix([Box(0, 0, 1, 1)], []).shape == (1, 0)


@settings(deadline=None)
@given(boxes)
def test_a_clipped_box_lies_inside_and_within_itself(box: Box) -> None:
    clipped = box.clipped(100, 60)
    assert pixels(clipped) == {(x, y) for x, y in pixels(box) if 0 <= x < 100 and 0 <= y < 60}
