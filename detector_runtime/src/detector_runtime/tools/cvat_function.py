"""A function for CVAT's own auto-annotation: this runtime's detections as rectangles with scores.

    cvat-cli task auto-annotate 7 \\
        --function-module detector_runtime.tools.cvat_function -p model=str:path/to/bundle

Needs `cvat-sdk` besides this package, and `cvat-cli` to be started: `pip install
"detector-runtime[cvat]" cvat-cli`. Copied or named by its path it serves as `--function-file` too.
The interface is that of `cvat_sdk.auto_annotation` (2.80): CVAT calls `create` with the values of
`-p`, then `detect` for every image, one by one.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from PIL import Image

from detector_runtime.access import find_model, open_detector
from detector_runtime.detector import Detector
from detector_runtime.errors import MissingDependencyError, ModelLoadError
from detector_runtime.settings import DetectorSettings
from detector_runtime.thresholds import Thresholds


def create(model: str = "", tiles: bool = False) -> CvatFunction:
    """The function that CVAT calls.

    Args:
        model: a bundle's folder or zip, or an `.onnx` file; empty takes the one that
            `detector_runtime.get_detector` would find.
        tiles: look at tiles, which finds more small things and takes several times as long.

    Raises:
        MissingDependencyError: `cvat-sdk` is not installed.
        ModelLoadError: there is no model, or it cannot be opened. The mock is never taken: what it
            makes up would be saved as labels.
    """
    path = Path(model) if model else find_model()
    if path is None:
        raise ModelLoadError(
            "there is no model to annotate with", "Name a bundle: -p model=str:path/to/bundle"
        )
    return CvatFunction(path, tiles)


class CvatFunction:
    """A detection function, as `cvat_sdk.auto_annotation.DetectionFunction` describes one.

    Attributes:
        spec: the classes of the model; CVAT matches its labels by these names.
    """

    def __init__(self, model: Path, tiles: bool) -> None:
        self._sdk = _auto_annotation()
        self._model, self._tiles = model, tiles
        self._detectors: dict[float | None, Detector] = {}
        names = self._detector(None).class_names
        labels = [
            self._sdk.label_spec(name, number, type="rectangle")
            for number, name in enumerate(names)
        ]
        self.spec = self._sdk.DetectionFunctionSpec(labels=labels)

    def detect(self, context: Any, image: Image.Image) -> list[Any]:
        """The rectangles of one image, each with its score.

        Without a threshold of CVAT's (`--conf-threshold`) those of the model decide.
        """
        detector = self._detector(context.conf_threshold)
        found = detector.detect(image) if self._tiles else detector.detect_fast(image)
        rows = zip(found.class_ids.tolist(), found.boxes.tolist(), found.scores.tolist())  # noqa: B905
        return [
            self._sdk.rectangle(class_id, box, score=min(score, 1.0))
            for class_id, box, score in rows
        ]

    def _detector(self, threshold: float | None) -> Detector:
        if threshold not in self._detectors:
            asked = None if threshold is None else Thresholds(threshold)
            # Images of a task are no film: nothing is followed from one to the next.
            settings = DetectorSettings(thresholds=asked, tracking="none")
            self._detectors[threshold] = open_detector(self._model, settings=settings)
        return self._detectors[threshold]


def _auto_annotation() -> Any:
    try:
        return importlib.import_module("cvat_sdk.auto_annotation")
    except ImportError as error:
        raise MissingDependencyError(
            "cvat-sdk is not installed", 'pip install "detector-runtime[cvat]"'
        ) from error
