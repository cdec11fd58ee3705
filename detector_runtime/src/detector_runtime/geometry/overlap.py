"""Overlaps of axis-aligned boxes, without comparing every box with every other.

Boxes are arrays `(n, 4)` of `x1, y1, x2, y2`. Candidates come from a sweep along x: only boxes
whose x-intervals meet are compared, which for things of unit size on a screen are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]


def areas(boxes: Boxes) -> NDArray[np.floating[Any]]:
    """Areas in square pixels, shape `(n,)`."""
    product: NDArray[np.floating[Any]] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return product


def pair_intersections(first: Boxes, second: Boxes) -> NDArray[np.floating[Any]]:
    """Shared area of `first[k]` and `second[k]`, shape `(n,)`."""
    width = np.minimum(first[:, 2], second[:, 2]) - np.maximum(first[:, 0], second[:, 0])
    height = np.minimum(first[:, 3], second[:, 3]) - np.maximum(first[:, 1], second[:, 1])
    shared: NDArray[np.floating[Any]] = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def pair_iou(first: Boxes, second: Boxes) -> NDArray[np.floating[Any]]:
    """Intersection over union of `first[k]` and `second[k]`, from 0 to 1."""
    shared = pair_intersections(first, second)
    union = areas(first) + areas(second) - shared
    ratio: NDArray[np.floating[Any]] = np.zeros_like(shared)
    np.divide(shared, union, out=ratio, where=union > 0)
    return ratio


def pairs_within(boxes: Boxes) -> tuple[Indices, Indices]:
    """Index pairs of boxes that share some area; each pair once, in no particular order."""
    order = np.argsort(boxes[:, 0], kind="stable")
    left = boxes[order, 0]
    ends = np.searchsorted(left, boxes[order, 2], side="left")
    starts = np.arange(1, len(boxes) + 1)
    first, second = _expand(starts, ends)
    return _meeting(boxes, order[first], boxes, order[second])


def pairs_between(first: Boxes, second: Boxes) -> tuple[Indices, Indices]:
    """Index pairs (into `first`, into `second`) of boxes that share some area; each once."""
    order_a = np.argsort(first[:, 0], kind="stable")
    order_b = np.argsort(second[:, 0], kind="stable")
    left_a, left_b = first[order_a, 0], second[order_b, 0]
    # Either b begins inside a, or a begins strictly inside b: together every meeting, none twice.
    a1, b1 = _expand(
        np.searchsorted(left_b, left_a, side="left"),
        np.searchsorted(left_b, first[order_a, 2], side="left"),
    )
    b2, a2 = _expand(
        np.searchsorted(left_a, left_b, side="right"),
        np.searchsorted(left_a, second[order_b, 2], side="left"),
    )
    rows = order_a[np.concatenate([a1, a2])]
    columns = order_b[np.concatenate([b1, b2])]
    return _meeting(first, rows, second, columns)


def _expand(starts: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """All `(k, j)` with `starts[k] <= j < ends[k]`."""
    counts = np.maximum(ends - starts, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    first_of_owner = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first_of_owner[owner] + starts[owner]


def _meeting(
    first: Boxes, rows: Indices, second: Boxes, columns: Indices
) -> tuple[Indices, Indices]:
    meets = (first[rows, 1] < second[columns, 3]) & (second[columns, 1] < first[rows, 3])
    return rows[meets], columns[meets]
