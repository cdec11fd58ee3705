"""Pictures into a model's input, and boxes back out of it.

Detectors are trained on frames that OpenCV shrank with `INTER_LINEAR` (two source rows and columns
per output pixel, no antialiasing) and centred on grey 114. `Resampler` repeats OpenCV's fixed-point
arithmetic in numpy, so that the model sees the same bytes that it saw in training.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PAD = 114
"""Grey value around a letterboxed picture."""

WEIGHT_BITS = 11
ROWS_AT_ONCE = 32
"""Output rows resampled together: their intermediates stay in the processor's cache."""

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Fit:
    """How a picture of size `source` lies in a model input of size `canvas`.

    The picture is scaled to `content` and placed with its corner at (`left`, `top`).
    """

    source: Size
    canvas: Size
    content: Size
    left: int
    top: int

    @property
    def scale(self) -> float:
        """Input pixels per source pixel, along the picture's longer side."""
        side = int(self.source[1] > self.source[0])
        return self.content[side] / self.source[side]

    def to_source(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes `(n, 4)` from input pixels to source pixels, clipped to the picture."""
        pad = np.array([self.left, self.top] * 2, np.float32)
        gain = np.array(
            [self.content[0] / self.source[0], self.content[1] / self.source[1]] * 2, np.float32
        )
        restored: NDArray[np.float32] = (boxes - pad) / gain
        return np.clip(restored, 0, np.array(self.source * 2, np.float32))


def letterbox(source: Size, canvas: Size) -> Fit:
    """Keeps the aspect ratio and centres the picture."""
    ratio = min(canvas[0] / source[0], canvas[1] / source[1])
    content = (max(round(source[0] * ratio), 1), max(round(source[1] * ratio), 1))
    left = round((canvas[0] - content[0]) / 2 - 0.1)
    top = round((canvas[1] - content[1]) / 2 - 0.1)
    return Fit(source, canvas, content, left, top)


def stretch(source: Size, canvas: Size) -> Fit:
    """Fills the whole input, whatever that does to the aspect ratio."""
    return Fit(source, canvas, canvas, 0, 0)


def smallest_canvas(source: Size, size: Size, stride: int = 32) -> Size:
    """The smallest input, in whole strides, in which the letterboxed picture has full scale."""
    content = letterbox(source, size).content
    width, height = (-(-side // stride) * stride for side in content)
    return width, height


class Resampler:
    """Scales pictures from one size to another, bit for bit as `cv2.resize` with INTER_LINEAR."""

    def __init__(self, source: Size, content: Size) -> None:
        left, right, left_weight, right_weight = _taps(source[0], content[0])
        self.source = source
        self.content = content
        self._columns = (_channels(left), _channels(right))
        self._column_weights = (np.repeat(left_weight, 3), np.repeat(right_weight, 3))
        upper, lower, upper_weight, lower_weight = _taps(source[1], content[1])
        self._rows = (upper, lower)
        self._row_weights = (upper_weight[:, None], lower_weight[:, None])

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Scales `pixels` (height, width, 3) to this resampler's content size."""
        if self.source == self.content:
            return pixels
        width, height = self.content
        out = np.empty((height, width * 3), np.uint8)
        starts = range(0, height, ROWS_AT_ONCE)
        half = len(starts) // 2
        # numpy lets go of the interpreter in its loops, so that two threads take half the time.
        other = _helper().submit(self._fill, out, pixels, starts[:half])
        self._fill(out, pixels, starts[half:])
        other.result()
        return out.reshape(height, width, 3)

    def _fill(self, out: NDArray[np.uint8], pixels: NDArray[np.uint8], starts: range) -> None:
        for start in starts:
            out[start : start + ROWS_AT_ONCE] = self._resample(pixels, start)

    def _resample(self, pixels: NDArray[np.uint8], start: int) -> NDArray[np.int32]:
        chunk = slice(start, start + ROWS_AT_ONCE)
        total = self._weighted_rows(pixels, 0, chunk)
        total += self._weighted_rows(pixels, 1, chunk)
        total += 2
        total >>= 2
        return total

    def _weighted_rows(
        self, pixels: NDArray[np.uint8], which: int, chunk: slice
    ) -> NDArray[np.int32]:
        rows = pixels[self._rows[which][chunk]]
        # Whole rows first and then single bytes of them: much faster than pixels of the picture.
        flat = rows.reshape(len(rows), -1)
        left, right = (flat.take(columns, axis=1, mode="clip") for columns in self._columns)
        mixed: NDArray[np.int32] = left * self._column_weights[0]
        mixed += right * self._column_weights[1]
        # OpenCV drops these bits between its two passes; the result depends on it.
        mixed >>= 4
        mixed *= self._row_weights[which][chunk]
        mixed >>= 16
        return mixed


@lru_cache(maxsize=1)
def _helper() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="detector-runtime-resampling")


@lru_cache(maxsize=16)
def resampler(source: Size, content: Size) -> Resampler:
    """The resampler for these sizes; its tables are made once."""
    return Resampler(source, content)


def _channels(columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places in a row of bytes of the three channels of these columns."""
    return (columns[:, None] * 3 + np.arange(3)).reshape(-1)


def _taps(
    length: int, out_length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]:
    """The two source positions of every output position, and their weights."""
    position = ((np.arange(out_length) + 0.5) * (length / out_length) - 0.5).astype(np.float32)
    first = np.floor(position)
    fraction = position - first
    index = first.astype(np.intp)
    one = np.float32(1 << WEIGHT_BITS)
    return (
        index.clip(0, length - 1),
        (index + 1).clip(0, length - 1),
        np.rint((np.float32(1) - fraction) * one).astype(np.int32),
        np.rint(fraction * one).astype(np.int32),
    )
