"""Many small pictures in one flat piece of memory.

A scene has a hundred sprites of a few thousand pixels each. For so few pixels a call of OpenCV
costs more than its work, so whatever happens to all of them happens in one call to the whole sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
"""uint8 [1, pixels of the sheet] or [1, pixels of the sheet, channels]."""
Span = tuple[int, int, int, int]
"""First pixel, end, height and width of one picture of a sheet."""


class Sheet:
    """Where each of some pictures lies in the planes of a sheet.

    Args:
        sizes: (height, width) of each.
        order: in which they lie, as indices of `sizes`; theirs own if left out.
    """

    def __init__(
        self, sizes: Sequence[tuple[int, int]], order: Iterable[int] | None = None
    ) -> None:
        spans: list[Span] = [(0, 0, 0, 0)] * len(sizes)
        end = 0
        for number in range(len(sizes)) if order is None else order:
            height, width = sizes[number]
            start, end = end, end + height * width
            spans[number] = (start, end, height, width)
        self.spans = tuple(spans)
        self.pixels = end

    def plane(self, *channels: int) -> Plane:
        """An uninitialised plane of that many channels; without any, of one."""
        return np.empty((1, self.pixels, *channels), np.uint8)


def picture(plane: npt.NDArray[Any], span: Span) -> npt.NDArray[Any]:
    """One picture of a plane, [height, width] or [height, width, channels], in the same memory."""
    start, end, height, width = span
    return plane[0, start:end].reshape(height, width, *plane.shape[2:])
