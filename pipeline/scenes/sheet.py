"""Many small pictures in one flat piece of memory.

A scene has a hundred sprites of a few thousand pixels each. For so few pixels a call costs more
than its work, so whatever happens to all of them happens in one call to the whole sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
"""uint8 [1, pixels of the sheet] or [1, pixels of the sheet, channels]."""
Span = tuple[int, int, int]
"""First pixel, height and width of one picture of a sheet."""
Table = npt.NDArray[np.int64]
"""int64 [n, 5]: the span of each picture, and where its corner lies (x, y) in a scene."""
Ids = npt.NDArray[np.uint16]
"""uint16 [height, width] of a scene: the number of what each pixel shows, from 1; 0 for nothing."""
Measures = npt.NDArray[np.int64]
"""int64 [n, 12]; see `plain_loops.measure`."""


class Sheet:
    """Where each of some pictures lies in the planes of a sheet, one after another.

    Args:
        sizes: (height, width) of each.
    """

    def __init__(self, sizes: Iterable[tuple[int, int]]) -> None:
        spans: list[Span] = []
        end = 0
        for height, width in sizes:
            spans.append((end, height, width))
            end += height * width
        self.spans = tuple(spans)
        self.pixels = end

    def plane(self, *channels: int) -> Plane:
        """An uninitialised plane of that many channels; without any, of one."""
        return np.empty((1, self.pixels, *channels), np.uint8)

    def table(self, corners: Iterable[tuple[int, int]]) -> Table:
        """Where everything lies, with the corner (x, y) of each in a scene."""
        rows = [(*span, *corner) for span, corner in zip(self.spans, corners, strict=True)]
        return np.array(rows, np.int64).reshape(-1, 5)


def picture(plane: npt.NDArray[np.uint8], span: Sequence[int]) -> npt.NDArray[np.uint8]:
    """One picture of a plane, [height, width] or [height, width, channels], in the same memory.

    Args:
        plane: of a sheet.
        span: its span, or its row in a table.
    """
    first, height, width = span[0], span[1], span[2]
    part = plane[0, first : first + height * width]
    return part.reshape(height, width, *part.shape[1:])
