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

from pipeline.labels.comparing.near_hashes import Hashes, HashIndex, Indices, Pairs, as_numbers
from pipeline.labels.comparing.thumbnails import (
    MOST_SAMPLED,
    Thumbnails,
    can_be_compared,
    connected_views,
    decoded,
    interface_of,
    same_views,
)
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, Fingerprint, hash_distances
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
    hashes: Hashes
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
            as_numbers([p.phash for p in prints]),
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

    def confirmed(self, pairs: Pairs, others: Views) -> npt.NDArray[np.bool_]:
        """Which pairs of near hashes show the same view, bool [pairs]."""
        same = ~(self.known[pairs.first] & others.known[pairs.second])
        open_ = np.flatnonzero(~same)
        pairs = pairs.where(open_)
        same[open_] = same_views(self.thumbnails, others.thumbnails, pairs.first, pairs.second)
        return same

    def groups(self) -> Indices:
        """A number for each frame, the same for those that chains of same views connect."""
        labels = first_of_equal([one.sha256 for one in self.prints])
        shown = np.flatnonzero(self.shown)
        # A camera that stands still: its frames follow each other.
        following = Pairs(shown[:-1], shown[1:], _bits(self.hashes, shown[:-1], shown[1:]))
        following = following.where(following.bits <= NEAR_DUPLICATE_BITS)
        labels = joined(labels, following.where(self.confirmed(following, self)))
        told_by = zip(labels[shown].tolist(), self.hashes[shown].tolist(), strict=True)
        left = shown[np.unique(first_of_equal(told_by))]
        connected = connected_views(
            self.hashes[left],
            self.thumbnails[left],
            self.known[left],
            first_of_equal(labels[left].tolist()),
            NEAR_DUPLICATE_BITS,
        )
        bits = np.zeros(len(left), np.uint8)
        return joined(labels, Pairs(left, left[connected], bits))


def seen_among(views: Views, others: Views) -> Iterator[tuple[int, int, int]]:
    """Frames that are the same view as one of others: both indices, and the bits between them.

    Each frame comes once, with one of those that are nearest to it.
    """
    done = np.zeros(len(views.prints), np.bool_)
    bytes_of = {one.sha256: index for index, one in reversed(list(enumerate(others.prints)))}
    for index, one in enumerate(views.prints):
        if one.sha256 in bytes_of:
            done[index] = True
            yield index, bytes_of[one.sha256], 0
    done |= ~views.shown
    shown = np.flatnonzero(others.shown)
    index_of_others = HashIndex(others.hashes[shown])
    for pairs in index_of_others.pairs(views.hashes, NEAR_DUPLICATE_BITS, done):
        left = Pairs(pairs.first, shown[pairs.second], pairs.bits)
        left = left.where(np.lexsort((left.second, left.bits, left.first)))
        for whole in (False, True):
            left = left.where(~done[left.first])
            chosen = np.arange(len(left.first)) if whole else _firsts(left.first)
            tested = left.where(chosen)
            same = tested.where(views.confirmed(tested, others))
            for row in _firsts(same.first):
                done[same.first[row]] = True
                yield int(same.first[row]), int(same.second[row]), int(same.bits[row])


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


def _bits(hashes: Hashes, first: Indices, second: Indices) -> npt.NDArray[np.uint8]:
    bits: npt.NDArray[np.uint8] = np.bitwise_count(hashes[first] ^ hashes[second])
    return bits


def _firsts(values: Indices) -> Indices:
    """Where each value comes first."""
    firsts: Indices = np.unique(values, return_index=True)[1]
    return firsts


def joined(labels: Indices, pairs: Pairs) -> Indices:
    """Labels in which those of each pair have become one: the smaller of them (union-find)."""
    parent: dict[int, int] = {}

    def root(label: int) -> int:
        while (above := parent.get(label, label)) != label:
            parent[label] = parent.get(above, above)
            label = above
        return label

    for one, other in zip(labels[pairs.first].tolist(), labels[pairs.second].tolist(), strict=True):
        low, high = sorted((root(one), root(other)))
        if low != high:
            parent[high] = low
    if not parent:
        return labels
    renamed = np.arange(len(labels))
    for label in parent:
        renamed[label] = root(label)
    return renamed[labels]
