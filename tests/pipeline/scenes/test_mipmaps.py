"""Levels of a sprite."""

import cv2
import numpy as np
import pytest

from pipeline.scenes.pixels.mipmaps import SMALLEST_LEVEL, Scales, half, pyramid_of
from tests.pipeline.scenes.plain_kernels import level_at, levels_of


@pytest.mark.parametrize("channels", [(), (4,)])
@pytest.mark.parametrize("largest", [0.1, 0.3, 0.5, 0.77, 1.0, 3.0])
def test_levels_above_the_largest_scale_are_not_kept(largest, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, *channels), dtype=np.uint8)
    pyramid = pyramid_of(pixels, Scales(0.0, largest))
    assert pyramid.shape == pixels.shape
    scale = min(1.0, largest)
    assert 90 * scale <= pyramid.rows < 90 * scale + 4
    assert 70 * scale <= pyramid.columns < 70 * scale + 4


@pytest.mark.parametrize("size", [(90, 70), (8, 8), (7, 100), (1, 1), (33, 9)])
def test_each_level_is_half_of_the_one_above(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 4), dtype=np.uint8)
    first, *others = levels_of(pyramid_of(pixels))
    assert np.array_equal(first, pixels)
    for level in others:
        assert min(first.shape[:2]) >= 2 * SMALLEST_LEVEL
        expected = cv2.resize(
            np.ascontiguousarray(first), (half(first.shape[1]), half(first.shape[0]))
        )
        assert np.array_equal(level, expected)
        first = level
    assert min(first.shape[:2]) < 2 * SMALLEST_LEVEL


def test_the_level_for_a_size_is_the_smallest_that_is_no_smaller():
    pyramid = pyramid_of(np.zeros((64, 48), np.uint8))
    for wanted, found in {
        (100, 100): (64, 48),
        (33, 20): (64, 48),
        (32, 24): (32, 24),
        (5, 24): (32, 24),
        (4, 3): (8, 6),
    }.items():
        assert level_at(np.array(pyramid.place), 1, wanted).shape == found
