"""Non-maximum suppression: of boxes that show the same thing, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.geometry.overlap import (
    Boxes,
    Indices,
    areas,
    pair_intersections,
    pair_iou,
    pairs_between,
    pairs_within,
)

PIECE_SHARE = 0.6
"""Of a box that an edge cuts: with so much of it in a larger box it is a piece of that."""

TRUSTED = 0.5
"""Of the score of a piece: a look at the whole that is less sure is more likely wrong than that."""

AGREEMENT = 0.7
"""Of the extent of two pieces along the edge between them that they share if of one thing."""


def rank(boxes: Boxes, scores: NDArray[np.float32], class_ids: NDArray[np.intp]) -> Indices:
    """Best first; equal scores by class, then top to bottom, left to right: always the same."""
    return np.lexsort((boxes[:, 0], boxes[:, 1], class_ids, -scores))


def suppress_same_class(
    boxes: Boxes, class_ids: NDArray[np.intp], iou_threshold: float
) -> NDArray[np.bool_]:
    """Which of the ranked boxes stay when only boxes of one class compete.

    A box goes when a better one that stays overlaps it by more than `iou_threshold` (0 to 1).
    """
    if len(boxes) < 2:
        return np.ones(len(boxes), np.bool_)
    # Classes moved apart along x never meet, so that the sweep compares nothing in vain.
    spread = float(boxes[:, 2].max() - boxes[:, 0].min()) + 1.0
    apart = boxes.astype(np.float64)
    apart[:, [0, 2]] += class_ids[:, None] * spread
    return _suppress(boxes, pairs_within(apart), iou_threshold)


def suppress_same_box(boxes: Boxes, iou_threshold: float) -> NDArray[np.bool_]:
    """Which of the ranked boxes stay when boxes of all classes compete.

    Meant for high thresholds: one thing that the model reports as two classes in the same place.
    """
    return _suppress(boxes, pairs_within(boxes), iou_threshold)


def drop_cut_duplicates(
    boxes: Boxes, class_ids: NDArray[np.intp], cut: NDArray[np.bool_], *, for_whole: bool = False
) -> NDArray[np.bool_]:
    """Which boxes stay when pieces of a thing, cut off by the edge of a tile, give way.

    `cut` (n,) marks boxes that touch such an edge. A cut box goes when at least `PIECE_SHARE` of it
    lies in a larger box of its class, which another tile saw more of; `for_whole`: in one that is
    not cut itself.
    """
    stays = np.ones(len(boxes), np.bool_)
    first, second = pairs_within(boxes)
    same = class_ids[first] == class_ids[second]
    first, second = first[same], second[same]
    size = areas(boxes)
    first_smaller = size[first] < size[second]
    small = np.where(first_smaller, first, second)
    large = np.where(first_smaller, second, first)
    inside = pair_intersections(boxes[small], boxes[large]) >= PIECE_SHARE * size[small]
    if for_whole:
        inside &= ~cut[large]
    stays[small[inside & cut[small]]] = False
    return stays


def outscored_by_pieces(
    boxes: Boxes,
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    pieces: tuple[Boxes, NDArray[np.float32], NDArray[np.intp]],
) -> NDArray[np.bool_]:
    """Which boxes (n, 4) would take away a piece that scores far more than they do.

    Args:
        boxes, scores, class_ids: of a look at the whole image.
        pieces: boxes, scores and classes of what edges of tiles cut.
    """
    outscored = np.zeros(len(boxes), np.bool_)
    whole, piece = pairs_between(boxes, pieces[0])
    shared = pair_intersections(boxes[whole], pieces[0][piece])
    takes = shared >= PIECE_SHARE * areas(pieces[0][piece])
    takes &= class_ids[whole] == pieces[2][piece]
    outscored[whole[takes & (scores[whole] < TRUSTED * pieces[1][piece])]] = True
    return outscored


def join_pieces(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    cut: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp], NDArray[np.bool_]]:
    """Boxes, scores, classes and cut sides, with pieces of one thing in neighbouring parts joined.

    Two pieces are of one thing when they have the same class, one ends at the right (lower) edge of
    its part and the other at the left (upper) edge of its own, both fill what the two parts share,
    and they agree about the other two edges: they have `AGREEMENT` of their extent there in common.
    The joined box is that of both, with the better score. The order of what stays is kept.

    Args:
        boxes: (n, 4).
        scores: (n,).
        class_ids: (n,).
        cut: (n, 4), the sides of boxes (left, top, right, bottom) at edges of their part.
    """
    boxes, scores, cut = boxes.copy(), scores.copy(), cut.copy()
    stays = np.ones(len(boxes), np.bool_)
    for first, second, axis in _pieces(boxes, class_ids, cut):
        # Boxes grow while this goes on, so that what fitted may fit no more, or be part of another.
        if not (stays[first] and stays[second]) or not _agree(boxes[first], boxes[second], axis):
            continue
        # What has found its other end already takes no second one, which is of its neighbour.
        if not (cut[first, axis + 2] and cut[second, axis]):
            continue
        ends = cut[first] | cut[second]
        ends[axis], ends[axis + 2] = cut[first, axis], cut[second, axis + 2]
        boxes[first, :2] = np.minimum(boxes[first, :2], boxes[second, :2])
        boxes[first, 2:] = np.maximum(boxes[first, 2:], boxes[second, 2:])
        scores[first], cut[first] = max(scores[first], scores[second]), ends
        stays[second] = False
    return boxes[stays], scores[stays], class_ids[stays], cut[stays]


def _pieces(
    boxes: Boxes, class_ids: NDArray[np.intp], cut: NDArray[np.bool_]
) -> list[tuple[int, int, int]]:
    """Pairs that meet at edges of their parts: the left (upper) box, the other one, the axis."""
    some = np.flatnonzero(cut.any(axis=1))
    first, second = (some[each] for each in pairs_within(boxes[some]))
    both = np.concatenate([first, second]), np.concatenate([second, first])
    found = []
    for axis in (0, 1):
        before, after = both
        fits = class_ids[before] == class_ids[after]
        fits &= cut[before, axis + 2] & cut[after, axis]
        fits &= boxes[before, axis] <= boxes[after, axis]
        fits &= boxes[before, axis + 2] <= boxes[after, axis + 2]
        pairs = zip(before[fits].tolist(), after[fits].tolist())  # noqa: B905
        found += [(left, right, axis) for left, right in sorted(pairs)]
    return found


def _agree(first: Boxes, second: Boxes, axis: int) -> bool:
    """Whether two boxes that meet along an axis have the same extent across it."""
    low, high = 1 - axis, 3 - axis
    shared = min(first[high], second[high]) - max(first[low], second[low])
    whole = max(first[high], second[high]) - min(first[low], second[low])
    return bool(shared >= AGREEMENT * whole)


def _suppress(
    boxes: Boxes, pairs: tuple[Indices, Indices], iou_threshold: float
) -> NDArray[np.bool_]:
    close = pair_iou(boxes[pairs[0]], boxes[pairs[1]]) > iou_threshold
    better = np.minimum(*pairs)[close]
    worse = np.maximum(*pairs)[close]
    # Whether a box stays depends on better boxes alone, so repeating this settles: after k rounds
    # everything is right that hangs on chains of at most k suppressions.
    stays = np.ones(len(boxes), np.bool_)
    while True:
        settled = np.ones(len(boxes), np.bool_)
        settled[worse[stays[better]]] = False
        if np.array_equal(settled, stays):
            return stays
        stays = settled
