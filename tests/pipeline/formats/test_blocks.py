"""BC1 and BC4 blocks agree with Pillow, and come back from encoding as near as they can."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.formats.blocks import (
    blocks_of,
    encode_bc1,
    encode_bc4,
    image_of_blocks,
    opaque_bits_of_bc1,
)
from tests.pipeline.formats.comparing import image_of

SEEDS = st.integers(0, 2**32)
BLOCKS = 256


def random_blocks(seed: int) -> np.ndarray:
    """Blocks of which every fourth has equal ends: the border between the two modes."""
    blocks = np.random.default_rng(seed).integers(0, 256, (BLOCKS, 8), dtype=np.uint8)
    blocks[::4, 2:4] = blocks[::4, 0:2]
    blocks[::4, 1] = blocks[::4, 0]
    return blocks


def decode_bc1(blocks: np.ndarray) -> np.ndarray:
    """Blocks, uint8 [n, 8], to uint8 [n, 4, 4, 4]: block, row, column, RGBA."""
    return image_of_blocks(blocks.view("<u8")[:, 0], 1, "BC1").reshape(-1, 4, 4, 4)


def decode_bc4(blocks: np.ndarray) -> np.ndarray:
    """Blocks, uint8 [n, 8], to uint8 [n, 4, 4]."""
    return image_of_blocks(blocks.view("<u8")[:, 0], 1, "BC4").reshape(-1, 4, 4)


def pillow_pixels(fourcc: bytes, blocks: np.ndarray) -> np.ndarray:
    """What Pillow makes of the blocks as a DDS 16 blocks wide."""
    width, height = 64, 64
    header = struct.pack(
        "<4s7I44x2I4s20x5I",
        *(b"DDS ", 124, 0x81007, height, width, blocks.nbytes, 0, 0),
        *(32, 4, fourcc),
        *(0x1000, 0, 0, 0, 0),
    )
    image = Image.open(io.BytesIO(header + blocks.tobytes()))
    return np.asarray(image.convert("RGBA"))


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_bc1_decodes_as_in_pillow(seed: int) -> None:
    blocks = random_blocks(seed)
    assert np.array_equal(image_of(decode_bc1(blocks), 64), pillow_pixels(b"DXT1", blocks))


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_opaque_bits_are_those_of_the_decoded_pixels(seed: int) -> None:
    blocks = random_blocks(seed)
    opaque = decode_bc1(blocks)[..., 3].reshape(-1, 16) > 0
    bits = opaque_bits_of_bc1(blocks.view("<u8")[:, 0])
    assert np.array_equal(bits, (opaque << np.arange(16)).sum(axis=1))


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_bc4_decodes_as_the_alpha_of_bc3_in_pillow(seed: int) -> None:
    alphas, colours = random_blocks(seed), random_blocks(seed + 1)
    expected = pillow_pixels(b"DXT5", np.concatenate((alphas, colours), axis=1))[..., 3]
    assert np.array_equal(image_of(decode_bc4(alphas), 64), expected)


def test_white_stays_white_when_five_bits_become_eight() -> None:
    white = np.frombuffer(bytes.fromhex("ffff 0000 00000000"), np.uint8)[None]
    assert (decode_bc1(white) == 255).all()


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_bc1_keeps_blocks_of_two_colours_and_holes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    five, six = np.arange(32), np.arange(64)
    red = rng.choice(five << 3 | five >> 2, (BLOCKS, 2))
    green = rng.choice(six << 2 | six >> 4, (BLOCKS, 2))
    pair = np.stack((red, green, red[:, ::-1]), axis=2)
    chosen = rng.integers(0, 2, (BLOCKS, 16))
    pixels = np.full((BLOCKS, 16, 4), 255, np.uint8)
    pixels[..., :3] = np.take_along_axis(pair, chosen[..., None], axis=1)
    pixels[rng.random((BLOCKS, 16)) < rng.choice([0.0, 0.3, 1.0], (BLOCKS, 1))] = 0
    pixels = pixels.reshape(-1, 4, 4, 4)
    assert np.array_equal(decode_bc1(encode_bc1(pixels)), pixels)


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_bc4_keeps_two_values_besides_black_and_white(seed: int) -> None:
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (BLOCKS, 4), dtype=np.uint8)
    palette[:, 2:] = 0, 255
    values = np.take_along_axis(palette, rng.integers(0, 4, (BLOCKS, 16)), axis=1)
    values = values.reshape(-1, 4, 4)
    assert np.array_equal(decode_bc4(encode_bc4(values)), values)


def test_bc1_follows_a_smooth_ramp_to_a_few_levels() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    image = np.dstack([np.tile(ramp, (16, 1))] * 3 + [np.full((16, 64), 255, np.uint8)])
    decoded = image_of(decode_bc1(encode_bc1(blocks_of(image))), 64)
    assert np.abs(decoded.astype(int) - image).max() <= 8


def test_half_transparent_pixels_become_opaque_from_128_on() -> None:
    pixels = np.full((1, 4, 4, 4), 200, np.uint8)
    pixels[0, 0, :, 3] = 0, 127, 128, 255
    assert decode_bc1(encode_bc1(pixels))[0, 0, :, 3].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("channels", [(), (4,)])
def test_cutting_into_blocks_and_joining_gives_the_image_back(channels: tuple[int, ...]) -> None:
    image = np.arange(12 * 20 * max(1, *channels, 1)).reshape(12, 20, *channels)
    blocks = blocks_of(image)
    assert blocks.shape == (15, 4, 4, *channels)
    assert np.array_equal(blocks[6], image[4:8, 4:8])
    assert np.array_equal(image_of(blocks, 20), image)
