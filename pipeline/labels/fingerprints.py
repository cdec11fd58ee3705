"""What two images are compared by: their bytes and a perceptual hash."""

from __future__ import annotations

from dataclasses import dataclass

NEAR_DUPLICATE_BITS = 10
"""Hashes this close may show the same view; `comparing.thumbnails` decides.

Measured over 25 camera positions at 1280x720: a pan of 16 px is 4 bits apart, of 32 px 8 bits, the
same view with all units recoloured 10; unrelated views that fill the frame lie 32 apart and never
below 18. Where most of the frame is black, unrelated views lie as near as 0.
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is known of an image for comparing it with others.

    Attributes:
        name: what people tell it by within its batch.
        sha256: digest of its file.
        phash: see `detector_runtime.classify.hashes`.
        thumbnail: see `comparing.thumbnails`; empty where it is not known.
        size: width, height in pixels.
        batch: that it belongs to, if any.
    """

    name: str
    sha256: str
    phash: str
    thumbnail: str = ""
    size: tuple[int, int] = (0, 0)
    batch: str = ""

    @property
    def title(self) -> str:
        """Batch and name."""
        return f"{self.batch}/{self.name}" if self.batch else self.name
