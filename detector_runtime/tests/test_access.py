from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector_runtime import (
    ConfigurationError,
    Detector,
    EntityDetector,
    ModelLoadError,
    WorldView,
    get_detector,
    open_detector,
    reset_detector,
)

IMAGE = np.zeros((400, 800, 3), np.uint8)


def test_without_a_model_the_mock_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        detector = get_detector()
    assert "NO MODEL FOUND" in caplog.text
    result = detector.detect_fast(IMAGE)
    assert detector.source.is_mock
    assert result.source.is_mock
    assert result.to_dict()["source"]["mock"] is True


def test_the_mock_sees_the_same_opening_every_time(caplog: pytest.LogCaptureFixture) -> None:
    detector = get_detector(use_mock=True)
    assert not caplog.records
    first, second = detector.detect_fast(IMAGE), open_detector(use_mock=True).detect_fast(IMAGE)
    assert first.entities == second.entities
    counts = {
        name: len(first.find_entities_by_class(name))
        for name in ("town_center", "sheep", "villager", "scout_line")
    }
    assert counts == {"town_center": 1, "sheep": 3, "villager": 3, "scout_line": 1}


def test_models_are_taken_in_their_order(
    tmp_path: Path, block_model: Callable[..., Path], make_bundle: Callable[..., Path]
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.move(block_model(), models / "game.onnx")
    assert str(open_detector().source) == "onnx game.onnx"
    make_bundle("models/game")
    assert open_detector().source.kind == "bundle"
    assert open_detector(models / "game.onnx").source.kind == "onnx"


def test_the_variable_names_a_model(
    block_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = block_model().rename("named.onnx")
    monkeypatch.setenv("DETECTOR_RUNTIME_MODEL", str(path))
    assert open_detector().source.name == "named.onnx"
    monkeypatch.setenv("DETECTOR_RUNTIME_MODEL", "elsewhere.onnx")
    with pytest.raises(ModelLoadError, match=r"elsewhere\.onnx"):
        open_detector()


def test_two_models_are_one_too_many(block_model: Callable[..., Path]) -> None:
    block_model(name="a.onnx")
    block_model(name="b.onnx")
    with pytest.raises(ConfigurationError, match=r"a\.onnx, b\.onnx"):
        open_detector()


def test_a_named_model_is_never_replaced_by_the_mock(tmp_path: Path) -> None:
    for name in ("absent.onnx", "absent.pt", "absent"):
        with pytest.raises(ModelLoadError, match="no model at"):
            get_detector(tmp_path / name)


def test_the_detector_is_shared(block_model: Callable[..., Path]) -> None:
    path = block_model()
    first = get_detector(path, confidence_threshold=0.5)
    assert get_detector() is first
    assert get_detector(path, confidence_threshold=0.5) is first
    with pytest.raises(ConfigurationError, match="reconfigure=True"):
        get_detector(path, confidence_threshold=0.6)
    assert get_detector() is first
    second = get_detector(path, confidence_threshold=0.6, reconfigure=True)
    assert second is not first
    assert get_detector() is second
    reset_detector()
    assert get_detector(use_mock=True).source.is_mock


def test_a_failed_reconfiguration_keeps_the_old_detector(block_model: Callable[..., Path]) -> None:
    first = get_detector(block_model())
    with pytest.raises(ModelLoadError):
        get_detector("absent.onnx", reconfigure=True)
    assert get_detector() is first
    first.detect_fast(IMAGE)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="confidense"):
        get_detector(use_mock=True, confidense=0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("imgsz", 0),
        ("imgsz", "640"),
        ("threads", 0),
        ("threads", 1.5),
        ("iou_threshold", 2.0),
        ("iou_threshold", float("nan")),
        ("same_box_iou", "0.9"),
        ("confidence_threshold", -0.1),
        ("confidence_threshold", "high"),
        ("class_names", "sheep"),
        ("class_names", ["sheep", "sheep"]),
        ("class_names", []),
        ("thresholds", {"sheep": 0.2}),
        ("tracker", 5),
        ("tracking", "magic"),
        ("world_view", (0, 0, 1, 1)),
        ("full_scan_interval", 0),
    ],
)
def test_impossible_settings_are_named(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        get_detector(use_mock=True, **{name: value})


@pytest.mark.parametrize(
    "wrong", [{"left": 0.5, "right": 0.5}, {"top": 0.9}, {"bottom": 1.5}, {"left": "0"}]
)
def test_a_view_without_extent_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="world view"):
        WorldView(**wrong)


def test_what_is_no_path_is_no_model() -> None:
    with pytest.raises(ConfigurationError, match="int is not the path"):
        get_detector(5)  # type: ignore[arg-type]


def test_a_detector_can_be_constructed_with_its_settings(block_model: Callable[..., Path]) -> None:
    detector = EntityDetector(block_model(), confidence_threshold=0.5, use_sahi=False)
    assert isinstance(detector, Detector)
    assert detector.thresholds.default == 0.5
    assert detector.source.kind == "onnx"
    assert EntityDetector(use_mock=True).source.is_mock
    with pytest.raises(ConfigurationError, match="confidense"):
        EntityDetector(use_mock=True, confidense=0.5)
    with pytest.raises(ModelLoadError):
        EntityDetector("absent.onnx")


def test_threads_get_one_detector(block_model: Callable[..., Path]) -> None:
    path = block_model()
    found = []
    threads = [threading.Thread(target=lambda: found.append(get_detector(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
