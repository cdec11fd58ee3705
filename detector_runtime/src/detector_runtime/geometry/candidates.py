"""What the model saw, before it is tracked: boxes from one or several parts of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.geometry.letterbox import Size
from detector_runtime.geometry.suppression import (
    drop_cut_duplicates,
    join_pieces,
    rank,
    suppress_same_box,
    suppress_same_class,
)
from detector_runtime.geometry.tiling import Region

EDGE = 2.0
"""Pixels from the edge of its part within which a box may go on beyond it."""


@dataclass(frozen=True)
class Candidates:
    """Boxes (n, 4) in pixels of the image, scores (n,), class indices (n,).

    `cut` (n, 4) marks the sides of boxes (left, top, right, bottom) that end at an edge of the part
    they were seen in, where the image goes on.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.intp]
    cut: NDArray[np.bool_]

    @classmethod
    def of(
        cls, rows: Sequence[NDArray[np.float32]], regions: Sequence[Region], image: Size
    ) -> Candidates:
        """From the model's rows (n, 6) for each region of the image."""
        placed, cut = [], []
        for found, region in zip(rows, regions):  # noqa: B905
            # The head predicts four distances from a point: rarely, a box comes out inside out.
            each = found[(found[:, 2] > found[:, 0]) & (found[:, 3] > found[:, 1])]
            cut.append(_cut(each[:, :4], region, image))
            each[:, :4] += np.array([region.left, region.top] * 2, np.float32)
            placed.append(each)
        merged = np.concatenate(placed)
        return cls(merged[:, :4], merged[:, 4], merged[:, 5].astype(np.intp), np.concatenate(cut))

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Candidates:
        """Only these, in this order."""
        return Candidates(
            self.boxes[chosen], self.scores[chosen], self.class_ids[chosen], self.cut[chosen]
        )

    def distinct(self, iou_threshold: float, same_box_iou: float | None) -> Candidates:
        """Ranked by score, without those that show what a better one shows."""
        ranked = self.where(rank(self.boxes, self.scores, self.class_ids))
        if self.cut.any():
            ranked = ranked._without_pieces()
        ranked = ranked.where(suppress_same_class(ranked.boxes, ranked.class_ids, iou_threshold))
        if same_box_iou is None:
            return ranked
        return ranked.where(suppress_same_box(ranked.boxes, same_box_iou))

    def _without_pieces(self) -> Candidates:
        """Ranked, where what several parts show a piece of is one box.

        Pieces are joined before the smaller of two gives way: it may show what the other lacks.
        """
        left = self._with_pieces_dropped(for_whole=True)
        boxes, scores, class_ids, cut = join_pieces(
            left.boxes, left.scores, left.class_ids, left.cut
        )
        if len(boxes) == len(left.boxes):
            # Pieces of a corner that found no neighbour lie within what was joined of the others.
            return left._with_pieces_dropped(for_whole=False)
        joined = Candidates(boxes, scores, class_ids, cut)
        return joined.where(rank(boxes, scores, class_ids))._without_pieces()

    def _with_pieces_dropped(self, *, for_whole: bool) -> Candidates:
        is_cut = np.asarray(self.cut.any(axis=1))
        return self.where(
            drop_cut_duplicates(self.boxes, self.class_ids, is_cut, for_whole=for_whole)
        )


def _cut(boxes: NDArray[np.float32], region: Region, image: Size) -> NDArray[np.bool_]:
    """Sides (n, 4) of boxes, in pixels of the region, where that ends and the image does not."""
    inner = (
        (boxes[:, 0] <= EDGE) & (region.left > 0),
        (boxes[:, 1] <= EDGE) & (region.top > 0),
        (boxes[:, 2] >= region.width - EDGE) & (region.right < image[0]),
        (boxes[:, 3] >= region.height - EDGE) & (region.bottom < image[1]),
    )
    return np.stack(inner, axis=1)
