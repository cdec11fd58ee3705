from __future__ import annotations

import pytest

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.breakdowns import count_errors, score_sizes, size_of
from pipeline.labels.boxes import Box, LabelledBox

SHEEP, WOLF = 0, 1
PLACE = Box(0, 0, 100, 100)
HALF_BESIDE = Box(50, 0, 150, 100)
"""Overlaps the place by a third."""
ELSEWHERE = Box(300, 300, 400, 400)


def errors(*detections: ScoredBox) -> dict[str, int]:
    """What is wrong with detections in a frame with one sheep; kinds that do not occur left out."""
    frame = JudgedFrame("f", (LabelledBox(SHEEP, PLACE),), detections)
    return {kind: count for kind, count in count_errors([frame], (0.5, 0.5)).items() if count}


@pytest.mark.parametrize(
    ("class_id", "box", "kinds"),
    [
        (SHEEP, PLACE, {}),
        (WOLF, PLACE, {"wrong class": 1}),
        (SHEEP, HALF_BESIDE, {"wrong place": 1}),
        (WOLF, HALF_BESIDE, {"wrong class and place": 1}),
        (SHEEP, ELSEWHERE, {"nothing there": 1, "missed": 1}),
    ],
)
def test_each_kind_of_error_is_told(class_id: int, box: Box, kinds: dict[str, int]) -> None:
    assert errors(ScoredBox(class_id, 0.9, box)) == kinds


def test_a_second_detection_of_one_object_is_told_apart() -> None:
    assert errors(ScoredBox(SHEEP, 0.9, PLACE), ScoredBox(SHEEP, 0.8, PLACE)) == {"found before": 1}


def test_what_does_not_count_is_no_error_and_finds_nothing() -> None:
    assert errors(ScoredBox(WOLF, 0.4, PLACE)) == {"missed": 1}


def test_sizes_are_those_of_coco_and_every_object_has_one() -> None:
    squares = [Box(0, 0, side, side) for side in (1, 31.9, 32, 95.9, 96, 2000)]
    assert [size_of(box) for box in squares] == ["small"] * 2 + ["medium"] * 2 + ["large"] * 2


def test_recall_by_size_counts_detections_of_the_class_alone() -> None:
    small = Box(200, 0, 210, 10)
    frame = JudgedFrame(
        "f",
        (LabelledBox(SHEEP, PLACE), LabelledBox(SHEEP, small)),
        (ScoredBox(SHEEP, 0.9, PLACE), ScoredBox(WOLF, 0.9, small)),
    )
    found = {one.name: (one.truths, one.found, one.recall) for one in score_sizes([frame], (0, 0))}
    assert found == {"small": (1, 0, 0.0), "medium": (0, 0, None), "large": (1, 1, 1.0)}
