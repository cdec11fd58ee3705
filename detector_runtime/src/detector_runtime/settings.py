"""Everything about a detector that its user may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from detector_runtime.checks import check, check_count, check_kind, check_number
from detector_runtime.errors import ConfigurationError
from detector_runtime.models.base import LARGEST_SCALE, SMALLEST_SCALE
from detector_runtime.thresholds import Thresholds
from detector_runtime.tracking.camera import WorldView
from detector_runtime.tracking.tracker import TrackerSettings

Tracking = Literal["kalman", "greedy", "none"]

NAMES_RULE = "a list of different names, in the order of training"


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector works.

    Attributes:
        thresholds: lowest scores that count; None takes the bundle's, else 0.35 for every class.
        confidence_threshold: replaces the default of `thresholds`; classes with a threshold of
            their own keep it.
        class_names: for an ONNX file without names of its own, in the order of training.
        imgsz: longer side of the model's input in pixels; None takes the size of training, or the
            frame's own at the scale of training where the model states that. Only exports with a
            free input size can run at another one.
        scale: input pixels per pixel of an image, whatever its size: for a model of whole frames on
            a screen that shows more of the game at the same size. Of ONNX models that letterbox;
            not with `imgsz`.
        iou_threshold: of two boxes of one class that overlap by more than this, the better stays.
        same_box_iou: of two boxes of any classes that overlap by more than this, the better stays;
            None leaves both. 0.9 removes one thing reported as two classes in one place.
        tracking: "kalman" keeps ids over frames, "greedy" does so by overlap alone, "none" numbers
            the entities of each image from 0.
        tracker: of the "kalman" tracking: how tracks are matched, kept and given up.
        follow_camera: whether tracks are moved with the camera when it pans.
        world_view: the part of the screen that pans.
        use_sahi: whether `detect` and `detect_adaptive` look at tiles, or at the whole frame alone;
            the same of all modes for a model that keeps its scale and cannot see a frame whole.
        full_scan_interval: every so many calls `detect_adaptive` looks at all tiles.
        warn_truncated: whether a warning says that a model reported all that it can; `truncated` of
            the result says so in any case.
        threads: of the ONNX session; None takes the physical cores, at most 4 and no more than a
            container's CPU quota.
        spinning: lets idle threads wait busily: faster, but takes time from the game.
    """

    thresholds: Thresholds | None = None
    confidence_threshold: float | None = None
    class_names: Sequence[str] | None = None
    imgsz: int | None = None
    scale: float | None = None
    iou_threshold: float = 0.5
    same_box_iou: float | None = None
    tracking: Tracking = "kalman"
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    follow_camera: bool = True
    world_view: WorldView = field(default_factory=WorldView)
    use_sahi: bool = True
    full_scan_interval: int = 5
    warn_truncated: bool = True
    threads: int | None = None
    spinning: bool = True

    def __post_init__(self) -> None:
        if self.class_names is not None:
            check(_are_names(self.class_names), "class_names", self.class_names, NAMES_RULE)
            object.__setattr__(self, "class_names", tuple(self.class_names))
        check_number("iou_threshold", self.iou_threshold, 0.01, 1)
        if self.same_box_iou is not None:
            check_number("same_box_iou", self.same_box_iou, 0.01, 1)
        if self.confidence_threshold is not None:
            check_number("confidence_threshold", self.confidence_threshold, 0, 1)
        if self.imgsz is not None:
            check_count("imgsz", self.imgsz, 32)
        if self.scale is not None:
            check_number("scale", self.scale, SMALLEST_SCALE, LARGEST_SCALE)
            check(self.imgsz is None, "imgsz", self.imgsz, "left out where `scale` is given")
        if self.threads is not None:
            check_count("threads", self.threads, 1)
        if self.thresholds is not None:
            check_kind("thresholds", self.thresholds, Thresholds)
        check_count("full_scan_interval", self.full_scan_interval, 1)
        check_kind("tracker", self.tracker, TrackerSettings)
        check_kind("world_view", self.world_view, WorldView)
        known = ("kalman", "greedy", "none")
        check(self.tracking in known, "tracking", self.tracking, f"one of {', '.join(known)}")

    def chosen_thresholds(self, of_model: Thresholds) -> Thresholds:
        """The thresholds in force for a model that brings `of_model`."""
        base = self.thresholds or of_model
        if self.confidence_threshold is None:
            return base
        return Thresholds(self.confidence_threshold, base.per_class)


def settings_from(changes: dict[str, Any]) -> DetectorSettings:
    """Settings from keyword arguments.

    Raises:
        ConfigurationError: there is no setting of that name, or its value is not possible.
    """
    known = DetectorSettings.__dataclass_fields__
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ConfigurationError(
            f"there is no setting '{unknown[0]}'", f"Settings are: {', '.join(known)}."
        )
    return DetectorSettings(**changes)


def _are_names(names: Any) -> bool:
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        return False
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
