from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.counts import (
    average_precision,
    confusion,
    count,
    counting,
    f1_of,
    judge,
)
from pipeline.labels.boxes import Box, LabelledBox

CLASS_COUNT = 3

sides = st.integers(0, 20)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w + 1, y + h + 1), sides, sides, sides, sides)
classes = st.integers(0, CLASS_COUNT - 1)
scores = st.integers(1, 20).map(lambda n: n / 20)


@st.composite
def judged_frames(draw: st.DrawFn) -> list[JudgedFrame]:
    frames = []
    for index in range(draw(st.integers(1, 4))):
        truths = draw(st.lists(st.builds(LabelledBox, classes, boxes), max_size=6))
        near = [ScoredBox(truth.class_id, draw(scores), truth.box) for truth in truths]
        far = draw(st.lists(st.builds(ScoredBox, classes, scores, boxes), max_size=4))
        chosen = [found for found in near if draw(st.booleans())]
        frames.append(JudgedFrame(f"f{index}", tuple(truths), (*chosen, *far)))
    return frames


def brute_force_ap(frames: list[JudgedFrame], class_id: int) -> float | None:
    """Average precision by its definition, one detection and one level at a time."""
    total = sum(truth.class_id == class_id for frame in frames for truth in frame.truths)
    if total == 0:
        return None
    ranked = sorted(
        (-found.score, number, index)
        for number, frame in enumerate(frames)
        for index, found in enumerate(frame.detections)
        if found.class_id == class_id
    )
    taken: set[tuple[int, int]] = set()
    curve = []
    for rank, (_, number, index) in enumerate(ranked, start=1):
        box = frames[number].detections[index].box
        best, best_overlap = None, 0.5
        for other, truth in enumerate(frames[number].truths):
            if truth.class_id != class_id or (number, other) in taken:
                continue
            overlap = plain_iou(box, truth.box)
            if overlap > best_overlap or (overlap == best_overlap and best is None):
                best, best_overlap = other, overlap
        if best is not None:
            taken.add((number, best))
        curve.append((len(taken) / total, len(taken) / rank))
    levels = np.linspace(0.0, 1.0, 101).tolist()
    return sum(
        max((p for recall, p in curve if recall >= level), default=0.0) for level in levels
    ) / len(levels)


def plain_iou(a: Box, b: Box) -> float:
    width = max(0.0, min(a.x2, b.x2) - max(a.x1, b.x1))
    height = max(0.0, min(a.y2, b.y2) - max(a.y1, b.y1))
    return width * height / (a.area + b.area - width * height)


@settings(deadline=None, max_examples=80)
@given(judged_frames())
def test_average_precision_is_that_of_its_definition(frames: list[JudgedFrame]) -> None:
    frames = [distinct_scores(frame, number) for number, frame in enumerate(frames)]
    outcomes = judge(frames, CLASS_COUNT)
    for class_id in range(CLASS_COUNT):
        expected = brute_force_ap(frames, class_id)
        value = average_precision(outcomes, class_id)
        assert value == (None if expected is None else pytest.approx(expected))


def distinct_scores(frame: JudgedFrame, number: int) -> JudgedFrame:
    """The frame with scores that no other detection has, so that ties don't matter."""
    detections = tuple(
        ScoredBox(found.class_id, found.score + 1e-6 * (50 * number + index), found.box)
        for index, found in enumerate(frame.detections)
    )
    return JudgedFrame(frame.name, frame.truths, detections)


def ranked_frame(hits: list[bool], missed: int) -> JudgedFrame:
    """Detections of falling score that hit or not, and objects that nothing finds."""
    truths = [LabelledBox(0, Box(20 * i, 0, 20 * i + 9, 9)) for i in range(len(hits) + missed)]
    detections = [
        ScoredBox(0, 0.9 - 0.01 * i, truths[i].box if hit else Box(20 * i, 90, 20 * i + 9, 99))
        for i, hit in enumerate(hits)
    ]
    wanted = [truth for i, truth in enumerate(truths) if i >= len(hits) or hits[i]]
    return JudgedFrame("f", tuple(wanted), tuple(detections))


@pytest.mark.parametrize(
    ("hits", "missed", "expected"),
    [
        ([True], 0, 1.0),
        ([False], 1, 0.0),
        ([], 1, 0.0),
        ([True], 1, 51 / 101),
        ([False, True], 0, 0.5),
        ([True, False, True], 0, (51 + 50 * 2 / 3) / 101),
    ],
)
def test_average_precision_of_small_rankings(
    hits: list[bool], missed: int, expected: float
) -> None:
    outcomes = judge([ranked_frame(hits, missed)], 1)
    assert average_precision(outcomes, 0) == pytest.approx(expected)


def test_a_class_without_objects_has_no_average_precision() -> None:
    assert average_precision(judge([JudgedFrame("f", (), ())], 1), 0) is None


@settings(deadline=None, max_examples=60)
@given(judged_frames(), st.lists(scores, min_size=CLASS_COUNT, max_size=CLASS_COUNT))
def test_counts_at_thresholds_are_those_of_the_detections_that_count(
    frames: list[JudgedFrame], thresholds: list[float]
) -> None:
    kept = [
        JudgedFrame(frame.name, frame.truths, counting(frame.detections, thresholds))
        for frame in frames
    ]
    counts = count(judge(frames, CLASS_COUNT), thresholds)
    np.testing.assert_array_equal(counts, count(judge(kept, CLASS_COUNT), [0.0] * CLASS_COUNT))
    hits, false, missed = counts.sum(axis=(0, 1))
    assert hits + false == sum(len(frame.detections) for frame in kept)
    assert hits + missed == sum(len(frame.truths) for frame in frames)


@settings(deadline=None, max_examples=60)
@given(judged_frames(), st.lists(scores, min_size=CLASS_COUNT, max_size=CLASS_COUNT))
def test_the_confusion_table_accounts_for_every_box(
    frames: list[JudgedFrame], thresholds: list[float]
) -> None:
    table = confusion(frames, thresholds)
    for class_id in range(CLASS_COUNT):
        true = sum(t.class_id == class_id for frame in frames for t in frame.truths)
        found = sum(
            d.class_id == class_id
            for frame in frames
            for d in counting(frame.detections, thresholds)
        )
        assert table[class_id].sum() == true
        assert table[:, class_id].sum() == found
    assert table[-1, -1] == 0


def test_a_wrong_class_stands_in_the_row_of_the_true_one() -> None:
    box = Box(0, 0, 9, 9)
    frame = JudgedFrame("f", (LabelledBox(0, box),), (ScoredBox(1, 0.9, box),))
    assert confusion([frame], [0.5, 0.5]).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_f1_of_nothing_is_zero() -> None:
    counts = np.array([[0, 0, 0], [3, 1, 2], [0, 4, 0]])
    assert f1_of(counts).tolist() == [0.0, pytest.approx(6 / 9), 0.0]
