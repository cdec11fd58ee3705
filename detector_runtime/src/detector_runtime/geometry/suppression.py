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
    pairs_within,
)


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
    boxes: Boxes, class_ids: NDArray[np.intp], cut: NDArray[np.bool_], share: float = 0.6
) -> NDArray[np.bool_]:
    """Which boxes stay when pieces of a thing, cut off by the edge of a tile, give way.

    `cut` marks boxes that touch such an edge. A cut box goes when at least `share` of it lies in a
    larger box of its class, which another tile saw more of.
    """
    stays = np.ones(len(boxes), np.bool_)
    first, second = pairs_within(boxes)
    same = class_ids[first] == class_ids[second]
    first, second = first[same], second[same]
    size = areas(boxes)
    first_smaller = size[first] < size[second]
    small = np.where(first_smaller, first, second)
    large = np.where(first_smaller, second, first)
    inside = pair_intersections(boxes[small], boxes[large]) >= share * size[small]
    stays[small[inside & cut[small]]] = False
    return stays


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
