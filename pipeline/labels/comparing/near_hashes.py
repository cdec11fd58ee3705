"""Pairs of perceptual hashes that differ in few bits, without comparing each with each.

Of two hashes that differ in at most 11 bits, one of the four quarters differs in at most 2 (the
pigeonhole principle, as in Norouzi et al., "Fast exact search in Hamming space with multi-index
hashing", 2014). So for each quarter, and for each way of turning over at most 2 of its bits, the
hashes are looked up that have just that quarter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

QUARTERS = 4
QUARTER_BITS = 16
AT_ONCE = 1 << 19
"""Pairs that are looked at together: 30 MB."""
FEW_PAIRS = 1 << 20
"""So many are compared each with each, which is quicker."""

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]


class Pairs(NamedTuple):
    """Indices into the first and the second hashes, and the bits between each pair."""

    first: Indices
    second: Indices
    bits: npt.NDArray[np.uint8]

    def where(self, chosen: npt.NDArray[np.bool_] | Indices) -> Pairs:
        return Pairs(self.first[chosen], self.second[chosen], self.bits[chosen])


class HashIndex:
    """Hashes to look up others in."""

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        self._quarters = [_Quarter.of(hashes, number) for number in range(QUARTERS)]

    def pairs(
        self, hashes: Hashes, bits: int, done: npt.NDArray[np.bool_] | None = None
    ) -> Iterator[Pairs]:
        """Every pair of a given hash and one of the index, once, in blocks.

        Args:
            hashes: may be those of the index; a pair then comes both ways.
            bits: at most so many differ, 0 to 11.
            done: of `hashes`; whoever gets the pairs may set those that need no more of them.
        """
        if len(hashes) * len(self.hashes) <= FEW_PAIRS:
            yield from self._each_with_each(hashes, bits)
            return
        turned = bits // QUARTERS
        for mask in _masks(turned):
            for number, quarter in enumerate(self._quarters):
                open_ = np.arange(len(hashes)) if done is None else np.flatnonzero(~done)
                wanted = _quarter_of(hashes[open_], number) ^ mask
                for rows, places in quarter.members(wanted):
                    first = open_[rows]
                    turned_over = hashes[first] ^ self.hashes[places]
                    found = np.bitwise_count(turned_over)
                    near = np.flatnonzero(found <= bits)
                    near = near[_nearest_quarters(turned_over[near]) == number]
                    if len(near):
                        yield Pairs(first[near], places[near], found[near])

    def _each_with_each(self, hashes: Hashes, bits: int) -> Iterator[Pairs]:
        found = np.bitwise_count(hashes[:, None] ^ self.hashes[None, :])
        first, second = np.nonzero(found <= bits)
        if len(first):
            yield Pairs(first, second, found[first, second])


class _Quarter(NamedTuple):
    """Where in the index lie the hashes with each value of a quarter."""

    order: Indices
    starts: Indices

    @classmethod
    def of(cls, hashes: Hashes, number: int) -> _Quarter:
        values = _quarter_of(hashes, number)
        counts = np.bincount(values, minlength=1 << QUARTER_BITS)
        return cls(np.argsort(values, kind="stable"), np.concatenate([[0], np.cumsum(counts)]))

    def members(self, values: Indices) -> Iterator[tuple[Indices, Indices]]:
        """Rows of `values`, with the hashes that have each; a block of rows at a time."""
        first = self.starts[values]
        counts = self.starts[values + 1] - first
        ends = np.cumsum(counts)
        start = 0
        while start < len(values):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + AT_ONCE, side="right")))
            part = slice(start, stop)
            total = int(ends[stop - 1] - done)
            if total:
                rows = np.repeat(np.arange(start, stop), counts[part])
                before = np.repeat(ends[part] - counts[part] - done, counts[part])
                within = np.arange(total) - before
                yield rows, self.order[first[rows] + within]
            start = stop


def as_numbers(hashes: Sequence[str]) -> Hashes:
    """Hashes of 16 hexadecimal digits as numbers."""
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)


def _quarter_of(hashes: Hashes, number: int) -> Indices:
    shift = np.uint64(QUARTER_BITS * number)
    values: Indices = (hashes >> shift & np.uint64(0xFFFF)).astype(np.intp)
    return values


def _nearest_quarters(turned_over: Hashes) -> Indices:
    """The quarter in which a pair differs least, by whose look-up alone it is told; the first."""
    quarters = [np.bitwise_count(_quarter_of(turned_over, number)) for number in range(QUARTERS)]
    nearest: Indices = np.argmin(np.stack(quarters), axis=0)
    return nearest


def _masks(most: int) -> Iterator[int]:
    """Every choice of at most so many bits of a quarter, the fewest first."""
    for count in range(most + 1):
        for bits in combinations(range(QUARTER_BITS), count):
            yield sum(1 << bit for bit in bits)
