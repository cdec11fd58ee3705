"""Images into a model's input, and boxes back out of it.

Detectors are trained on frames that OpenCV shrank with `INTER_LINEAR` (two source rows and columns
per output pixel, no antialiasing) and centred on grey 114. `Resampler` repeats OpenCV's fixed-point
arithmetic in numpy, so that the model sees the same values that it saw in training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector_runtime.system.forks import call_in_children

PAD = 114
"""Grey value around a letterboxed image."""

WEIGHT_BITS = 11
DROPPED_BITS = 4
FULL = np.float32(255)
ROWS_AT_ONCE = 90
"""Output rows resampled together: fewer would cost more calls, more would not fit the cache."""

Size = tuple[int, int]
"""Width and height in pixels."""

Channels = tuple[int, int, int]


@dataclass(frozen=True)
class Fit:
    """How an image of size `source` lies in a model input of size `canvas`.

    The image is scaled to `content` and placed with its corner at (`left`, `top`).
    """

    source: Size
    canvas: Size
    content: Size
    left: int
    top: int

    @property
    def scale(self) -> float:
        """Input pixels per source pixel, along the image's longer side."""
        side = int(self.source[1] > self.source[0])
        return self.content[side] / self.source[side]

    def to_source(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes `(n, 4)` from input pixels to source pixels, clipped to the image."""
        pad, gain, most = self._arrays
        restored: NDArray[np.float32] = boxes - pad
        restored /= gain
        np.maximum(restored, 0, out=restored)
        return np.minimum(restored, most, out=restored)

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float32], ...]:
        """Padding, gain and size, each for x1, y1, x2 and y2."""
        gain = (self.content[0] / self.source[0], self.content[1] / self.source[1])
        each = ((self.left, self.top), gain, self.source)
        return tuple(np.array([x, y, x, y], np.float32) for x, y in each)


@lru_cache(maxsize=64)
def letterbox(source: Size, canvas: Size, largest_scale: float = math.inf) -> Fit:
    """Keeps the aspect ratio and centres the image, which is no larger than at `largest_scale`."""
    ratio = min(canvas[0] / source[0], canvas[1] / source[1], largest_scale)
    content = scaled(source, ratio)
    left = round((canvas[0] - content[0]) / 2 - 0.1)
    top = round((canvas[1] - content[1]) / 2 - 0.1)
    return Fit(source, canvas, content, left, top)


def stretch(source: Size, canvas: Size) -> Fit:
    """Fills the whole input, whatever that does to the aspect ratio."""
    return Fit(source, canvas, canvas, 0, 0)


def smallest_canvas(source: Size, size: Size, stride: int = 32) -> Size:
    """The smallest input, in whole strides, in which the letterboxed image has full scale."""
    return in_strides(letterbox(source, size).content, stride)


def in_strides(size: Size, stride: int = 32) -> Size:
    """The smallest size in whole strides that holds this one."""
    width, height = (-(-side // stride) * stride for side in size)
    return width, height


def scaled(size: Size, scale: float) -> Size:
    """A size at another scale, in whole pixels; never nothing."""
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


class Resampler:
    """Scales images from one size to another, bit for bit as `cv2.resize` with INTER_LINEAR.

    `channels` says which channel of the image each plane of the result shows.
    """

    def __init__(self, source: Size, content: Size, channels: Channels = (0, 1, 2)) -> None:
        self.source = source
        self.content = content
        self._channels = list(channels)
        left, right, left_weight, right_weight = _taps(source[0], content[0])
        self._columns = tuple(_bytes(taps, channels) for taps in (left, right))
        self._column_weights = tuple(_split(weight) for weight in (left_weight, right_weight))
        upper, lower, upper_weight, lower_weight = _taps(source[1], content[1])
        self._rows = (upper, lower)
        self._row_weights = (upper_weight[:, None], lower_weight[:, None])

    def __call__(self, pixels: NDArray[np.uint8], planes: NDArray[np.float32]) -> None:
        """Fills `planes` (3, content height, content width) with `pixels` scaled, from 0 to 1."""
        if self.source == self.content:
            np.divide(np.ascontiguousarray(pixels.transpose(2, 0, 1)[self._channels]), FULL, planes)
            return
        strips = _strips(self.content[1])
        half = len(strips) // 2
        # numpy lets go of the interpreter in its loops, so that two threads take half the time.
        other = _helper().submit(self._fill, planes, pixels, strips[:half])
        self._fill(planes, pixels, strips[half:])
        other.result()

    def _fill(
        self, planes: NDArray[np.float32], pixels: NDArray[np.uint8], strips: Sequence[slice]
    ) -> None:
        for strip in strips:
            rows = self._resampled(pixels, strip).reshape(-1, 3, self.content[0])
            place = planes[:, strip]
            place[:] = rows.transpose(1, 0, 2)
            place /= FULL

    def _resampled(self, pixels: NDArray[np.uint8], strip: slice) -> NDArray[np.int32]:
        """Rows of the result, from 0 to 255, each with one plane's part after the other."""
        total = self._weighted_rows(pixels, 0, strip)
        total += self._weighted_rows(pixels, 1, strip)
        total += 2
        total >>= 2
        return total

    def _weighted_rows(
        self, pixels: NDArray[np.uint8], which: int, strip: slice
    ) -> NDArray[np.int32]:
        rows = pixels[self._rows[which][strip]]
        # Whole rows first and then single bytes of them: much faster than pixels of the image.
        flat = rows.reshape(len(rows), -1)
        left, right = (flat.take(columns, axis=1).astype(np.int16) for columns in self._columns)
        # OpenCV drops four bits between its two passes, and the result depends on it. With weights
        # split there, all of the first pass fits into 16 bits, which takes half the time of 32.
        (left_high, left_low), (right_high, right_low) = self._column_weights
        low_bits = left * left_low
        low_bits += right * right_low
        low_bits >>= DROPPED_BITS
        left *= left_high
        right *= right_high
        left += right
        left += low_bits
        weighted: NDArray[np.int32] = np.multiply(
            left, self._row_weights[which][strip], dtype=np.int32
        )
        weighted >>= 16
        return weighted


@lru_cache(maxsize=1)
def _helper() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="detector-runtime-resampling")


# A forked process inherits the pool, but not its thread.
call_in_children(_helper.cache_clear)


@lru_cache(maxsize=16)
def resampler(source: Size, content: Size, channels: Channels = (0, 1, 2)) -> Resampler:
    """The resampler for these sizes; its tables are made once."""
    return Resampler(source, content, channels)


def _strips(height: int) -> list[slice]:
    """Strips of about equal height, as many for each of two threads."""
    count = 2 * max(1, round(height / (2 * ROWS_AT_ONCE)))
    edges = [height * index // count for index in range(count + 1)]
    return [slice(top, bottom) for top, bottom in pairwise(edges) if top < bottom]


def _bytes(columns: NDArray[np.intp], channels: Channels) -> NDArray[np.intp]:
    """Places in a row of bytes of these columns: all of one channel, then all of the next."""
    places: NDArray[np.intp] = columns * 3 + np.array(channels, np.intp)[:, None]
    return places.reshape(-1)


def _split(weights: NDArray[np.int32]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What is above the dropped bits and what is in them, for each of the three planes."""
    planes = np.tile(weights, 3).astype(np.int16)
    return planes >> DROPPED_BITS, planes & ((1 << DROPPED_BITS) - 1)


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
