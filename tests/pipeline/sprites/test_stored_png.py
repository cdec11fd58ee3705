"""PNG of sprites: read by anyone, and read back without loss."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.sprites.stored_png import HEADER_BYTES, decode, encode, header_of

SIDES = st.integers(1, 300)


@given(SIDES, SIDES, st.sampled_from([None, 4]), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_every_reader_sees_the_pixels_that_were_written(height, width, channels, seed):
    shape = (height, width) if channels is None else (height, width, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    data = encode(pixels)
    assert np.array_equal(decode(data), pixels)
    assert np.array_equal(np.array(Image.open(io.BytesIO(data))), pixels)
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(other if channels is None else other[..., [2, 1, 0, 3]], pixels)
    assert header_of(data[:HEADER_BYTES]) == (width, height, channels or 1)


def test_a_png_of_another_layout_is_left_to_others():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 4), dtype=np.uint8)
    for level in (0, 6):
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "PNG", compress_level=level)
        found = decode(packed.getvalue())
        assert found is None or np.array_equal(found, pixels)


@pytest.mark.parametrize("end", [0, 20, HEADER_BYTES - 1])
def test_what_is_no_png_is_refused(end):
    data = encode(np.zeros((3, 5), np.uint8))
    with pytest.raises(ValueError, match="no PNG"):
        decode(data[:end])


def test_damaged_pixels_are_noticed():
    data = bytearray(encode(np.zeros((9, 9, 4), np.uint8)))
    data[60] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        decode(bytes(data))


def test_colours_that_no_sprite_has_are_refused():
    packed = io.BytesIO()
    Image.new("RGB", (4, 4)).save(packed, "PNG")
    with pytest.raises(ValueError, match="colour type 2"):
        decode(packed.getvalue())
