"""A perceptual hash: images that look alike differ in few of its bits.

The hash is pHash: the image as 32x32 grey values, the lowest 8x8 frequencies of its cosine
transform, and one bit for each that lies above their median. Everything after decoding is integer
arithmetic, so that the hash is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

GREY_SIDE = 32
FREQUENCIES = 8
COSINE_UNIT = 1 << 14


def perceptual_hash(image: Image.Image) -> str:
    """The 64-bit hash of an image of any mode and size, as 16 hexadecimal digits."""
    from PIL.Image import Resampling

    grey = image.convert("L").resize((GREY_SIDE, GREY_SIDE), Resampling.LANCZOS)
    pixels = np.asarray(grey, dtype=np.int64)
    cosines = _cosines()
    frequencies = (cosines @ pixels @ cosines.T).ravel()
    # Twice the median of 64 values is the sum of the middle two, which keeps it an integer.
    middle = np.sort(frequencies)[31:33].sum()
    return np.packbits(2 * frequencies > middle).tobytes().hex()


def hash_distances(first: Sequence[str], second: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Bits in which each pair of hashes differs, uint8 [first, second] in 0..64."""
    different = _as_numbers(first)[:, None] ^ _as_numbers(second)[None, :]
    in_bytes = different[..., None].view(np.uint8)
    distances: npt.NDArray[np.uint8] = _bits_of_bytes()[in_bytes].sum(axis=-1, dtype=np.uint8)
    return distances


def _as_numbers(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)


@lru_cache(maxsize=1)
def _bits_of_bytes() -> npt.NDArray[np.uint8]:
    """How many bits are set in each byte; numpy counts them itself from 2.0 on."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    counts: npt.NDArray[np.uint8] = bits.sum(axis=1, dtype=np.uint8)
    return counts


@lru_cache(maxsize=1)
def _cosines() -> npt.NDArray[np.int64]:
    """The first rows of the type II cosine transform, in units of 1 / COSINE_UNIT."""
    row = np.arange(FREQUENCIES)[:, None]
    column = np.arange(GREY_SIDE)[None, :]
    angles = np.pi / GREY_SIDE * (column + 0.5) * row
    cosines: npt.NDArray[np.int64] = np.rint(np.cos(angles) * COSINE_UNIT).astype(np.int64)
    return cosines
