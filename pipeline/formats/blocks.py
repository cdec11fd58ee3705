"""BC1 and BC4 block compression: 8 bytes hold 4x4 pixels, of colour or of one channel.

Pillow's decoder does the decoding: 5 and 6 bit channels are widened by repeating their high bits,
and interpolated values are rounded down. Encoding asks it for the colours of a block, and uses
integers only, so that the same pixels give the same blocks on every machine.

Formats: https://learn.microsoft.com/windows/win32/direct3d10/d3d10-graphics-programming-guide-resources-block-compression
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 4
"""Pixels along each side of a block."""
BLOCK_BYTES = 8

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint16]
Codes = npt.NDArray[np.uint64]
"""Blocks, each as one little-endian number of eight bytes."""
TRANSPARENT_BC1 = int.from_bytes(b"\0\0\0\0\xff\xff\xff\xff", "little")
TRANSPARENT_BC4 = 0

BC1_INDICES = 0b11_10_01_00
"""A row of pixels with the indices 0 to 3: decoded, it is the palette of its block."""
BC4_INDICES = np.frombuffer(b"\x88\xc6\xfa\0\0\0", np.uint8)
"""Two rows with the indices 0 to 7, and two with 0 alone."""

ENCODE_BATCH = 4096
"""Blocks encoded at once: keeps the 16x16 distances of a batch within the processor's cache."""


def image_of_blocks(codes: Codes, columns: int, kind: Literal["BC1", "BC4"]) -> Bytes:
    """Decode a whole image with Pillow, straight into an array.

    Args:
        codes: the image's blocks row by row, each as one little-endian number of eight bytes.
        columns: blocks in a row; divides their number.

    Returns:
        uint8 [height, width, 4] of BC1, where alpha is 0 or 255; [height, width] of BC4.
    """
    height, width = SIDE * (len(codes) // max(columns, 1)), SIDE * columns
    mode, number, channels = ("RGBA", 1, (4,)) if kind == "BC1" else ("L", 4, ())
    pixels = np.empty((height, width, *channels), np.uint8)
    if len(codes):
        # The image is a view of the array, and decoding into it saves two copies.
        image = Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1)
        image.frombytes(codes.view(np.uint8), "bcn", number, kind)
    return pixels


def opaque_bits_of_bc1(codes: Codes) -> Bits:
    """Which pixels of BC1 blocks are opaque: bit `4 * y + x` of each number says it of (x, y)."""
    first, second, indices = codes & 0xFFFF, codes >> 16 & 0xFFFF, codes >> 32
    # Index 3, both bits set, is the transparent one of a block with three colours.
    bits = indices & indices >> 1 & 0x55555555
    for shift, mask in ((1, 0x33333333), (2, 0x0F0F0F0F), (4, 0x00FF00FF), (8, 0xFFFF)):
        bits = (bits | bits >> shift) & mask
    return np.where(first > second, 0xFFFF, bits ^ 0xFFFF).astype(np.uint16)


def encode_bc1(pixels: Bytes) -> Bytes:
    """The BC1 blocks nearest to the given colours.

    A block whose opaque pixels have at most two colours comes back unchanged if RGB565 holds them.

    Args:
        pixels: uint8 [n, 4, 4, 4] RGBA; alpha from 128 is opaque.

    Returns:
        uint8 [n, 8].
    """
    return _in_batches(_encode_bc1_batch, pixels)


def encode_bc4(values: Bytes) -> Bytes:
    """The BC4 blocks nearest to uint8 [n, 4, 4] values, as uint8 [n, 8].

    A block with at most two values besides 0 and 255 comes back unchanged.
    """
    return _in_batches(_encode_bc4_batch, values)


def blocks_of(image: Array) -> Array:
    """Cut [h, w, ...] into [h/4 * w/4, 4, 4, ...], row by row; both sides are multiples of 4."""
    height, width, *channels = image.shape
    tiled = image.reshape(height // SIDE, SIDE, width // SIDE, SIDE, *channels)
    return np.ascontiguousarray(tiled.swapaxes(1, 2)).reshape(-1, SIDE, SIDE, *channels)


# --- Encoding --------------------------------------------------------------------------------


def _in_batches(encode: Callable[[Bytes], Bytes], blocks: Bytes) -> Bytes:
    encoded = np.empty((len(blocks), BLOCK_BYTES), np.uint8)
    for start in range(0, len(blocks), ENCODE_BATCH):
        batch = slice(start, start + ENCODE_BATCH)
        encoded[batch] = encode(blocks[batch])
    return encoded


def _encode_bc1_batch(pixels: Bytes) -> Bytes:
    colours = pixels[..., :3].reshape(-1, 16, 3).astype(np.int32)
    opaque = pixels[..., 3].reshape(-1, 16) >= 128
    ends = _farthest_colours(colours, opaque)
    # c0 > c1 selects four colours; otherwise there are three, and the fourth is transparent.
    has_hole = ~opaque.all(axis=1)
    ends.sort(axis=1)
    ends[~has_hole] = ends[~has_hole, ::-1]

    blocks = np.full((len(pixels), BLOCK_BYTES), BC1_INDICES, np.uint8)
    blocks[:, :4] = ends.astype("<u2").view(np.uint8)
    decoded = image_of_blocks(blocks.view("<u8")[:, 0], 1, "BC1")
    palette = decoded.reshape(-1, SIDE, SIDE, 4)[:, 0].astype(np.int32)
    errors = np.square(colours[:, :, None] - palette[:, None, :, :3]).sum(axis=3)
    errors[palette[..., 3][:, None, :].repeat(16, axis=1) == 0] = np.iinfo(np.int32).max
    indices = errors.argmin(axis=2).astype(np.uint8)
    indices[~opaque] = 3
    fields = indices.reshape(-1, 4, 4)
    blocks[:, 4:] = np.bitwise_or.reduce(fields << np.arange(0, 8, 2, dtype=np.uint8), axis=2)
    return blocks


def _farthest_colours(colours: Array, opaque: Array) -> npt.NDArray[np.uint16]:
    """The two opaque colours of each block that differ most, as RGB565 [n, 2]."""
    count = len(colours)
    squares = np.square(colours).sum(axis=2)
    products = np.einsum("nic,njc->nij", colours, colours)
    distances = squares[:, :, None] + squares[:, None, :] - 2 * products
    distances[~(opaque[:, :, None] & opaque[:, None, :])] = -1
    flat = distances.reshape(count, -1).argmax(axis=1)
    each = np.arange(count)
    pair = np.stack((colours[each, flat // 16], colours[each, flat % 16]), axis=1)
    pair[~opaque.any(axis=1)] = 0
    # Nearest 5 and 6 bit values to what bit replication widens them to.
    scaled = (pair * np.array([31, 63, 31]) + 127) // 255
    packed: Array = scaled[..., 0] << 11 | scaled[..., 1] << 5 | scaled[..., 2]
    return packed.astype(np.uint16)


def _encode_bc4_batch(values: Bytes) -> Bytes:
    flat = values.reshape(-1, 16).astype(np.int32)
    eight = _fit_bc4(flat, flat.max(axis=1), flat.min(axis=1))
    inner = (flat > 0) & (flat < 255)
    lowest = np.where(inner, flat, 255).min(axis=1)
    highest = np.where(inner, flat, 0).max(axis=1)
    none_inside = ~inner.any(axis=1)
    lowest[none_inside] = highest[none_inside] = 0
    six = _fit_bc4(flat, lowest, highest)
    better = six[1] < eight[1]
    return np.where(better[:, None], six[0], eight[0])


def _fit_bc4(values: Array, first: Array, second: Array) -> tuple[Bytes, Array]:
    """Blocks with the given end values, and the sum of squared errors of each."""
    blocks = np.empty((len(values), BLOCK_BYTES), np.uint8)
    blocks[:, 0], blocks[:, 1], blocks[:, 2:] = first, second, BC4_INDICES
    decoded = image_of_blocks(blocks.view("<u8")[:, 0], 1, "BC4")
    palette = decoded.reshape(-1, SIDE * SIDE)[:, :8].astype(np.int32)
    errors = np.square(values[:, :, None] - palette[:, None, :])
    indices = errors.argmin(axis=2)
    rows = np.bitwise_or.reduce(indices.reshape(-1, 4, 4) << np.arange(0, 12, 3), axis=2)
    halves = rows[:, 0::2] | rows[:, 1::2] << 12
    packed = (halves[:, :, None] >> np.arange(0, 24, 8) & 255).astype(np.uint8)
    blocks[:, 2:] = packed.reshape(-1, 6)
    return blocks, errors.min(axis=2).sum(axis=1)
