"""Progressive resizing: the first epochs see smaller images, which cost less.

The term and the idea are those of J. Howard's fast.ai and of MosaicML's Composer ("Progressive
Image Resizing"): what is learned first is coarse, and a network that convolves works at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STRIDE = 32
"""In pixels: sides of a batch of images are multiples of it."""


@dataclass(frozen=True)
class ProgressiveResizing:
    """The sizes of images over a training.

    Attributes:
        initial_scale: of both sides in the first epoch, as a share of the full size.
        full_size_fraction: the last share of the epochs, which run at full size.
        epochs: of the training.
        imgsz: longer side at full size, in pixels.
    """

    initial_scale: float
    full_size_fraction: float
    epochs: int
    imgsz: int

    def side(self, epoch: int, side: int) -> int:
        """A side in some epoch, from 0, of images whose side is `side` pixels at full size."""
        growing = self.epochs * (1.0 - self.full_size_fraction)
        share = min(1.0, epoch / growing) if growing > 0 else 1.0
        scale = self.initial_scale + (1.0 - self.initial_scale) * share
        return min(side, max(STRIDE, round(side * scale / STRIDE) * STRIDE))

    def area(self, epoch: int) -> float:
        """Of square images in some epoch, as a share of the full area."""
        return (self.side(epoch, self.imgsz) / self.imgsz) ** 2

    def resized(self, batch: dict[str, Any], epoch: int) -> dict[str, Any]:
        """A batch with its images in the size of an epoch; labels, shares of the sides, stay.

        Args:
            batch: "img" has the shape (n, channels, height, width) and is float.
            epoch: from 0.
        """
        import torch.nn.functional

        images = batch["img"]
        height, width = images.shape[2:]
        size = self.side(epoch, height), self.side(epoch, width)
        if size == (height, width):
            return batch
        smaller = torch.nn.functional.interpolate(images, size, mode="bilinear")
        return {**batch, "img": smaller}
