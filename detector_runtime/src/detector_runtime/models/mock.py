"""A back end that looks at nothing and always sees the same opening scene.

For programs that are written before there is a model. Results say that they come from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts
from detector_runtime.results import ModelSource

OPENING = (
    # class, centre x and y, width and height as shares of the image, score
    ("town_center", 0.500, 0.480, 0.120, 0.180, 0.95),
    ("sheep", 0.420, 0.600, 0.017, 0.024, 0.85),
    ("sheep", 0.445, 0.625, 0.017, 0.024, 0.82),
    ("sheep", 0.400, 0.640, 0.017, 0.024, 0.79),
    ("villager", 0.560, 0.580, 0.013, 0.036, 0.90),
    ("villager", 0.585, 0.560, 0.013, 0.036, 0.88),
    ("villager", 0.575, 0.610, 0.013, 0.036, 0.86),
    ("scout_line", 0.620, 0.420, 0.026, 0.048, 0.87),
)

MOCK_CLASSES = ("town_center", "sheep", "villager", "scout_line")


class MockModel:
    """One town centre, three sheep, three villagers and a scout, at fixed places."""

    def __init__(self, class_names: Sequence[str] | None = None) -> None:
        names = tuple(class_names or MOCK_CLASSES)
        self.facts = ModelFacts(
            source=ModelSource("mock", "opening scene"), class_names=names, input_size=(640, 640)
        )
        self._scene = [entry for entry in OPENING if entry[0] in names]

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        """The same rows for every frame, scaled to its size."""
        rows = [self._rows(frame, floor) for frame in frames]
        return Inference(rows, [640 / max(f.width, f.height) for f in frames])

    def close(self) -> None:
        """Nothing to free."""

    def _rows(self, frame: Frame, floor: float) -> NDArray[np.float32]:
        names = self.facts.class_names
        rows = [
            (
                (x - width / 2) * frame.width,
                (y - height / 2) * frame.height,
                (x + width / 2) * frame.width,
                (y + height / 2) * frame.height,
                score,
                names.index(name),
            )
            for name, x, y, width, height, score in self._scene
            if score >= floor
        ]
        return np.array(rows, np.float32).reshape(-1, 6)
