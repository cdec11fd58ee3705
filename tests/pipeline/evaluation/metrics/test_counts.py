from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.counts import (
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
    hits = count(judge(frames, CLASS_COUNT), thresholds)[..., 0].sum(axis=0)
    assert table.diagonal()[:-1].tolist() == hits.tolist()


def test_a_wrong_class_stands_in_the_row_of_the_true_one() -> None:
    box = Box(0, 0, 9, 9)
    frame = JudgedFrame("f", (LabelledBox(0, box),), (ScoredBox(1, 0.9, box),))
    assert confusion([frame], [0.5, 0.5]).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_f1_of_nothing_is_zero() -> None:
    counts = np.array([[0, 0, 0], [3, 1, 2], [0, 4, 0]])
    assert f1_of(counts).tolist() == [0.0, pytest.approx(6 / 9), 0.0]
