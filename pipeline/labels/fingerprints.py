"""What two images are compared by: their bytes and a perceptual hash.

The hash is pHash: the image as 32x32 grey values, the lowest 8x8 frequencies of its cosine
transform, and one bit for each that lies above their median. Everything after decoding is integer
arithmetic, so that the hash is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

GREY_SIDE = 32
FREQUENCIES = 8
COSINE_UNIT = 1 << 14

NEAR_DUPLICATE_BITS = 10
"""Hashes this close may show the same view; `comparing.thumbnails` decides.

Measured over 25 camera positions at 1280x720: a pan of 16 px is 4 bits apart, of 32 px 8 bits, the
same view with all units recoloured 10; unrelated views that fill the frame lie 32 apart and never
below 18. Where most of the frame is black, unrelated views lie as near as 0.
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is known of an image for comparing it with others.

    Attributes:
        name: what people tell it by within its batch.
        sha256: digest of its file.
        phash: 64 bits as 16 hexadecimal digits.
        thumbnail: see `comparing.thumbnails`; empty where it is not known.
        size: width, height in pixels.
        batch: that it belongs to, if any.
    """

    name: str
    sha256: str
    phash: str
    thumbnail: str = ""
    size: tuple[int, int] = (0, 0)
    batch: str = ""

    @property
    def title(self) -> str:
        """Batch and name."""
        return f"{self.batch}/{self.name}" if self.batch else self.name


def perceptual_hash(image: Image.Image) -> str:
    """The 64-bit hash of an image of any mode and size, as 16 hexadecimal digits."""
    grey = image.convert("L").resize((GREY_SIDE, GREY_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(grey, dtype=np.int64)
    cosines = _cosines()
    frequencies = (cosines @ pixels @ cosines.T).ravel()
    # Twice the median of 64 values is the sum of the middle two, which keeps it an integer.
    middle = np.sort(frequencies)[31:33].sum()
    return np.packbits(2 * frequencies > middle).tobytes().hex()


def hash_distances(first: Sequence[str], second: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Bits in which each pair of hashes differs, uint8 [first, second] in 0..64."""
    different = _as_numbers(first)[:, None] ^ _as_numbers(second)[None, :]
    distances: npt.NDArray[np.uint8] = np.bitwise_count(different)
    return distances


def _as_numbers(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)


@cache
def _cosines() -> npt.NDArray[np.int64]:
    """The first rows of the type II cosine transform, in units of 1 / COSINE_UNIT."""
    row = np.arange(FREQUENCIES)[:, None]
    column = np.arange(GREY_SIDE)[None, :]
    angles = np.pi / GREY_SIDE * (column + 0.5) * row
    cosines: npt.NDArray[np.int64] = np.rint(np.cos(angles) * COSINE_UNIT).astype(np.int64)
    return cosines
