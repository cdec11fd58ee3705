"""The detector's modes by name, for the command line and the server."""

from __future__ import annotations

from collections.abc import Callable

from detector_runtime.detector import Detector
from detector_runtime.errors import ConfigurationError
from detector_runtime.images import ImageLike
from detector_runtime.results import Detections

MODES: dict[str, Callable[[Detector, ImageLike], Detections]] = {
    "fast": lambda detector, image: detector.detect_fast(image),
    "multi": lambda detector, image: detector.detect_fast_multi(image),
    "adaptive": lambda detector, image: detector.detect_adaptive(image),
    "full": lambda detector, image: detector.detect(image),
}


def look(detector: Detector, image: ImageLike, mode: str) -> Detections:
    """What the detector finds in this mode.

    Raises:
        ConfigurationError: there is no mode of that name.
    """
    if mode not in MODES:
        raise ConfigurationError(
            f"there is no mode '{mode[:40]}'", f"Modes are: {', '.join(sorted(MODES))}."
        )
    return MODES[mode](detector, image)
