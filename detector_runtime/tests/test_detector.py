from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import (
    ConfigurationError,
    Detector,
    DetectorSettings,
    ImageError,
    MissingDependencyError,
    Thresholds,
    open_detector,
)

GREY = np.full((64, 64, 3), 114, np.uint8)


def rows(*entries: tuple[float, float, float, int]) -> list[list[float]]:
    """Boxes of 16 pixels at (x, y) with a score and a class."""
    return [[x, y, x + 16, y + 16, score, class_id] for x, y, score, class_id in entries]


def opened(path: Path, **settings: object) -> Detector:
    return open_detector(path, settings=DetectorSettings(**settings))  # type: ignore[arg-type]


def test_of_two_boxes_of_one_class_the_better_stays(constant_model: Callable[..., Path]) -> None:
    path = constant_model(rows((0, 0, 0.6, 0), (2, 0, 0.9, 0), (2, 0, 0.8, 1), (40, 0, 0.5, 0)))
    found = opened(path).detect_fast(GREY)
    assert [(e.id, round(e.confidence, 1)) for e in found] == [
        ("sheep_0", 0.9),
        ("villager_0", 0.8),
        ("sheep_1", 0.5),
    ]
    assert len(opened(path, iou_threshold=0.95).detect_fast(GREY)) == 4


def test_one_place_with_two_classes_is_one_thing_when_asked(
    constant_model: Callable[..., Path],
) -> None:
    path = constant_model(rows((0, 0, 0.6, 0), (0, 0, 0.7, 1), (6, 0, 0.5, 2)))
    assert len(opened(path).detect_fast(GREY)) == 3
    found = opened(path, same_box_iou=0.9).detect_fast(GREY)
    assert [entity.class_name for entity in found] == ["villager", "town_center"]


def test_thresholds_hold_per_class(constant_model: Callable[..., Path]) -> None:
    path = constant_model(rows((0, 0, 0.3, 0), (20, 0, 0.3, 1), (40, 0, 0.5, 1)))
    assert len(opened(path).detect_fast(GREY)) == 1
    lower = Thresholds(0.4, {"sheep": 0.2})
    assert [e.class_name for e in opened(path, thresholds=lower).detect_fast(GREY)] == [
        "villager",
        "sheep",
    ]
    low = opened(path, thresholds=lower, confidence_threshold=0.6).detect_fast(GREY)
    assert [e.class_name for e in low] == ["sheep"]
    with pytest.raises(ConfigurationError, match="cow"):
        opened(path, thresholds=Thresholds(per_class={"cow": 0.5}))
    with pytest.raises(ConfigurationError):
        Thresholds(1.5)


def test_boxes_without_extent_are_left_out(constant_model: Callable[..., Path]) -> None:
    path = constant_model([[8, 8, 4, 20, 0.9, 0], [8, 8, 8, 20, 0.9, 0], [70, 8, 90, 20, 0.9, 0]])
    assert len(opened(path).detect_fast(GREY)) == 0


def test_reporting_all_that_it_can_is_said(
    constant_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    full = constant_model(rows((0, 0, 0.9, 0), (20, 0, 0.8, 0)))
    with caplog.at_level(logging.WARNING):
        assert opened(full).detect_fast(GREY).truncated
    assert "more may be there" in caplog.text
    caplog.clear()
    assert opened(full, warn_truncated=False).detect_fast(GREY).truncated
    assert caplog.text == ""
    part = constant_model(rows((0, 0, 0.9, 0), (20, 0, 0.1, 0)))
    assert not opened(part).detect_fast(GREY).truncated


def test_results_are_sequences_with_queries(constant_model: Callable[..., Path]) -> None:
    detector = opened(constant_model(rows((0, 0, 0.9, 0), (40, 0, 0.8, 1), (0, 40, 0.7, 0))))
    assert detector.find_entity_by_id("sheep_0") is None
    found = detector.detect_fast(GREY)
    assert len(found) == 3
    assert [entity.id for entity in found[1:]] == ["villager_0", "sheep_1"]
    assert found.find_entity_by_id("sheep_1") is found[2]
    assert found.find_entity_by_id("sheep_9") is None
    assert found.find_nearest_entity(0, 60).id == "sheep_1"
    assert found.find_nearest_entity(0, 60, "villager").id == "villager_0"
    assert found.find_nearest_entity(0, 60, "cow") is None
    assert [e.id for e in found.find_entities_within(8, 48, 45)] == ["sheep_1", "sheep_0"]
    assert [e.id for e in found.find_entities_within(8, 48, 45, "villager")] == []
    assert detector.last is found
    assert detector.find_nearest_entity(60, 0).id == "villager_0"
    assert len(detector.find_entities_by_class("sheep")) == 2
    assert [e.id for e in found.where(found.scores < 0.75)] == ["sheep_1"]


def test_results_become_json(constant_model: Callable[..., Path]) -> None:
    found = opened(constant_model(rows((0, 0, 0.9, 0)))).detect_fast(GREY)
    values = json.loads(found.to_json())
    assert values["entities"] == [
        {
            "id": "sheep_0",
            "class_name": "sheep",
            "bbox": [0.0, 0.0, 16.0, 16.0],
            "center": [8.0, 8.0],
            "confidence": 0.9,
            "area": 256.0,
            "tentative": False,
            "owner": None,
            "owner_confidence": 0.0,
        }
    ]
    assert values["image_size"] == [64, 64]
    assert values["timings_ms"]["total"] > 0


def test_results_become_supervisions(
    constant_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = opened(constant_model(rows((0, 0, 0.9, 0), (40, 0, 0.8, 1)))).detect_fast(GREY)
    made = found.where(found.scores > 2)
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingDependencyError, match="pip install supervision"):
        found.to_supervision()
    monkeypatch.undo()
    supervision = pytest.importorskip("supervision")
    theirs = found.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    np.testing.assert_array_equal(theirs.xyxy, found.boxes)
    assert theirs.data["entity_id"].tolist() == ["sheep_0", "villager_0"]
    assert theirs.data["class_name"].tolist() == ["sheep", "villager"]
    assert len(set(theirs.tracker_id.tolist())) == 2
    assert len(made.to_supervision()) == 0


def test_an_empty_result_is_no_special_case(constant_model: Callable[..., Path]) -> None:
    found = opened(constant_model(rows((0, 0, 0.1, 0)))).detect_fast(GREY)
    assert not found
    assert found.entities == []
    assert found.find_nearest_entity(0, 0) is None
    assert found.boxes.shape == (0, 4)
    assert found.to_dict()["entities"] == []


def test_a_bad_image_leaves_the_last_result(constant_model: Callable[..., Path]) -> None:
    detector = opened(constant_model(rows((0, 0, 0.9, 0))))
    found = detector.detect_fast(GREY)
    with pytest.raises(ImageError):
        detector.detect_fast(np.zeros((3, 3)))
    assert detector.last is found


def test_threads_take_turns(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model())
    wrong = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            x, y = rng.integers(0, 4, 2) * 16
            image = np.zeros((64, 64, 3), np.uint8)
            image[y : y + 16, x : x + 16, 0] = 255
            (entity,) = detector.detect_fast(image)
            if entity.bbox[:2] != (x, y):
                wrong.append(entity)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
