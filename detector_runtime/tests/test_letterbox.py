from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.geometry.letterbox import (
    Resampler,
    letterbox,
    resampler,
    smallest_canvas,
    stretch,
)

SCREENS = [(3024, 1672), (2560, 1440), (1920, 1080), (1280, 720), (1366, 768), (720, 1280)]


def scaled(scale: Resampler, pixels: np.ndarray) -> np.ndarray:
    """Planes from 0 to 1, as the model takes them."""
    planes = np.empty((3, scale.content[1], scale.content[0]), np.float32)
    scale(pixels, planes)
    return planes


def normalised(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def image(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SCREENS)
def test_resampling_equals_opencv_bit_for_bit(size: tuple[int, int]) -> None:
    content = letterbox(size, (640, 640)).content
    pixels = image(*size)
    expected = cv2.resize(pixels, content, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(scaled(Resampler(size, content), pixels), normalised(expected))


@settings(max_examples=60, deadline=None)
@given(
    source=st.tuples(st.integers(2, 400), st.integers(2, 400)),
    target=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_resampling_equals_opencv_up_and_down(
    source: tuple[int, int], target: tuple[int, int]
) -> None:
    pixels = image(*source)
    expected = cv2.resize(pixels, target, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(scaled(resampler(source, target), pixels), normalised(expected))


def test_views_are_resampled_like_copies() -> None:
    pixels = image(300, 200)[10:150, 20:260]
    scale = Resampler((240, 140), (96, 56))
    np.testing.assert_array_equal(scaled(scale, pixels), scaled(scale, pixels.copy()))


@pytest.mark.parametrize("content", [(96, 56), (240, 140)])
def test_channels_are_put_into_the_order_that_the_model_takes(content: tuple[int, int]) -> None:
    pixels = image(240, 140)
    turned = scaled(Resampler((240, 140), content, (2, 1, 0)), pixels)
    straight = scaled(Resampler((240, 140), content), np.ascontiguousarray(pixels[:, :, ::-1]))
    np.testing.assert_array_equal(turned, straight)


@pytest.mark.slow
@pytest.mark.parametrize("size", [*SCREENS, (320, 256), (31, 200), (3000, 3)])
@pytest.mark.parametrize("auto", [False, True])
def test_placement_equals_the_training_pipelines(size: tuple[int, int], auto: bool) -> None:
    augment = pytest.importorskip("ultralytics.data.augment")
    pixels = image(*size)
    expected = augment.LetterBox((640, 640), auto=auto, stride=32)(image=pixels)
    canvas = smallest_canvas(size, (640, 640)) if auto else (640, 640)
    fit = letterbox(size, canvas)
    got = np.full((3, canvas[1], canvas[0]), np.float32(114) / np.float32(255), np.float32)
    rows = slice(fit.top, fit.top + fit.content[1])
    columns = slice(fit.left, fit.left + fit.content[0])
    resampler(fit.source, fit.content)(pixels, got[:, rows, columns])
    np.testing.assert_array_equal(got, normalised(expected))


def test_a_wide_screen_is_centred_with_equal_pads() -> None:
    fit = letterbox((3024, 1672), (640, 640))
    assert (fit.content, fit.left, fit.top) == ((640, 354), 0, 143)
    assert fit.scale == pytest.approx(640 / 3024)


def test_the_smallest_canvas_leaves_less_than_a_stride() -> None:
    assert smallest_canvas((3024, 1672), (640, 640)) == (640, 384)


@settings(max_examples=100, deadline=None)
@given(
    source=st.tuples(st.integers(8, 4000), st.integers(8, 4000)),
    shares=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    fill=st.booleans(),
)
def test_boxes_come_back_to_where_they_were(
    source: tuple[int, int], shares: list[float], fill: bool
) -> None:
    fit = (stretch if fill else letterbox)(source, (640, 640))
    x1, x2 = sorted(shares[:2])
    y1, y2 = sorted(shares[2:])
    box = np.array([[x1 * source[0], y1 * source[1], x2 * source[0], y2 * source[1]]], np.float32)
    gain = np.array([fit.content[0] / source[0], fit.content[1] / source[1]] * 2, np.float32)
    placed = box * gain + np.array([fit.left, fit.top] * 2, np.float32)
    np.testing.assert_allclose(fit.to_source(placed), box, atol=0.02 * max(source) / 640 + 0.01)


def test_boxes_on_the_pad_are_clipped_to_the_image() -> None:
    fit = letterbox((200, 100), (64, 64))
    np.testing.assert_array_equal(
        fit.to_source(np.array([[-5, -5, 70, 70]], np.float32)), [[0, 0, 200, 100]]
    )
