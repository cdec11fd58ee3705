"""Runs a shipped game-vision detector.

    from detector_runtime import get_detector

    detector = get_detector()                    # bundle, else .onnx, else .pt, else mock
    entities = detector.detect_fast(screenshot)  # numpy array, PIL image or path

Needs numpy, Pillow, onnxruntime, scipy and pydantic; no OpenCV, no torch. What is heavy is imported
when it is first used. Nothing here knows how a detector is trained.

Read `results`, `detector` and `access`, then `models`, `bundle` and `tracking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detector_runtime._version import __version__
from detector_runtime.access import EntityDetector, get_detector, open_detector, reset_detector
from detector_runtime.detector import Detector
from detector_runtime.errors import (
    BundleError,
    ClassListError,
    ConfigurationError,
    DetectorError,
    ImageError,
    MissingDependencyError,
    ModelLoadError,
    ModelOutputError,
    PredictionExpiredError,
    UnknownOnnxLayoutError,
)
from detector_runtime.results import DetectedEntity, Detections, ModelSource, Timings
from detector_runtime.settings import DetectorSettings
from detector_runtime.thresholds import Thresholds
from detector_runtime.tracking.camera import WorldView
from detector_runtime.tracking.frame_diff import FrameDiffer
from detector_runtime.tracking.kalman import MotionNoise
from detector_runtime.tracking.tracker import EntityTracker, TrackerSettings

if TYPE_CHECKING:
    from detector_runtime.bundle import Bundle, BundleManifest

__all__ = [
    "Bundle",
    "BundleError",
    "BundleManifest",
    "ClassListError",
    "ConfigurationError",
    "DetectedEntity",
    "Detections",
    "Detector",
    "DetectorError",
    "DetectorSettings",
    "EntityDetector",
    "EntityTracker",
    "FrameDiffer",
    "ImageError",
    "MissingDependencyError",
    "ModelLoadError",
    "ModelOutputError",
    "ModelSource",
    "MotionNoise",
    "PredictionExpiredError",
    "Thresholds",
    "Timings",
    "TrackerSettings",
    "UnknownOnnxLayoutError",
    "WorldView",
    "__version__",
    "get_detector",
    "open_detector",
    "reset_detector",
]


def __getattr__(name: str) -> Any:
    # pydantic takes longer to import than all else here, and only bundles need it.
    if name in ("Bundle", "BundleManifest"):
        from detector_runtime import bundle

        return getattr(bundle, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
