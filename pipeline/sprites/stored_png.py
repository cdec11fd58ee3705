"""PNG without compression and without filters: any viewer opens it, and reading it is one copy.

Deflate libraries compress differently from machine to machine, and encoders choose filters
differently, so everything that could differ is written here by hand. See the PNG specification,
https://www.w3.org/TR/png-3/, and RFC 1951, section 3.2.4, for stored blocks.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 4: 6}
"""Grey and RGBA, by their channels."""
CHANNELS = {colour_type: channels for channels, colour_type in COLOUR_TYPES.items()}
HEADER_BYTES = len(SIGNATURE) + 25
LARGEST_BLOCK = 0xFFFF


class Header(NamedTuple):
    """Size in pixels, and channels: 1 for grey, 4 for RGBA."""

    width: int
    height: int
    channels: int


def encode(pixels: Pixels) -> bytes:
    """The file of an image, uint8 [height, width] or [height, width, 4] with straight alpha."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # Each row begins with "no filter".
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", _stored(rows.tobytes())), (b"IEND", b"")
    return SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def header_of(data: bytes) -> Header:
    """Read the first `HEADER_BYTES` of a PNG of 8 bits, whoever wrote it.

    Raises:
        ValueError: it is no such PNG, or neither grey nor RGBA.
    """
    if len(data) < HEADER_BYTES or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        raise ValueError("it is no PNG")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if bits != 8 or colour not in CHANNELS:
        raise ValueError(f"a PNG of colour type {colour} with {bits} bits, instead of grey or RGBA")
    return Header(width, height, CHANNELS[colour])


def decode(data: bytes) -> Pixels | None:
    """The pixels of a file of this layout; None for a PNG of another.

    Raises:
        ValueError: it is no PNG of grey or RGBA, or it is damaged.
    """
    header = header_of(data)
    if data[37:41] != b"IDAT" or data[-8:-4] != b"IEND":
        return None
    end = 41 + int.from_bytes(data[33:37], "big")
    if end + 16 != len(data):
        return None  # Its pixels are spread over several chunks.
    stride = 1 + header.width * header.channels
    size = header.height * stride
    try:
        unpacked = zlib.decompress(memoryview(data)[41:end], bufsize=size)
    except zlib.error as error:
        raise ValueError(f"a damaged PNG: {error}") from error
    if len(unpacked) != size:
        raise ValueError("a PNG with too few pixels")
    if any(unpacked[::stride]):
        return None
    channels = () if header.channels == 1 else (header.channels,)
    shape, strides = (header.height, header.width, *channels), (stride, header.channels, 1)
    return np.ndarray(shape, np.uint8, unpacked, 1, strides[: len(shape)]).copy()


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks."""
    parts = [b"\x78\x01"]
    for start in range(0, len(data), LARGEST_BLOCK):
        block = data[start : start + LARGEST_BLOCK]
        last = start + LARGEST_BLOCK >= len(data)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    return b"".join(parts) + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
