from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from doubles.coco_oracles import by_faster_coco_eval, by_pycocotools

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.average_precision import average_precisions, without_each_session
from pipeline.labels.boxes import Box, LabelledBox

CLASSES = 3


ORACLES: dict[str, Callable[..., Any]] = {
    "faster-coco-eval": by_faster_coco_eval,
    "pycocotools": by_pycocotools,
}


def random_frame(number: int, crowd: int, session: str | None = None) -> JudgedFrame:
    """So many objects and half as many false detections, most of them a little out of place."""
    rng = np.random.default_rng([number, crowd])
    truths = [
        LabelledBox(int(c), Box(x, y, x + w, y + h))
        for c, x, y, w, h in zip(
            rng.integers(0, CLASSES - 1, crowd),  # Of the last class there is no object.
            *rng.uniform(0, 600, (2, crowd)),
            *rng.uniform(10, 60, (2, crowd)),
            strict=True,
        )
    ]
    detections = []
    for truth in truths:
        shift = rng.normal(0, 4, 4)
        corners = np.array(truth.box) + shift
        if corners[2] > corners[0] + 1 and corners[3] > corners[1] + 1 and rng.uniform() < 0.8:
            # Few different scores, so that ties are common.
            detections.append(
                ScoredBox(truth.class_id, float(rng.integers(1, 50)) / 50, Box(*corners))
            )
    for x, y in rng.uniform(0, 600, (crowd // 2, 2)):
        false = Box(float(x), float(y), float(x) + 30, float(y) + 20)
        detections.append(ScoredBox(int(rng.integers(0, CLASSES)), float(rng.uniform(0, 1)), false))
    return JudgedFrame(f"f{number}", tuple(truths), tuple(detections), session)


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
@pytest.mark.parametrize("crowd", [0, 1, 7, 160])
def test_it_is_what_other_implementations_say(oracle: Callable[..., Any], crowd: int) -> None:
    frames = [random_frame(number, crowd) for number in range(4)]
    found = average_precisions(frames, CLASSES)
    for ours, theirs in zip(found.per_class, oracle(frames, CLASSES), strict=True):
        expected = [None if value < 0 else pytest.approx(value, abs=1e-6) for value in theirs]
        assert [ours.ap50, ours.ap50_95] == expected


def test_a_perfect_model_has_all_of_a_crowded_frame() -> None:
    # Of one class: the limit of COCO is one of each class in each frame.
    boxes = [truth.box for truth in random_frame(1, 160).truths]
    frame = JudgedFrame(
        "f",
        tuple(LabelledBox(0, box) for box in boxes),
        tuple(ScoredBox(0, 0.9, box) for box in boxes),
    )
    found = average_precisions([frame], 1)
    assert (found.mean.ap50, found.mean.ap50_95) == (1.0, 1.0)


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
def test_small_rankings(hits: list[bool], missed: int, expected: float) -> None:
    boxes = [Box(20 * i, 0, 20 * i + 9, 9) for i in range(len(hits) + missed)]
    truths = tuple(LabelledBox(0, b) for i, b in enumerate(boxes) if i >= len(hits) or hits[i])
    detections = tuple(
        ScoredBox(0, 0.9 - 0.01 * i, boxes[i] if hit else Box(20 * i, 90, 20 * i + 9, 99))
        for i, hit in enumerate(hits)
    )
    found = average_precisions([JudgedFrame("f", truths, detections)], 1)
    assert found.per_class[0].ap50 == pytest.approx(expected, abs=1e-6)


def test_without_an_object_there_is_none() -> None:
    found = average_precisions([JudgedFrame("f", (), ())], 1)
    assert (found.mean.ap50, found.per_class[0].ap50_95) == (None, None)


def test_leaving_out_a_session_is_judging_the_others() -> None:
    frames = [random_frame(n, 12, session="abc"[n % 3]) for n in range(9)]
    found = without_each_session(frames, CLASSES)
    assert sorted(found) == ["a", "b", "c"]
    for name, value in found.items():
        others = [frame for frame in frames if frame.session != name]
        assert value == average_precisions(others, CLASSES).mean
