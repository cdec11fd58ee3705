"""Many small images in one flat piece of memory.

A scene has a hundred sprites of a few thousand pixels each. For so few pixels a call costs more
than its work, so whatever happens to all of them happens in one call to the whole atlas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

OPAQUE = 128
"""The alpha from which a pixel counts as an object's own; shadows and soft edges do not."""
Plane = npt.NDArray[np.uint8]
"""uint8 [1, pixels of the atlas] or [1, pixels of the atlas, channels]."""
Table = npt.NDArray[np.int64]
"""int64 [n, 5]: the first pixel of each image in the plane, its height and width, and where its
corner lies (x, y) in a scene."""
Ids = npt.NDArray[np.uint16]
"""uint16 [height, width] of a scene: the number of what each pixel shows, from 1; 0 for nothing."""
Measures = npt.NDArray[np.int64]
"""int64 [n, 12]; see `kernels.measure`."""


def atlas_of(
    sizes: Iterable[tuple[int, int]], corners: Iterable[tuple[int, int]]
) -> tuple[Plane, Table]:
    """An uninitialised plane of four channels with room for some images, one after another.

    Args:
        sizes: (height, width) of each.
        corners: (x, y) of each in a scene.

    Returns:
        The plane, and where each image lies in it and in the scene.
    """
    sides = pairs(sizes)
    ends = np.cumsum(sides[:, 0] * sides[:, 1])
    table = np.empty((len(sides), 5), np.int64)
    table[1:, 0], table[:1, 0] = ends[:-1], 0
    table[:, 1:3], table[:, 3:] = sides, pairs(corners)
    return np.empty((1, int(ends[-1]) if len(ends) else 0, 4), np.uint8), table


def pairs(numbers: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """int64 [n, 2]; in half the time that numpy takes for a list of tuples."""
    return np.fromiter(chain.from_iterable(numbers), np.int64).reshape(-1, 2)


def view_of(plane: Plane, row: Sequence[int]) -> npt.NDArray[np.uint8]:
    """One image of a plane, [height, width] or [height, width, channels], in the same memory.

    Args:
        row: of the image in a table.
    """
    first, height, width, *_ = row
    part = plane[0, first : first + height * width]
    return part.reshape(height, width, *part.shape[1:])
