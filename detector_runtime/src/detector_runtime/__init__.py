"""Runs a shipped game-vision detector.

    from detector_runtime import get_detector

    detector = get_detector()                    # bundle, else .onnx, else .pt, else mock
    entities = detector.detect_fast(screenshot)  # numpy array, PIL image or path

Needs numpy, Pillow, onnxruntime, scipy and pydantic; no OpenCV, no torch. What is heavy is imported
when it is first used. Nothing here knows how a detector is trained.

Read `results`, `detector` and `access`, then `models`, `bundle` and `tracking`; `updates` keeps a
model up to date, `contribute` sends what players confirm, `community` names icons, screens and
texts by what is in `classify`, `play` plays by what is in `policies`, kept up to date too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from detector_runtime._version import __version__
from detector_runtime.access import EntityDetector, get_detector, open_detector, reset_detector
from detector_runtime.detector import Detector
from detector_runtime.errors import (
    BundleError,
    ClassListError,
    ConfigurationError,
    ContributionError,
    ContributionStoreError,
    DetectorError,
    ImageError,
    MissingDependencyError,
    ModelLoadError,
    ModelOutputError,
    PredictionExpiredError,
    SourceError,
    SourceUnreachableError,
    UnknownOnnxLayoutError,
    UntrustedUpdateError,
    UpdateBusyError,
    UpdateError,
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
    from detector_runtime.contribute.contributor import Contributor, UploadPolicy
    from detector_runtime.contribute.rules import ContributionRules
    from detector_runtime.updates.checking import CheckResult, UpdatePolicy
    from detector_runtime.updates.updater import ModelUpdater

__all__ = [
    "Bundle",
    "BundleError",
    "BundleManifest",
    "CheckResult",
    "ClassListError",
    "ConfigurationError",
    "ContributionError",
    "ContributionRules",
    "ContributionStoreError",
    "Contributor",
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
    "ModelUpdater",
    "MotionNoise",
    "PredictionExpiredError",
    "SourceError",
    "SourceUnreachableError",
    "Thresholds",
    "Timings",
    "TrackerSettings",
    "UnknownOnnxLayoutError",
    "UntrustedUpdateError",
    "UpdateBusyError",
    "UpdateError",
    "UpdatePolicy",
    "UploadPolicy",
    "WorldView",
    "__version__",
    "get_detector",
    "open_detector",
    "reset_detector",
]


_LATE = {
    "Bundle": "detector_runtime.bundle",
    "BundleManifest": "detector_runtime.bundle",
    "CheckResult": "detector_runtime.updates.checking",
    "ContributionRules": "detector_runtime.contribute.rules",
    "Contributor": "detector_runtime.contribute.contributor",
    "ModelUpdater": "detector_runtime.updates.updater",
    "UpdatePolicy": "detector_runtime.updates.checking",
    "UploadPolicy": "detector_runtime.contribute.contributor",
}
"""Where names are whose modules import pydantic: it takes longer than all else here."""


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
