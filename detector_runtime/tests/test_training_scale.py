"""A model that learned parts of screenshots is shown whole ones at the scale that it learned."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector_runtime import (
    BundleError,
    ConfigurationError,
    Detector,
    DetectorSettings,
    ModelLoadError,
    get_detector,
    open_detector,
)
from detector_runtime.geometry.tiling import LARGEST_LOOK, Region, tiles_at_scale
from detector_runtime.models.training_scale import TrainingScale
from detector_runtime.tools.cli import main

SIDE = 64
"""Side of the images of training. Blocks of 16 pixels are found, smaller ones are not."""
FREE = ("batch", 3, "height", "width")
LEARNED = TrainingScale("tile", 1.0, (SIDE, SIDE))
MODES = ("detect_fast", "detect_fast_multi", "detect", "detect_adaptive")

Pixels = NDArray[np.uint8]


def screenshot(scale: int = 1) -> tuple[Pixels, set[tuple[int, int]]]:
    """A screenshot of 320x192 and where things are; both larger by `scale`."""
    corners = {(0, 0), (64, 32), (128, 96), (304, 144)}
    image = np.zeros((192 * scale, 320 * scale, 3), np.uint8)
    for x, y in corners:
        image[y * scale : (y + 16) * scale, x * scale : (x + 16) * scale, 0] = 255
    return image, {(x * scale, y * scale) for x, y in corners}


def tiled_screenshot() -> tuple[Pixels, set[tuple[int, int]]]:
    """One whose blocks lie on the grid of some tile: those of 64 pixels share 19, from 0 on."""
    image, places = np.zeros((64, 109, 3), np.uint8), {(0, 0), (32, 16), (45 + 48, 32)}
    for x, y in places:
        image[y : y + 16, x : x + 16, 0] = 255
    return image, places


def corners(found: Any) -> set[tuple[int, int]]:
    return {(round(entity.bbox[0]), round(entity.bbox[1])) for entity in found}


def trained(block_model: Callable[..., Path], scale: TrainingScale, **options: Any) -> Path:
    return block_model(imgsz=f"[{SIDE}, {SIDE}]", **options, **scale.to_metadata())


def alone(path: Path, **settings: Any) -> Detector:
    return open_detector(path, settings=DetectorSettings(tracking="none", **settings))


@pytest.mark.parametrize("shape", [FREE, (1, 3, SIDE, SIDE)])
@pytest.mark.parametrize("mode", MODES)
def test_a_file_alone_finds_in_every_mode_what_it_learned(
    block_model: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    shape: tuple[Any, ...],
    mode: str,
) -> None:
    path = trained(block_model, LEARNED, shape=shape)
    image, places = screenshot() if shape is FREE else tiled_screenshot()
    detector = get_detector(str(path), tracking="none", reconfigure=True)
    with caplog.at_level(logging.WARNING):
        result = getattr(detector, mode)(image)
    assert corners(result) == places
    assert result.scale_ratio == pytest.approx(1.0, abs=0.01)
    assert caplog.text == ""


def test_the_scale_need_not_be_that_of_the_screen(block_model: Callable[..., Path]) -> None:
    path = trained(block_model, TrainingScale("tile", 0.5, (128, 128)), shape=FREE)
    image, places = screenshot(2)
    assert corners(alone(path).detect_fast(image)) == places
    assert not alone(path).detect_fast(screenshot()[0])


@pytest.mark.parametrize("shape", [FREE, (1, 3, SIDE, SIDE)])
@pytest.mark.parametrize("mode", MODES)
def test_the_caller_can_say_it_of_a_larger_screen_that_shows_more(
    block_model: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    shape: tuple[Any, ...],
    mode: str,
) -> None:
    path = block_model(shape=shape, imgsz=f"[{SIDE}, {SIDE}]")
    image, places = screenshot() if shape is FREE else tiled_screenshot()
    assert corners(alone(path).detect_fast(image)) != places
    with caplog.at_level(logging.WARNING):
        found = getattr(alone(path, scale=1.0), mode)(image)
    assert corners(found) == places
    assert caplog.text == ""


def test_a_scale_and_a_size_are_not_asked_for_together() -> None:
    for wrong in ({"scale": 0.0}, {"scale": 1000.0}, {"scale": 1.0, "imgsz": 64}):
        with pytest.raises(ConfigurationError, match=r"scale|imgsz"):
            DetectorSettings(**wrong)


def test_a_scale_is_refused_where_it_would_not_be_kept(
    make_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "best.pt"
    checkpoint.touch()
    for model in (make_bundle("stretched", io={"preprocess": "stretch"}), checkpoint):
        with pytest.raises(ConfigurationError, match=r"scale is 1\.0"):
            alone(model, scale=1.0)


def test_a_bundle_says_it_and_needs_no_more(
    make_bundle: Callable[..., Path], block_model: Callable[..., Path]
) -> None:
    bundle = make_bundle(io={"trained_on": "tile", "scale": 1.0})
    assert json.loads((bundle / "bundle.json").read_text())["io"]["scale"] == 1.0
    image = np.zeros((64, 64 + 45, 3), np.uint8)
    image[16:32, 45 + 32 : 45 + 48, 0] = 255
    assert corners(alone(bundle).detect_fast(image)) == {(45 + 32, 16)}


def test_bundles_without_a_scale_are_read_as_they_were(make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle(io={"trained_on": "tile"})
    assert "scale" not in json.loads((bundle / "bundle.json").read_text())["io"]
    facts = alone(bundle).model.facts
    assert (facts.trained_on, facts.scale, facts.keeps_scale) == ("tile", None, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trained_on": "frame"}, "a scale is that of tiles"),
        ({"preprocess": "stretch"}, "stretched frames have no one scale"),
        ({"scale": 0.0}, "io.scale"),
        ({"scale": 1000.0}, "io.scale"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(
    make_bundle: Callable[..., Path], change: dict[str, object], said: str
) -> None:
    manifest = make_bundle(io={"trained_on": "tile", "scale": 1.0}) / "bundle.json"
    content = json.loads(manifest.read_text())
    content["io"] |= change
    manifest.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=said):
        alone(manifest.parent)


@pytest.mark.parametrize("said", [{}, TrainingScale("frame", 0.2, (320, 192)).to_metadata()])
def test_models_of_frames_and_of_other_makers_see_the_whole_screenshot(
    block_model: Callable[..., Path], said: dict[str, str]
) -> None:
    image, _ = screenshot()
    detector = alone(block_model(shape=FREE, imgsz=f"[{SIDE}, {SIDE}]", **said))
    large = np.repeat(np.repeat(image, 5, axis=0), 5, axis=1)
    assert len(detector.detect_fast(image)) == 0
    found = detector.detect_fast(large)
    assert found.scale_ratio == 1.0
    assert detector.model.facts.keeps_scale is False


def test_a_size_that_is_asked_for_wins_and_the_guard_says_what_it_does(
    block_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = trained(block_model, LEARNED, shape=FREE)
    image, places = screenshot()
    with caplog.at_level(logging.WARNING):
        assert corners(alone(path, imgsz=320).detect_fast(image)) == places
        assert caplog.text == ""
        found = alone(path, imgsz=64).detect_fast(image)
    assert (len(found), found.scale_ratio) == (0, pytest.approx(0.2))
    assert "detect_fast shows this model things 5.0 times smaller" in caplog.text
    assert "Leave out imgsz" in caplog.text


@pytest.mark.parametrize("mode", MODES)
def test_without_tiles_the_guard_speaks_in_every_mode(
    block_model: Callable[..., Path], caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    path = trained(block_model, LEARNED)
    with caplog.at_level(logging.WARNING):
        getattr(alone(path, use_sahi=False), mode)(screenshot()[0])
    assert "5.0 times smaller" in caplog.text
    assert "Leave out use_sahi=False" in caplog.text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("trained_on", "crops"),
        ("scale", "much"),
        ("scale", "nan"),
        ("scale", "0"),
        ("scale", "1000"),
        ("image_size", "320"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    block_model: Callable[..., Path], key: str, text: str
) -> None:
    metadata = LEARNED.to_metadata() | {f"detector_runtime.{key}": text}
    with pytest.raises(ModelLoadError, match="how large"):
        alone(block_model(**metadata))


@given(
    st.builds(
        TrainingScale,
        st.sampled_from(["frame", "tile"]),
        st.floats(1 / 64, 64),
        st.tuples(st.integers(1, 99_999), st.integers(1, 99_999)),
    )
)
def test_what_is_written_is_read(scale: TrainingScale) -> None:
    others = {"names": "{0: 'a'}", "scale": "of another maker"}
    assert TrainingScale.from_metadata(others | scale.to_metadata()) == scale
    assert TrainingScale.from_metadata(others) is None


@settings(max_examples=60, deadline=None)
@given(
    screen=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    side=st.integers(128, 1280),
    scale=st.floats(1 / 8, 1),
    is_free=st.booleans(),
)
def test_parts_show_all_of_a_screenshot_and_fit_the_input(
    screen: tuple[int, int], side: int, scale: float, is_free: bool
) -> None:
    parts = tiles_at_scale(Region(0, 0, *screen), (side, side), scale, is_free)
    most = (max(LARGEST_LOOK, side) if is_free else side) / scale
    columns = np.zeros(screen[0], bool)
    rows = np.zeros(screen[1], bool)
    for part in parts:
        assert max(part.width, part.height) <= most + 0.5
        columns[part.left : part.right] = rows[part.top : part.bottom] = True
    assert columns.all()
    assert rows.all()
    corners = {(part.left, part.top) for part in parts}
    assert len(corners) == len(parts) == len({x for x, _ in corners}) * len({y for _, y in corners})


def test_very_large_screenshots_are_looked_at_in_parts() -> None:
    full = tiles_at_scale(Region(0, 0, 2560, 1440), (320, 320), 1.0, True)
    assert full == [Region(0, 0, 2560, 1440)]
    parts = tiles_at_scale(Region(0, 0, 3840, 2160), (320, 320), 1.0, True)
    assert [(part.left, part.right) for part in parts] == [(0, LARGEST_LOOK), (1280, 3840)]
    assert len(tiles_at_scale(Region(0, 0, 3840, 2160), (320, 320), 0.5, True)) == 1


def test_info_says_it(block_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = trained(block_model, TrainingScale("tile", 0.5, (128, 128)), shape=FREE)
    assert main(["info", str(path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["trained_on", "tile"] in lines
    assert ["scale", "0.5"] in lines
