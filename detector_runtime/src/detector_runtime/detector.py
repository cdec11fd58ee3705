"""The detector: pictures in, entities out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from detector_runtime.images import Color, Frame, ImageLike, load_frame
from detector_runtime.models import Inference, Model
from detector_runtime.results import (
    DetectedEntity,
    Detections,
    ModelSource,
    Timings,
    numbered_ids,
)
from detector_runtime.settings import DetectorSettings
from detector_runtime.suppression import rank, suppress_same_box, suppress_same_class

logger = logging.getLogger("detector_runtime")


@dataclass(frozen=True)
class _Candidates:
    """What the model saw in one picture, ranked and without duplicates."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.intp]

    def where(self, mask: NDArray[np.bool_]) -> _Candidates:
        return _Candidates(self.boxes[mask], self.scores[mask], self.class_ids[mask])


class Detector:
    """Finds entities in pictures with one model. Safe to call from several threads.

    Calls take turns, because ids depend on the order of the pictures.
    """

    def __init__(self, model: Model, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self.model = model
        self.thresholds = self.settings.chosen_thresholds(model.facts.thresholds)
        self._least = self.thresholds.for_classes(model.facts.class_names)
        self._lock = threading.RLock()
        self._last: Detections | None = None

    @property
    def source(self) -> ModelSource:
        """Which model this is."""
        return self.model.facts.source

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the model's output."""
        return self.model.facts.class_names

    @property
    def last(self) -> Detections | None:
        """The result of the latest call; None before the first."""
        return self._last

    def detect_fast(self, image: ImageLike, *, color: Color = "rgb") -> Detections:
        """Entities of one picture, seen whole at the model's input size.

        Args:
            image: array (height, width, 3) of uint8, PIL image or path.
            color: channel order of an array.

        Raises:
            ImageError: not a picture.
            UnknownOnnxLayoutError: the model does not give (N, 6) rows.
        """
        frame = load_frame(image, color)
        with self._lock:
            inference = self.model.infer([frame], float(self._least.min()))
            return self._finish(frame, inference)

    def warmup(self) -> None:
        """Runs the model once on a grey picture: the first run is the slowest."""
        width, height = self.model.facts.input_size
        self.model.infer([Frame(np.full((height, width, 3), 114, np.uint8))], 1.0)

    def find_entity_by_id(self, entity_id: str) -> DetectedEntity | None:
        """The entity with this id in the latest result, or None."""
        return self._last.find_entity_by_id(entity_id) if self._last else None

    def find_entities_by_class(self, class_name: str) -> list[DetectedEntity]:
        """All entities of a class in the latest result."""
        return self._last.find_entities_by_class(class_name) if self._last else []

    def find_nearest_entity(
        self, x: float, y: float, class_name: str | None = None
    ) -> DetectedEntity | None:
        """The entity of the latest result whose centre is nearest to (x, y) in pixels, or None."""
        return self._last.find_nearest_entity(x, y, class_name) if self._last else None

    def close(self) -> None:
        """Frees the model; the detector is of no use afterwards."""
        self.model.close()

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _finish(self, frame: Frame, inference: Inference) -> Detections:
        started = time.perf_counter()
        candidates = self._distinct(inference.rows[0])
        strong = candidates.where(candidates.scores >= self._least[candidates.class_ids])
        truncated = self._is_truncated(inference.rows)
        finished = time.perf_counter()
        self._last = Detections(
            boxes=strong.boxes,
            scores=strong.scores,
            class_ids=strong.class_ids,
            class_names=self.class_names,
            ids=numbered_ids(strong.class_ids, self.class_names),
            source=self.source,
            image_size=(frame.width, frame.height),
            tentative=np.zeros(len(strong.boxes), np.bool_),
            timings=Timings(
                preprocess_ms=inference.preprocess_ms,
                inference_ms=inference.inference_ms,
                postprocess_ms=(finished - started) * 1000,
            ),
            truncated=truncated,
        )
        return self._last

    def _distinct(self, rows: NDArray[np.float32]) -> _Candidates:
        """Rows ranked by score, without those that show what a better one shows."""
        boxes, scores = rows[:, :4], rows[:, 4]
        class_ids = rows[:, 5].astype(np.intp)
        order = rank(boxes, scores, class_ids)
        ranked = _Candidates(boxes[order], scores[order], class_ids[order])
        ranked = ranked.where(
            suppress_same_class(ranked.boxes, ranked.class_ids, self.settings.iou_threshold)
        )
        if self.settings.same_box_iou is not None:
            ranked = ranked.where(suppress_same_box(ranked.boxes, self.settings.same_box_iou))
        return ranked

    def _is_truncated(self, rows: Sequence[NDArray[np.float32]]) -> bool:
        most = self.model.facts.max_rows
        if most is None:
            return False
        counted = max(
            int((each[:, 4] >= self._least[each[:, 5].astype(np.intp)]).sum()) for each in rows
        )
        if counted < most:
            return False
        logger.warning(
            "The model reported %d entities, all that it can in one picture: more may be there. "
            "Raise the thresholds, or look at parts of the picture with detect().",
            counted,
        )
        return True
