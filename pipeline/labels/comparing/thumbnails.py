"""Whether two frames show the same view: the second test of what the perceptual hash suspects.

A thumbnail is a frame of 32x18 grey cells. Ground that nobody has explored is black in every match,
and the interface lies over every frame of one, so both make unrelated frames alike; neither is
compared. Of what is left the correlation decides, as it lies or with one thumbnail moved by a cell.

Measured on 120 made frames of 1920x1080 with one panel, by the share of the width that a diamond of
explored ground takes; of 25 of them again after a pan, or with 12 units moved:

    explored                        25%     40%     60%     80%     all
    unrelated pairs of near hashes  79%     33%     9.2%    5.5%    0%
      of those confirmed            none    none    none    none    none
    pan of 16 px confirmed          none    none    all     all     all
    pan of 32 px confirmed          none    none    64%     96%     all
    pan of 64 px confirmed          none    none    all     96%     84%
    units moved, JPEG of 75         none    none    all     all     all

Where less than about 45% of the width is explored, too few cells are left to confirm anything. On
the built-in game's captures, at a quarter of that size, no unrelated pair has near hashes; pans of
4 and 8 px, units recoloured or a step further are confirmed in 92 to 100% of them, and a pan of 16
px in the third whose hashes are near.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

COLUMNS, ROWS = 32, 18
CELLS = COLUMNS * ROWS

BLACK = 8
"""A pixel of which no channel is brighter is black: what JPEG leaves of 0."""
SEEN = 230
"""Of 255: a cell of which so much is not black is compared. Less would compare the outline of what
is explored, which is one and the same diamond at the start of every match."""

CONSTANT = 6
"""Grey levels by which a cell of the interface may differ between frames."""
FEWEST_VIEWS = 3
"""With fewer views, ground that looks alike in all of them would be taken for the interface."""
MOST_BESIDE = 0.5
"""Of varying cells; with more beside constant ones they are units that move."""
MOST_SAMPLED = 256

FEWEST_CELLS = 46
"""With fewer no correlation is high enough, see `compiled_loops`."""

Thumbnails = npt.NDArray[np.uint8]
"""Grey levels from 1, or 0 where a cell is not compared; [frames, ROWS, COLUMNS]."""
Cells = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


def thumbnail_of(image: Image.Image) -> str:
    """The thumbnail of an image of any mode and size, as base64 of its cells, row by row.

    Integer arithmetic, so that it is the same on every machine.
    """
    colours = image.convert("RGB")
    seen = np.asarray(colours).max(axis=2) > BLACK
    grey = np.where(seen, np.asarray(colours.convert("L")), np.uint8(0))
    share = _cells(seen.astype(np.uint8) * np.uint8(255))
    brightness = np.clip(_cells(grey) * 255 // np.maximum(share, 1), 1, 255)
    cells = np.where(share >= SEEN, brightness, 0).astype(np.uint8)
    return base64.b64encode(cells.tobytes()).decode("ascii")


def decoded(thumbnails: Sequence[str]) -> Thumbnails:
    """Thumbnails as arrays; one that is missing or damaged has no cell to compare."""
    cells = np.zeros((len(thumbnails), CELLS), np.uint8)
    for row, thumbnail in enumerate(thumbnails):
        try:
            content = base64.b64decode(thumbnail)
        except (binascii.Error, ValueError):
            continue
        if len(content) == CELLS:
            cells[row] = np.frombuffer(content, np.uint8)
    return cells.reshape(-1, ROWS, COLUMNS)


def interface_of(thumbnails: Thumbnails, distances: npt.NDArray[np.uint8], near: int) -> Cells:
    """Which cells are the same in frames that show different views, bool [ROWS, COLUMNS].

    Where a camera never moves, all that stands still is the same, and is no interface. Views are
    different where hashes say so, or where what varies lies apart from what is constant: a
    diamond of ground amid black, whereas units move over ground that stays.

    Args:
        thumbnails: some frames of one batch, or of one size.
        distances: bits between their perceptual hashes, [frames, frames].
        near: so many bits or fewer may be one view.
    """
    none = np.zeros((ROWS, COLUMNS), np.bool_)
    if not len(thumbnails):
        return none
    least, most = thumbnails.min(axis=0), thumbnails.max(axis=0)
    constant = (least > 0) & (most - least <= CONSTANT)
    varying = (most > 0) & ~constant
    if not varying.any():
        return none
    apart = (varying & _beside(constant)).sum() < MOST_BESIDE * varying.sum()
    return constant if apart or _views(distances, near) >= FEWEST_VIEWS else none


def _views(distances: npt.NDArray[np.uint8], near: int) -> int:
    views: list[int] = []
    for frame in range(len(distances)):
        if (distances[frame, views] > near).all():
            views.append(frame)
    return len(views)


def _beside(cells: Cells) -> Cells:
    """Cells that have one of these above, below, to the left or to the right."""
    padded = np.pad(cells, 1)
    return padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def can_be_compared(thumbnails: Thumbnails) -> npt.NDArray[np.bool_]:
    """Which thumbnails have enough cells, bool [frames]."""
    enough: npt.NDArray[np.bool_] = (thumbnails > 0).sum(axis=(1, 2)) >= FEWEST_CELLS
    return enough


def _cells(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    resized = Image.fromarray(grey).resize((COLUMNS, ROWS), Image.Resampling.BOX)
    return np.asarray(resized, dtype=np.int64)
