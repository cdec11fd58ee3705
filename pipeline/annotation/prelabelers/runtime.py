"""Boxes that our own model finds, through the runtime that users have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from detector_runtime import DetectorSettings, Thresholds, open_detector
from pipeline.annotation.prelabels import PrelabelError
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from pipeline.labels.formats.label_names import LabelIndex


class RuntimePrelabeler:
    """Our detector, on the whole image or on tiles of the model's input size."""

    def __init__(
        self, model: Path, class_names: Sequence[str], confidence: float, tiles: bool = False
    ) -> None:
        """Open a model.

        Args:
            model: an ONNX file or a bundle.
            class_names: of the game, in the order of their ids.
            confidence: the lowest score that counts, for every class.
            tiles: look at tiles; what is smaller in an image than in training is found so.

        Raises:
            DetectorError: the model cannot be opened.
            PrelabelError: it knows no class of the game.
        """
        settings = DetectorSettings(
            thresholds=Thresholds(confidence), tracking="none", use_sahi=tiles
        )
        self._detector = open_detector(model, settings=settings)
        self._tiles = tiles
        index = LabelIndex(class_names)
        names = self._detector.class_names
        self._ids = tuple(index.class_of(name) for name in names)
        self._left_out = tuple(
            sorted(name for name, found in zip(names, self._ids, strict=True) if found is None)
        )
        if len(self._left_out) == len(names):
            raise PrelabelError(
                f"The model {self._detector.source} knows no class of this game.",
                "Train and export a model of this game, or choose another backend.",
            )

    @property
    def name(self) -> str:
        """The model, and how it looks at an image."""
        return f"detector_runtime {self._detector.source}, {'tiles' if self._tiles else 'one look'}"

    @property
    def left_out_classes(self) -> tuple[str, ...]:
        """Classes of the model that the game lacks."""
        return self._left_out

    def find(self, image: Image.Image) -> tuple[ScoredBox, ...]:
        """See `Prelabeler`.

        Raises:
            DetectorError: the image is too small or too large.
        """
        look = self._detector.detect if self._tiles else self._detector.detect_fast
        found = look(image)
        rows = zip(found.class_ids.tolist(), found.scores.tolist(), found.boxes, strict=True)
        return tuple(
            ScoredBox(class_id, score, Box(*(float(side) for side in box)))
            for number, score, box in rows
            if (class_id := self._ids[number]) is not None
        )

    def close(self) -> None:
        """Free the model."""
        self._detector.close()
