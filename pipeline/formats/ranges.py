"""Ranges of numbers joined in one array: how many short lists are worked on at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def starts_of(lengths: Numbers) -> Numbers:
    """Where each of several joined parts begins."""
    return np.cumsum(lengths) - lengths


def joined_ranges(first: Numbers, lengths: Numbers) -> Numbers:
    """`first[0], first[0] + 1, ...`, `lengths[0]` of them; then those of the next range."""
    ranges: Numbers = np.repeat(first - starts_of(lengths), lengths)
    ranges += np.arange(len(ranges))
    return ranges
