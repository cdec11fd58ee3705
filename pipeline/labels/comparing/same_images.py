"""Frames of several batches that are one and the same image, whatever they are called.

Where in doubt they are not: labels of an image that is there twice are used twice, but those of one
that is taken for another are lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pipeline.labels.comparing.thumbnails import CELLS, Indices, decoded
from pipeline.labels.comparing.views import Views, first_of_equal, joined, members
from pipeline.labels.fingerprints import Fingerprint

ENCODED_ANEW_BITS = 3
ENCODED_ANEW_GREY = 2
"""What JPEG of quality 90 and above leaves: its hash is at most 2 bits off, and a cell of its
thumbnail 2 grey levels. A unit of 22x30 pixels that takes a step in 1920x1080 pixels makes 8."""
LARGEST_CELL = 60 * 60
"""Pixels of a cell up to which a unit makes so much more than encoding leaves."""
FEWEST_SEEN = CELLS // 2
"""Cells beside the interface. With fewer the rest could be one panel and the same black ground."""


def same_images(prints: Sequence[Fingerprint]) -> tuple[tuple[int, ...], ...]:
    """Indices of frames that show one image, for each image that several batches have; in order.

    The same image has the same bytes, or other bytes and, as far as size, hash and thumbnail tell,
    the same pixels. Where thumbnails tell too little, because there is none, because little of the
    map is explored, or because a unit could hide in a cell, the same bytes alone count.
    """
    if len({one.batch for one in prints}) < 2:
        return ()
    labels = first_of_equal([one.sha256 for one in prints])
    for first, second in _encoded_anew(prints):
        labels = joined(labels, first, second)
    groups = members(labels.tolist())
    return tuple(
        tuple(group.tolist()) for group in groups if len({prints[i].batch for i in group}) > 1
    )


def _encoded_anew(prints: Sequence[Fingerprint]) -> list[tuple[Indices, Indices]]:
    """Pairs of frames that hold the same pixels in other bytes, enough of them to connect all."""
    from pipeline.labels.comparing import compiled_loops

    views = Views.of(prints)
    tolerance = np.array([_tolerance(one.size) for one in prints], np.intp)
    told = (tolerance > 0) & ((views.thumbnails > 0).sum(axis=(1, 2)) >= FEWEST_SEEN)
    # Of a camera that stands still, thousands of frames are alike: one of each batch is compared.
    alike = first_of_equal((one.batch, one.size, one.phash, one.thumbnail) for one in prints)
    compared = np.flatnonzero(told & (alike == np.arange(len(prints))))
    found = []
    for indices in members(prints[index].size for index in compared.tolist()):
        same = compared[indices]
        first, second = compiled_loops.same_pixels(
            views.hashes[same],
            decoded([prints[index].thumbnail for index in same.tolist()]),
            first_of_equal([prints[index].batch for index in same.tolist()]),
            ENCODED_ANEW_BITS,
            tolerance[same],
        )
        found.append((same[first], same[second]))
    matched = np.zeros(len(prints), np.bool_)
    for pair in found:
        matched[np.concatenate(pair)] = True
    others = np.flatnonzero(matched[alike])
    return [*found, (others, alike[others])]


def _tolerance(size: tuple[int, int]) -> int:
    """Grey levels by which a cell may differ; none where a unit could make so little."""
    return min(
        ENCODED_ANEW_GREY, ENCODED_ANEW_GREY * LARGEST_CELL * CELLS // max(1, math.prod(size))
    )
