"""What the pixels of a box say for each player, where in the box.

A grid of points is laid over the box and a margin around it, where games draw ellipses. A table
gives for each point's colour how far it speaks for each player: the logarithm of how much more
often such a colour is the player's than anything else. The grid is cut into cells; of each cell
the mean and the largest value count. That is `FEATURES_VERSION` 1, which a head is trained on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEATURES_VERSION = 1
CELLS, POINTS = 6, 6
"""Cells across and down, and points of a cell across and down."""
GRID = CELLS * POINTS
MARGIN = 0.1
"""Of the box's width and height, on each side."""
FEATURES = 2 * CELLS * CELLS
"""Of a box, for each player."""
LEVEL_BITS = 5
"""Of each channel that tell colours apart."""
COLOURS = 1 << 3 * LEVEL_BITS
AT_ONCE = 32
"""Boxes whose points are looked up at once: more would not stay in the processor's cache."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def colour_codes(pixels: Bytes, boxes: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
    """The colour at each point of each box.

    Args:
        pixels: uint8 [height, width, 3], red first.
        boxes: [n, 4], corners x1, y1, x2, y2 in pixels of the image.

    Returns:
        int32 [n, GRID, GRID] below COLOURS, or COLOURS for points outside the image.
    """
    samples, inside = sampled(pixels, boxes)
    codes = codes_of(samples)
    codes[~inside] = COLOURS
    return codes


def sampled(pixels: Bytes, boxes: NDArray[np.floating[Any]]) -> tuple[Bytes, NDArray[np.bool_]]:
    """The pixels at the points of boxes, uint8 [n, GRID, GRID, 3], and which lie in the image."""
    height, width = pixels.shape[:2]
    corners = np.asarray(boxes, np.float32)
    sides = corners[:, 2:] - corners[:, :2]
    steps = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * (1 + 2 * MARGIN) - MARGIN
    places = np.floor(corners[:, None, :2] + steps[None, :, None] * sides[:, None, :])
    columns, rows = places[..., 0], places[..., 1]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    rows = np.clip(rows, 0, height - 1).astype(np.intp)
    columns = np.clip(columns, 0, width - 1).astype(np.intp)
    return pixels[rows[:, :, None], columns[:, None, :]], inside


def codes_of(samples: Bytes) -> NDArray[np.int32]:
    """The number of each colour, int32 of the shape without the last axis, which is RGB."""
    levels = (samples >> (8 - LEVEL_BITS)).astype(np.int32)
    return (levels[..., 0] << 2 * LEVEL_BITS) | (levels[..., 1] << LEVEL_BITS) | levels[..., 2]


def evidence_features(codes: NDArray[np.int32], table: Bytes) -> Floats:
    """What boxes say for each player.

    Args:
        codes: see `colour_codes`.
        table: uint8 [COLOURS + 1, players], by colour; the last row, for what lies outside, is 0.

    Returns:
        float32 [n, players, FEATURES], 0 to 1: roots of the means of cells, then their maxima.
    """
    count, players = len(codes), table.shape[1]
    # Points first: what is reduced then lies side by side, which is many times faster.
    cut = codes.reshape(count, CELLS, POINTS, CELLS, POINTS).transpose(2, 4, 0, 1, 3)
    found = table.take(cut.reshape(POINTS * POINTS, count, CELLS * CELLS), axis=0)
    means = found.sum(axis=0, dtype=np.uint16).astype(np.float32) / (255 * POINTS * POINTS)
    largest = found.max(axis=0).astype(np.float32) / 255
    features = np.concatenate([np.sqrt(means), largest], axis=1)
    return np.ascontiguousarray(features.reshape(count, FEATURES, players).transpose(0, 2, 1))
