from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.matching import (
    MIN_IOU,
    Matching,
    ScoredBox,
    match_across_classes,
    match_within_classes,
)
from pipeline.labels.boxes import Box, LabelledBox, iou_matrix

sides = st.integers(0, 12)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w + 1, y + h + 1), sides, sides, sides, sides)
classes = st.integers(0, 2)
truths = st.lists(st.builds(LabelledBox, classes, boxes), max_size=7)
# Few different scores, so that ties are common.
detections = st.lists(
    st.builds(ScoredBox, classes, st.sampled_from([0.2, 0.5, 0.9]), boxes), max_size=7
)


def truth(x: float, class_id: int = 0) -> LabelledBox:
    return LabelledBox(class_id, Box(x, 0, x + 10, 10))


def found(x: float, score: float, class_id: int = 0) -> ScoredBox:
    return ScoredBox(class_id, score, Box(x, 0, x + 10, 10))


def pairs(matching: Matching) -> list[tuple[int, int]]:
    return list(matching.matches)


@settings(deadline=None)
@pytest.mark.parametrize("match", [match_within_classes, match_across_classes])
@given(truths=truths, detections=detections)
def test_matching_is_one_to_one_and_complete(
    match: Any, truths: list[LabelledBox], detections: list[ScoredBox]
) -> None:
    matching = match(truths, detections)
    matched_truths = [truth for truth, _ in matching.matches]
    matched_detections = [detection for _, detection in matching.matches]
    assert sorted([*matched_truths, *matching.missed_truths]) == list(range(len(truths)))
    assert sorted([*matched_detections, *matching.false_detections]) == list(range(len(detections)))
    overlaps = iou_matrix([t.box for t in truths], [d.box for d in detections])
    for i, j in matching.matches:
        assert overlaps[i, j] >= MIN_IOU
        same = truths[i].class_id == detections[j].class_id
        assert same or match is match_across_classes
    # No detection is left over beside a free object that it would fit.
    for i in matching.missed_truths:
        for j in matching.false_detections:
            same = truths[i].class_id == detections[j].class_id
            assert overlaps[i, j] < MIN_IOU or (match is match_within_classes and not same)


@settings(deadline=None)
@given(truths=truths, detections=detections)
def test_detections_of_low_score_never_change_the_matches_of_others(
    truths: list[LabelledBox], detections: list[ScoredBox]
) -> None:
    every = set(match_within_classes(truths, detections).matches)
    sure = [index for index, one in enumerate(detections) if one.score >= 0.5]
    kept = match_within_classes(truths, [detections[index] for index in sure])
    expected = {(i, j) for i, j in every if detections[j].score >= 0.5}
    assert {(i, sure[j]) for i, j in kept.matches} == expected


def test_the_surer_detection_takes_the_object() -> None:
    matching = match_within_classes([truth(0)], [found(0, 0.5), found(2, 0.9)])
    assert pairs(matching) == [(0, 1)]
    assert matching.false_detections == (0,)


def test_a_detection_takes_the_free_object_that_it_overlaps_most() -> None:
    assert pairs(match_within_classes([truth(3), truth(1)], [found(0, 0.9)])) == [(1, 0)]


def test_equal_scores_go_by_overlap_and_then_by_index() -> None:
    assert pairs(match_within_classes([truth(0)], [found(2, 0.9), found(1, 0.9)])) == [(0, 1)]
    assert pairs(match_within_classes([truth(0)], [found(1, 0.9), found(1, 0.9)])) == [(0, 0)]
    assert pairs(match_within_classes([truth(0), truth(0)], [found(0, 0.9)])) == [(0, 0)]


def test_an_overlap_of_exactly_half_is_enough() -> None:
    half = ScoredBox(0, 0.9, Box(0, 0, 10, 5))
    assert pairs(match_within_classes([truth(0)], [half])) == [(0, 0)]


def test_classes_are_kept_apart_or_not() -> None:
    assert pairs(match_within_classes([truth(0, 1)], [found(0, 0.9, 2)])) == []
    assert pairs(match_across_classes([truth(0, 1)], [found(0, 0.9, 2)])) == [(0, 0)]
