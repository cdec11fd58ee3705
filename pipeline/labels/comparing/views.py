"""Many frames compared with each other: which show the same view, and which of others' they show.

Two frames show the same view when they have the same bytes, or when their perceptual hashes lie
near each other and their thumbnails confirm it. Frames of batches that were stored without
thumbnails are compared by hash alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from detector_runtime.classify.hashes import hash_distances

from pipeline.labels.comparing.thumbnails import (
    MOST_SAMPLED,
    Indices,
    Thumbnails,
    can_be_compared,
    decoded,
    interface_of,
)
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, Fingerprint
from pipeline.subsampling import spread_over


@dataclass(frozen=True, eq=False)
class Views:
    """Frames as arrays, in the order given.

    Attributes:
        prints: of the frames.
        hashes: their perceptual hashes.
        thumbnails: without the interface.
        known: whether there is a thumbnail, bool [frames].
        shown: whether enough is seen to compare it, or nothing is there to tell, bool [frames].
    """

    prints: Sequence[Fingerprint]
    hashes: npt.NDArray[np.uint64]
    thumbnails: Thumbnails
    known: npt.NDArray[np.bool_]
    shown: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, prints: Sequence[Fingerprint]) -> Views:
        """Interfaces are what is constant in the frames of one batch, and in those of one size."""
        thumbnails = decoded([one.thumbnail for one in prints])
        known = np.array([bool(one.thumbnail) for one in prints], np.bool_)
        together = (
            *members(one.size for one in prints),
            *members((one.batch, one.size) for one in prints),
        )
        interfaces = [_interface(prints, thumbnails, indices) for indices in together]
        for indices, interface in zip(together, interfaces, strict=True):
            if interface.any():
                thumbnails[indices] *= ~interface
        return cls(
            prints,
            np.array([int(one.phash, 16) for one in prints], np.uint64),
            thumbnails,
            known,
            can_be_compared(thumbnails) | ~known,
        )

    def part(self, start: int, stop: int) -> Views:
        """Some of them, in a row."""
        part = slice(start, stop)
        return Views(
            self.prints[part],
            self.hashes[part],
            self.thumbnails[part],
            self.known[part],
            self.shown[part],
        )

    def groups(self) -> Indices:
        """A number for each frame, the same for those that chains of same views connect."""
        if not self.prints:
            return np.zeros(0, np.intp)
        # Not above: loading it takes longer than a small merge without real frames.
        from pipeline.labels.comparing import compiled_loops

        labels = first_of_equal([one.sha256 for one in self.prints])
        shown = np.flatnonzero(self.shown)
        # A camera that stands still: its frames follow each other.
        first, second = shown[:-1], shown[1:]
        near = np.bitwise_count(self.hashes[first] ^ self.hashes[second]) <= NEAR_DUPLICATE_BITS
        first, second = first[near], second[near]
        same = ~(self.known[first] & self.known[second])
        same |= compiled_loops.same_views(self.thumbnails, first, second)
        labels = joined(labels, first[same], second[same])
        told_by = zip(labels[shown].tolist(), self.hashes[shown].tolist(), strict=True)
        left = shown[np.unique(first_of_equal(told_by))]
        connected = compiled_loops.connected_views(
            self.hashes[left],
            self.thumbnails[left],
            self.known[left],
            first_of_equal(labels[left].tolist()),
            NEAR_DUPLICATE_BITS,
        )
        return joined(labels, left, left[connected])


def seen_among(views: Views, others: Views) -> Iterator[tuple[int, int, int]]:
    """Frames that are the same view as one of others: both indices, and the bits between them.

    Each frame comes once, with one of those that are nearest to it.
    """
    if not (views.prints and others.prints):
        return
    from pipeline.labels.comparing import compiled_loops

    bytes_of = {one.sha256: index for index, one in reversed(list(enumerate(others.prints)))}
    of_bytes = np.array([bytes_of.get(one.sha256, -1) for one in views.prints], np.intp)
    for index in np.flatnonzero(of_bytes >= 0).tolist():
        yield index, int(of_bytes[index]), 0
    left, shown = np.flatnonzero(views.shown & (of_bytes < 0)), np.flatnonzero(others.shown)
    nearest, bits = compiled_loops.nearest_views(
        views.hashes[left],
        views.thumbnails[left],
        views.known[left],
        others.hashes[shown],
        others.thumbnails[shown],
        others.known[shown],
        NEAR_DUPLICATE_BITS,
    )
    for row in np.flatnonzero(nearest >= 0):
        yield int(left[row]), int(shown[nearest[row]]), int(bits[row])


def _interface(
    prints: Sequence[Fingerprint], thumbnails: Thumbnails, indices: Indices
) -> npt.NDArray[np.bool_]:
    some = np.array(spread_over(indices.tolist(), MOST_SAMPLED), np.intp)
    some = some[[bool(prints[index].thumbnail) for index in some]]
    hashes = [prints[index].phash for index in some]
    return interface_of(thumbnails[some], hash_distances(hashes, hashes), NEAR_DUPLICATE_BITS)


def members(keys: Iterable[Hashable]) -> list[Indices]:
    """Indices of each key."""
    found: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    return [np.array(indices, np.intp) for indices in found.values()]


def first_of_equal(values: Iterable[Hashable]) -> Indices:
    """For each value where it comes first: a label that equal ones share."""
    first: dict[Hashable, int] = {}
    return np.array(
        [first.setdefault(value, index) for index, value in enumerate(values)], dtype=np.intp
    )


def joined(labels: Indices, first: Indices, second: Indices) -> Indices:
    """Labels in which those of each pair have become one: the smaller of them (union-find)."""
    parent: dict[int, int] = {}

    def root(label: int) -> int:
        while (above := parent.get(label, label)) != label:
            parent[label] = parent.get(above, above)
            label = above
        return label

    for one, other in zip(labels[first].tolist(), labels[second].tolist(), strict=True):
        low, high = sorted((root(one), root(other)))
        if low != high:
            parent[high] = low
    if not parent:
        return labels
    renamed = np.arange(len(labels))
    for label in parent:
        renamed[label] = root(label)
    return renamed[labels]
