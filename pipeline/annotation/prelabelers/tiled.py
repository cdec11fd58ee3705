"""Any back end on overlapping tiles of an image, for one that sees small things badly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from detector_runtime.geometry.candidates import Candidates
from detector_runtime.geometry.tiling import Region, tiles
from PIL import Image

from pipeline.annotation.prelabelers.base import Prelabeler
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box

SAME_OBJECT = 0.5
"""Boxes of one class that overlap by more show one object: the better stays."""


class TiledPrelabeler:
    """Another back end, shown one tile after the other; what neighbours both see counts once."""

    def __init__(self, each: Prelabeler, side: int = 640) -> None:
        """Look through `each` at tiles of `side` pixels, which share a tenth with neighbours."""
        self._each, self._side = each, side

    @property
    def name(self) -> str:
        """The back end's, and the tiles."""
        return f"{self._each.name}, tiles of {self._side} px"

    @property
    def left_out_classes(self) -> tuple[str, ...]:
        """The back end's."""
        return self._each.left_out_classes

    def find(self, image: Image.Image) -> tuple[ScoredBox, ...]:
        """See `Prelabeler`."""
        whole = Region(0, 0, image.width, image.height)
        regions = tiles(whole, (self._side, self._side))
        rows = [
            _rows(self._each.find(image.crop((one.left, one.top, one.right, one.bottom))))
            for one in regions
        ]
        found = Candidates.of(rows, regions, image.size).distinct(SAME_OBJECT, None)
        columns = zip(found.class_ids.tolist(), found.scores.tolist(), found.boxes, strict=True)
        return tuple(
            ScoredBox(class_id, score, Box(*(float(side) for side in box)))
            for class_id, score, box in columns
        )

    def close(self) -> None:
        """Close the back end."""
        self._each.close()


def _rows(found: Sequence[ScoredBox]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """As the runtime's models give them: corners, score and class, float32 [n, 6]."""
    return np.array(
        [[*one.box, one.score, one.class_id] for one in found], dtype=np.float32
    ).reshape(-1, 6)
