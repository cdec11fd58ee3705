"""Blur and compression of the inventory's screens, held against what they imitate."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.inventory.display import DisplaySettings
from pipeline.demo_game.inventory.finishing import blurred, compressed, finish
from pipeline.demo_game.inventory.screens import draw_screen


@pytest.fixture(scope="module")
def screen() -> Pixels:
    return draw_screen(1, "MARKET", DisplaySettings(640, 360)).image


@pytest.mark.parametrize("quality", [30, 75, 85, 92])
def test_compression_loses_what_jpeg_loses(screen: Pixels, quality: int) -> None:
    stream = io.BytesIO()
    Image.fromarray(screen).save(stream, "JPEG", quality=quality)
    jpeg = np.asarray(Image.open(stream)).astype(int)
    ours = compressed(screen, quality).astype(int)
    lost, lost_by_jpeg = (np.abs(screen - image).mean() for image in (ours, jpeg))
    assert 0.8 < lost / lost_by_jpeg < 1.35
    assert np.abs(ours - jpeg).mean() < lost_by_jpeg


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 100), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_an_even_image_of_any_size_stays_as_it_is(
    height: int, width: int, quality: int, grey: int
) -> None:
    image = np.full((height, width, 3), grey, np.uint8)
    assert compressed(image, quality).shape == image.shape
    step = max(1, 16 * (5000 // quality if quality < 50 else 200 - 2 * quality) // 100) / 8
    assert np.abs(compressed(image, quality).astype(int) - grey).max() <= step / 2 + 2


def test_blur_is_the_binomial_one(screen: Pixels) -> None:
    kernel = ImageFilter.Kernel((3, 3), [1, 2, 1, 2, 4, 2, 1, 2, 1])
    pillows = np.asarray(Image.fromarray(screen).filter(kernel))
    assert np.abs(pillows.astype(int) - blurred(screen))[1:-1, 1:-1].max() <= 1


def test_brightness_moves_all_colours(screen: Pixels) -> None:
    darker = finish(screen, DisplaySettings(brightness=128))
    assert np.array_equal(darker, screen // 2)
    assert finish(screen, DisplaySettings()) is screen
