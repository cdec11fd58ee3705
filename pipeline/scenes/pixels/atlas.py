"""Many small images in one flat piece of memory.

A scene has a hundred sprites of a few thousand pixels each. For so few pixels a call costs more
than its work, so whatever happens to all of them happens in one call to the whole atlas.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def table_of(places: Sequence[tuple[int, int, int, int]]) -> Table:
    """Where images lie in a plane, one after another.

    Args:
        places: (height, width, x, y) of each, the latter of its corner in a scene.
    """
    table = np.empty((len(places), 5), np.int64)
    # In half the time that numpy takes for a list of tuples.
    table[:, 1:] = np.fromiter(chain.from_iterable(places), np.int64).reshape(-1, 4)
    table[:1, 0] = 0
    np.cumsum(table[:-1, 1] * table[:-1, 2], out=table[1:, 0])
    return table


def plane_of(table: Table) -> Plane:
    """An uninitialised plane of four channels with room for the images of a table."""
    first, height, width = table[-1, :3].tolist() if len(table) else (0, 0, 0)
    return np.empty((1, first + height * width, 4), np.uint8)


def view_of(plane: Plane, row: Sequence[int]) -> npt.NDArray[np.uint8]:
    """One image of a plane, [height, width] or [height, width, channels], in the same memory.

    Args:
        row: of the image in a table.
    """
    first, height, width, *_ = row
    part = plane[0, first : first + height * width]
    return part.reshape(height, width, *part.shape[1:])
