"""Frames of several batches that are one and the same image, whatever they are called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.labels.comparing.near_hashes import HashIndex, Pairs, as_numbers
from pipeline.labels.comparing.thumbnails import decoded
from pipeline.labels.comparing.views import first_of_equal, joined, members
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, Fingerprint

ENCODED_ANEW_BITS = 3
ENCODED_ANEW_GREY = 3
"""What JPEG of quality 90 and above leaves: its hash is at most 2 bits off, and a cell of its
thumbnail 2 grey levels. A unit of 22x30 pixels that takes a step in 1920x1080 pixels makes 8."""
PAIRS_AT_ONCE = 4096


def same_images(prints: Sequence[Fingerprint]) -> tuple[tuple[int, ...], ...]:
    """Indices of frames that show one image, for each image that several batches have; in order.

    The same image has the same bytes, or other bytes and, as far as size, hash and thumbnail tell,
    the same pixels. Where a frame was stored without a thumbnail, the same name must stand for it.
    """
    if len({one.batch for one in prints}) < 2:
        return ()
    labels = first_of_equal([one.sha256 for one in prints])
    hashes = as_numbers([one.phash for one in prints])
    encoded = _EncodedAnew(prints)
    for pairs in HashIndex(hashes).pairs(hashes, encoded.bits):
        pairs = pairs.where(
            (pairs.first < pairs.second) & (labels[pairs.first] != labels[pairs.second])
        )
        labels = joined(labels, pairs.where(encoded.are(pairs)))
    groups = members(labels.tolist())
    return tuple(
        tuple(group.tolist()) for group in groups if len({prints[i].batch for i in group}) > 1
    )


class _EncodedAnew:
    """Decides which pairs of frames of different batches hold the same pixels in other bytes."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        self._thumbnails = decoded([one.thumbnail for one in prints])
        self._known = np.array([bool(one.thumbnail) for one in prints], np.bool_)
        self._batches = first_of_equal([one.batch for one in prints])
        self._sizes = first_of_equal([one.size for one in prints])
        self._names = first_of_equal([one.name for one in prints])
        self.bits = ENCODED_ANEW_BITS if self._known.all() else NEAR_DUPLICATE_BITS

    def are(self, pairs: Pairs) -> npt.NDArray[np.bool_]:
        """For each pair."""
        one, other = pairs.first, pairs.second
        possible = (self._batches[one] != self._batches[other]) & (
            self._sizes[one] == self._sizes[other]
        )
        known = self._known[one] & self._known[other]
        same: npt.NDArray[np.bool_] = possible & ~known & (self._names[one] == self._names[other])
        near = np.flatnonzero(possible & known & (pairs.bits <= ENCODED_ANEW_BITS))
        for part in np.array_split(near, len(near) // PAIRS_AT_ONCE + 1):
            thumbnails = (self._thumbnails[side[part]].astype(np.int16) for side in (one, other))
            differences = np.abs(np.subtract(*thumbnails))
            same[part] = differences.max(axis=(1, 2)) <= ENCODED_ANEW_GREY
        return same
