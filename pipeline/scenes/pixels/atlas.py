"""Many small images in one flat piece of memory.

A scene has a hundred sprites of a few thousand pixels each. For so few pixels a call costs more
than its work, so whatever happens to all of them happens in one call to the whole atlas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

OPAQUE = 128
"""The alpha from which a pixel counts as an object's own; shadows and soft edges do not."""
Plane = npt.NDArray[np.uint8]
"""uint8 [1, pixels of the atlas] or [1, pixels of the atlas, channels]."""
Span = tuple[int, int, int]
"""First pixel, height and width of one image of an atlas."""
Table = npt.NDArray[np.int64]
"""int64 [n, 5]: the span of each image, and where its corner lies (x, y) in a scene."""
Ids = npt.NDArray[np.uint16]
"""uint16 [height, width] of a scene: the number of what each pixel shows, from 1; 0 for nothing."""
Measures = npt.NDArray[np.int64]
"""int64 [n, 12]; see `kernels.measure`."""


class Atlas:
    """Where each of some images lies in the planes of an atlas, one after another.

    Args:
        sizes: (height, width) of each.
    """

    def __init__(self, sizes: Iterable[tuple[int, int]]) -> None:
        self._sizes = pairs(sizes)
        self._ends = np.cumsum(self._sizes[:, 0] * self._sizes[:, 1])
        self.pixels = int(self._ends[-1]) if len(self._ends) else 0

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Where each image lies."""
        firsts = (self._ends - self._sizes.prod(axis=1)).tolist()
        sizes = self._sizes.tolist()
        return tuple((first, *size) for first, size in zip(firsts, sizes, strict=True))

    def plane(self, *channels: int) -> Plane:
        """An uninitialised plane of that many channels; without any, of one."""
        return np.empty((1, self.pixels, *channels), np.uint8)

    def table(self, corners: Iterable[tuple[int, int]]) -> Table:
        """Where everything lies, with the corner (x, y) of each in a scene."""
        table = np.empty((len(self._sizes), 5), np.int64)
        table[1:, 0], table[:1, 0] = self._ends[:-1], 0
        table[:, 1:3], table[:, 3:] = self._sizes, pairs(corners)
        return table


def pairs(numbers: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """int64 [n, 2]; in half the time that numpy takes for a list of tuples."""
    return np.fromiter(chain.from_iterable(numbers), np.int64).reshape(-1, 2)


def view_of(plane: npt.NDArray[np.uint8], span: Sequence[int]) -> npt.NDArray[np.uint8]:
    """One image of a plane, [height, width] or [height, width, channels], in the same memory.

    Args:
        plane: of an atlas.
        span: its span, or its row in a table.
    """
    first, height, width = span[0], span[1], span[2]
    part = plane[0, first : first + height * width]
    return part.reshape(height, width, *part.shape[1:])
