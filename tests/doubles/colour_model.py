"""A model for `detector_runtime` that finds the units of `x11_game` by their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts
from detector_runtime.results import ModelSource
from doubles.x11_game import UNITS

CLASSES = ("red_unit", "blue_unit")


class ColourModel:
    def __init__(self) -> None:
        self.facts = ModelFacts(
            source=ModelSource("mock", "colours"), class_names=CLASSES, input_size=(640, 640)
        )

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        return Inference([self.rows(frame) for frame in frames], [1.0] * len(frames))

    def rows(self, frame: Frame) -> np.ndarray:
        rows = []
        pixels = frame.rgb()
        for number, (colour, _box) in enumerate(UNITS):
            wanted = [colour >> 16, (colour >> 8) & 255, colour & 255]
            ys, xs = np.nonzero((pixels == wanted).all(axis=2))
            if len(xs):
                box = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                rows.append((*box, 0.9, number))
        return np.array(rows, np.float32).reshape(-1, 6)

    def close(self) -> None:
        pass
