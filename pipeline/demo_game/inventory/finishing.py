"""What an image goes through before it is seen: brightness, blur, compression.

The compression does to pixels what JPEG does, by exact arithmetic: libraries for JPEG differ in the
last bits. Sums of whole numbers below 2^24 are exact in float32, in whatever order they are added.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.art.solids import Field, unit_circle
from pipeline.demo_game.inventory.display import DisplaySettings

SIDE = 8
"""Of a block."""
BAND = 4 * SIDE
"""Rows that are compressed at once."""
UNIT, FINE = 512, 8
"""Cosines are multiples of 1 / UNIT, results between two passes of 1 / FINE."""
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Table K.1 of ITU-T T.81."""
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
"""Table K.2 of ITU-T T.81."""
Table = tuple[tuple[int, ...], ...]


def finish(image: Pixels, display: DisplaySettings) -> Pixels:
    """An image as a player's settings leave it; both uint8 [height, width, 3]."""
    if display.brightness != 256:
        table = [min(value * display.brightness >> 8, 255) for value in range(256)]
        image = np.array(Image.fromarray(image).point(table * 3))
    if display.soft:
        image = blurred(image)
    if display.quality is not None:
        image = compressed(image, display.quality)
    return image


def blurred(image: Pixels) -> Pixels:
    """Each pixel with its neighbours, in the weights 1, 2, 1 along both axes."""
    wide = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.uint16)
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    both = across[:-2] + 2 * across[1:-1] + across[2:]
    pixels: Pixels = ((both + 8) >> 4).astype(np.uint8)
    return pixels


def compressed(image: Pixels, quality: int) -> Pixels:
    """As JPEG of a quality from 1 to 100 with halved colours would leave an image."""
    height, width = image.shape[:2]
    room = ((0, -height % BAND), (0, -width % (2 * SIDE)), (0, 0))
    whole = np.pad(image, room, mode="edge")
    result = np.empty_like(whole)
    # In bands that stay in the processor's cache: ten times as fast.
    for top in range(0, whole.shape[0], BAND):
        result[top : top + BAND] = _compressed_band(whole[top : top + BAND], quality)
    return result[:height, :width]


def _compressed_band(image: Pixels, quality: int) -> Pixels:
    red, green, blue = (np.ascontiguousarray(image[..., n]).astype(np.int32) for n in range(3))
    luma = ((77 * red + 150 * green + 29 * blue + 128) >> 8) - 128
    blueness = (-43 * red - 85 * green + 128 * blue + 128) >> 8
    redness = (128 * red - 107 * green - 21 * blue + 128) >> 8
    y = _quantized(luma, quality, LUMINANCE) + 128
    cb = _doubled(_quantized(_halved(blueness), quality, CHROMINANCE))
    cr = _doubled(_quantized(_halved(redness), quality, CHROMINANCE))
    channels = (y + ((359 * cr) >> 8), y - ((88 * cb + 183 * cr) >> 8), y + ((454 * cb) >> 8))
    return np.stack([np.clip(part, 0, 255).astype(np.uint8) for part in channels], axis=-1)


def _halved(plane: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    rows = plane[::2] + plane[1::2]
    halved: npt.NDArray[np.int32] = (rows[:, ::2] + rows[:, 1::2] + 2) >> 2
    return halved


def _doubled(plane: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return plane.repeat(2, axis=0).repeat(2, axis=1)


def _quantized(plane: npt.NDArray[np.int32], quality: int, table: Table) -> npt.NDArray[np.int32]:
    """Through the cosine transform of 8x8 blocks and back, with rounded frequencies."""
    cosines = _cosines()
    steps = _steps(quality, table)
    frequencies = _both_ways(plane.astype(np.float32), cosines)
    shape = (plane.shape[0] // SIDE, SIDE, plane.shape[1] // SIDE, SIDE)
    kept = np.rint(frequencies.reshape(shape) / steps[:, None, :]) * steps[:, None, :]
    return _both_ways(kept.reshape(plane.shape), cosines.T).astype(np.int32)


def _both_ways(plane: Field, matrix: Field) -> Field:
    """A transform of the columns of all blocks, then of their rows, in whole numbers."""
    height, width = plane.shape
    columns = np.matmul(matrix, plane.reshape(height // SIDE, SIDE, width))
    columns = np.rint(columns * np.float32(FINE / UNIT))
    rows = columns.reshape(-1, SIDE) @ matrix.T
    result: Field = np.rint(rows * np.float32(1 / (UNIT * FINE))).reshape(height, width)
    return result


@lru_cache(maxsize=1)
def _cosines() -> Field:
    """The orthonormal type II cosine transform, in units of 1 / UNIT."""
    angles = (
        (2 * place + 1) * row * 180 / (2 * SIDE) for row in range(SIDE) for place in range(SIDE)
    )
    values = np.array([unit_circle(angle)[0] for angle in angles]).reshape(SIDE, SIDE) / 2
    values[0] *= 0.5**0.5
    return np.rint(values * UNIT).astype(np.float32)


@lru_cache(maxsize=64)
def _steps(quality: int, table: Table) -> Field:
    """By how much each frequency is rounded; the formula is that of the IJG's library."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps: Field = np.clip((np.array(table) * scale + 50) // 100, 1, 255).astype(np.float32)
    return steps
