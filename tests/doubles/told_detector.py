"""A detector that knows what was drawn into the images that it is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from detector_runtime.geometry.letterbox import Size
from detector_runtime.geometry.tiling import Region
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts
from detector_runtime.results import ModelSource
from detector_runtime.thresholds import Thresholds
from numpy.typing import NDArray

from pipeline.demo_game.renderer import SeenObject, _Frame
from pipeline.games.pack import load_pack
from pipeline.play.perception import looking
from pipeline.play.perception.packing import Place, laid_together
from pipeline.play.simulator.view import LIGHT, Shown, draw_shown, world_part

SCORE = 0.9


class ToldDetector:
    """Boxes are true but for noise; each image can be asked about as often as it was drawn.

    Attributes:
        noise: pixels, standard deviation of each corner.
        missed: share of things that are not seen.
        false: things in an image that are not there, on average.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._drawn: dict[bytes, list[tuple[SeenObject, ...]]] = {}
        self.noise = self.missed = self.false = 0.0
        self.looks = 0
        self.facts = ModelFacts(
            source=ModelSource("mock", "told"),
            class_names=load_pack("demo").class_names,
            input_size=(320, 320),
            thresholds=Thresholds(),
            scale=1.0,
            keeps_scale=True,
            has_free_size=True,
        )
        self._laid: dict[bytes, list[tuple[Frame, Place]]] = {}
        monkeypatch.setattr(looking, "draw_shown", self._draw)
        monkeypatch.setattr(looking, "laid_together", self._lay)

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        self.looks += 1
        one = self._rows if self.facts.has_free_size else self._rows_of_all
        return Inference([one(frame) for frame in frames], [1.0] * len(frames))

    def close(self) -> None:
        pass

    def _draw(self, shown: Shown, part: Region) -> NDArray[np.uint8]:
        image = draw_shown(shown, part)
        world, size = world_part(shown, part), (part.width, part.height)
        frame = _Frame(world, (0, 0), LIGHT, size)
        frame.draw()
        self._drawn.setdefault(image.tobytes(), []).append(tuple(frame._seen()))
        return image

    def _lay(self, frames: Sequence[Frame], places: Sequence[Place], most: Size) -> list[Frame]:
        images = laid_together(frames, places, most)
        for number, image in enumerate(images):
            self._laid[image.pixels.tobytes()] = [
                (frame, place)
                for frame, place in zip(frames, places, strict=True)
                if place.image == number
            ]
        return images

    def _rows_of_all(self, image: Frame) -> NDArray[np.float32]:
        """Of an image in which several lie together."""
        found = []
        for frame, place in self._laid.pop(image.pixels.tobytes()):
            rows = self._rows(frame)
            rows[:, :4] += np.array([place.left, place.top] * 2)
            found.append(rows)
        return np.concatenate(found)

    def _rows(self, frame: Frame) -> NDArray[np.float32]:
        names = self.facts.class_names
        drawn = self._drawn.pop(frame.pixels.tobytes())
        seen = drawn.pop()
        if drawn:
            self._drawn[frame.pixels.tobytes()] = drawn
        rows = [
            (*(one.box.x1, one.box.y1, one.box.x2, one.box.y2), SCORE, names.index(one.class_name))
            for one in seen
            if self._random.random() >= self.missed
        ]
        for _number in range(self._random.poisson(self.false)):
            x, y = self._random.random(2) * (frame.width - 20, frame.height - 30)
            rows.append((x, y, x + 20, y + 30, SCORE, names.index("worker")))
        found = np.array(rows, np.float32).reshape(-1, 6)
        found[:, :4] += self._random.normal(0, self.noise, (len(found), 4))
        return found
