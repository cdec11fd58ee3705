"""Whether a screenshot shows anything new, for less than a look with the model costs.

The mean difference of two whole screenshots hides a unit that walks and a pan of a few pixels. So
the screenshot is compared in blocks, and the block that changed most decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check_number
from detector_runtime.images import Color, ImageLike, load_frame

SAMPLES = (320, 180)
"""Pixels compared across and down."""

BLOCKS = (16, 9)
"""Blocks across and down, each of 20x20 compared pixels."""

NOISE_LEVELS = 10
"""Differences up to this many levels of 255 count as noise."""

TOP_SHARE = 0.04
"""Of the height: the resource bar, whose numbers change without anything happening."""


class FrameDiffer:
    """Compares screenshots with the one that was last looked at.

    Args:
        threshold: mean difference within one block, beyond noise and as a share of the full range,
            from which on the screenshot counts as changed.
    """

    def __init__(self, threshold: float = 0.01) -> None:
        check_number("threshold", threshold, 0.0001, 1)
        self.threshold = threshold
        self._reference: NDArray[np.int16] | None = None
        self._size = (0, 0)

    def has_changed(self, screenshot: ImageLike, *, color: Color = "rgb") -> bool:
        """Whether this differs from the reference; True when there is none or of another size.

        Call `update` after looking, not after skipping: so that slow changes add up.
        """
        return self.difference(screenshot, color=color) >= self.threshold

    def difference(self, screenshot: ImageLike, *, color: Color = "rgb") -> float:
        """Mean difference beyond noise of the block that changed most, from 0 to 1.

        1 without a reference, or for an image of another size.
        """
        samples, size = _samples(screenshot, color)
        if self._reference is None or size != self._size:
            return 1.0
        beyond_noise = np.maximum(np.abs(samples - self._reference) - NOISE_LEVELS, 0)
        blocks = beyond_noise.reshape(
            BLOCKS[1], SAMPLES[1] // BLOCKS[1], BLOCKS[0], SAMPLES[0] // BLOCKS[0], 3
        )
        return float(blocks.mean(axis=(1, 3, 4)).max()) / 255.0

    def update(self, screenshot: ImageLike, *, color: Color = "rgb") -> None:
        """Makes this screenshot the reference."""
        self._reference, self._size = _samples(screenshot, color)

    def reset(self) -> None:
        """Forgets the reference."""
        self._reference = None


def _samples(screenshot: ImageLike, color: Color) -> tuple[NDArray[np.int16], tuple[int, int]]:
    frame = load_frame(screenshot, color)
    top = int(frame.height * TOP_SHARE)
    rows = np.linspace(top, frame.height - 1, SAMPLES[1]).astype(np.intp)
    columns = np.linspace(0, frame.width - 1, SAMPLES[0]).astype(np.intp)
    return frame.rgb()[rows[:, None], columns].astype(np.int16), (frame.width, frame.height)
