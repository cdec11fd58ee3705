"""The detector: images in, entities out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check_number
from detector_runtime.geometry.candidates import EDGE, Candidates
from detector_runtime.geometry.suppression import outscored_by_pieces
from detector_runtime.geometry.tiling import (
    Region,
    regions_of_interest,
    shown_whole,
    tiles,
    tiles_at_scale,
)
from detector_runtime.images import Color, Frame, ImageLike, load_frame
from detector_runtime.models.base import Inference, Model
from detector_runtime.models.scale_guard import ScaleGuard
from detector_runtime.results import DetectedEntity, Detections, ModelSource, Timings
from detector_runtime.settings import DetectorSettings
from detector_runtime.system.forks import enrol, is_held
from detector_runtime.tracking.camera import CameraMotion
from detector_runtime.tracking.tracker import EntityTracker, GreedyTracker, IdCounter

WEAK_SCORE = 0.1
"""From this score on a detection may continue a track, though it does not count by itself."""

logger = logging.getLogger("detector_runtime")


class Detector:
    """Finds entities in images with one model. Safe to call from several threads.

    Calls take turns, because ids depend on the order of the images.
    """

    def __init__(self, model: Model, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self._use(model)
        self.tracker = _tracker(self.settings, model.facts.class_names)
        self._camera = CameraMotion(self.settings.world_view)
        self._unseen_shift = np.zeros(2)
        self._lock = threading.RLock()
        self._last: Detections | None = None
        self._scans_since_full = 0
        self._was_truncated = False
        enrol(self)

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

    def detect_fast(
        self, image: ImageLike, *, color: Color = "rgb", timestamp: float | None = None
    ) -> Detections:
        """Entities of one image, each seen at the size that things had in training.

        A model of whole frames sees the image whole, at its input size. One that states at which
        scale it learned tiles sees it at that scale: whole where its input is free, else in tiles.

        Args:
            image: array (height, width, 3) of uint8, PIL image or path.
            color: channel order of an array.
            timestamp: seconds on any clock, for images at uneven intervals; two images may
                have the same.

        Raises:
            ImageError: not an image.
            UnknownOnnxLayoutError: the model does not give (N, 6) rows.
            ConfigurationError: time runs backwards.
        """
        frame = load_frame(image, color)
        with self._lock:
            self._observe(frame, timestamp)
            return self._look("detect_fast", frame, self._at_once(frame), timestamp)

    def detect_fast_multi(
        self,
        image: ImageLike,
        *,
        color: Color = "rgb",
        timestamp: float | None = None,
        center_fraction: float = 0.5,
    ) -> Detections:
        """As `detect_fast`, with a second look at the middle of the image, for small things.

        The second look shows things `1 / center_fraction` times larger than training did: measure
        whether that helps a model before relying on it. A model that keeps its scale is spared it.
        Takes the other arguments of `detect_fast`.

        Args:
            center_fraction: side of the middle part, as a share of the image's, from 0.1 to 1.
        """
        frame = load_frame(image, color)
        check_number("center_fraction", center_fraction, 0.1, 1)
        width = max(2, round(frame.width * center_fraction))
        height = max(2, round(frame.height * center_fraction))
        middle = Region((frame.width - width) // 2, (frame.height - height) // 2, width, height)
        with self._lock:
            self._observe(frame, timestamp)
            parts = self._at_once(frame)
            if not self.model.facts.keeps_scale:
                parts = [*parts, middle]
            return self._look("detect_fast_multi", frame, parts, timestamp)

    def detect(
        self, image: ImageLike, *, color: Color = "rgb", timestamp: float | None = None
    ) -> Detections:
        """Entities of one image, cut into overlapping tiles of the model's input size.

        The whole is looked at as well, for what is too large for a tile or cut by all of them. With
        the setting `use_sahi=False`, for an image no larger than a tile, and for a model that keeps
        its scale, the same as `detect_fast`. Takes the arguments of `detect_fast`.
        """
        frame = load_frame(image, color)
        with self._lock:
            self._observe(frame, timestamp)
            return self._look_at_all(frame, timestamp)

    def detect_adaptive(
        self,
        image: ImageLike,
        *,
        color: Color = "rgb",
        timestamp: float | None = None,
        force_full: bool = False,
    ) -> Detections:
        """A fast look at the whole image, then tiles where something is or just was.

        The first call, every `full_scan_interval`-th one and those with `force_full` look at all
        tiles, as `detect` does; for a model that keeps its scale all calls do. Takes the other
        arguments of `detect_fast`.
        """
        frame = load_frame(image, color)
        with self._lock:
            self._observe(frame, timestamp)
            due = self._scans_since_full >= self.settings.full_scan_interval - 1
            is_plain = self.model.facts.keeps_scale or not self._needs_tiles(frame)
            if force_full or due or self._last is None or is_plain:
                return self._look_at_all(frame, timestamp)
            self._scans_since_full += 1
            return self._look_where_it_matters(frame, timestamp)

    def reset_tracking(self) -> None:
        """Forgets the tracks and the last image, as before a new game; ids go on counting."""
        with self._lock:
            self._forget()
            self._camera.reset()

    def replace_model(self, model: Model) -> None:
        """Goes on with another model, from the next call on; one that is under way is finished.

        Tracks go on where the classes are the same. Else they start over, and ids go on counting.
        The model that was used is closed.
        """
        with self._lock:
            before = self.model
            self._use(model)
            if model.facts.class_names != before.facts.class_names:
                if self.tracker is not None:
                    self.tracker = self.tracker.for_classes(model.facts.class_names)
                self._forget()
        before.close()

    def warmup(self) -> None:
        """Runs the model once on a grey image: the first run is the slowest."""
        with self._lock:
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

    def after_fork(self) -> None:
        """Goes on in a forked process. A look that another thread was at is lost, with tracks."""
        if is_held(self._lock):
            self._lock = threading.RLock()
            self.reset_tracking()

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _use(self, model: Model) -> None:
        self.model = model
        self.thresholds = self.settings.chosen_thresholds(model.facts.thresholds)
        self._least = self.thresholds.for_classes(model.facts.class_names)
        self._scale = ScaleGuard(model.facts)

    def _look_at_all(self, frame: Frame, timestamp: float | None) -> Detections:
        self._scans_since_full = 0
        if self.model.facts.keeps_scale or not self._needs_tiles(frame):
            return self._look("detect", frame, self._at_once(frame), timestamp)
        whole = _whole(frame)
        cut = tiles(whole, self.model.facts.input_size)
        if self.model.facts.trained_on == "tile":
            return self._look("detect", frame, cut, timestamp)
        looks = _beyond_tiles(self._infer(frame, [whole, *cut]), cut, frame)
        candidates = Candidates.of(looks.rows, [whole, *cut], (frame.width, frame.height))
        return self._finish("detect", frame, candidates, looks, timestamp)

    def _look_where_it_matters(self, frame: Frame, timestamp: float | None) -> Detections:
        whole = _whole(frame)
        image, tile = (frame.width, frame.height), self.model.facts.input_size
        fast = self._infer(frame, [whole])
        quick = Candidates.of(fast.rows, [whole], image)
        found = quick.where(self._counts(quick))
        around = np.concatenate([found.boxes, self._disappeared(found)])
        regions = regions_of_interest(around, image, tile)
        if not regions:
            return self._finish("detect_adaptive", frame, quick, fast, timestamp)
        cut = list(dict.fromkeys(part for each in regions for part in tiles(each, tile)))
        close = self._infer(frame, cut)
        both = Inference(
            fast.rows + close.rows,
            fast.scales + close.scales,
            fast.preprocess_ms + close.preprocess_ms,
            fast.inference_ms + close.inference_ms,
        )
        looks = _beyond_tiles(both, cut, frame)
        merged = Candidates.of(looks.rows, [whole, *cut], image)
        return self._finish("detect_adaptive", frame, merged, looks, timestamp)

    def _look(
        self, mode: str, frame: Frame, regions: Sequence[Region], timestamp: float | None
    ) -> Detections:
        inference = self._infer(frame, regions)
        candidates = Candidates.of(inference.rows, regions, (frame.width, frame.height))
        return self._finish(mode, frame, candidates, inference, timestamp)

    def _infer(self, frame: Frame, regions: Sequence[Region]) -> Inference:
        parts = [frame.crop(part.left, part.top, part.width, part.height) for part in regions]
        floor = float(self._least.min())
        if self.settings.tracking == "kalman":
            floor = min(floor, WEAK_SCORE)
        return self.model.infer(parts, floor)

    def _finish(
        self,
        mode: str,
        frame: Frame,
        candidates: Candidates,
        inference: Inference,
        timestamp: float | None,
    ) -> Detections:
        """From what the model saw to the result: duplicates go, thresholds and tracks decide."""
        started = time.perf_counter()
        image = (frame.width, frame.height)
        ratio = self._scale.ratio(inference.scales, image)
        self._scale.warn(mode, ratio)
        distinct = candidates.distinct(self.settings.iou_threshold, self.settings.same_box_iou)
        counts = self._counts(distinct)
        result = Detections(
            **self._columns(distinct.where(counts)),
            class_names=self.class_names,
            source=self.source,
            image_size=image,
            scale_ratio=ratio,
            truncated=self._is_truncated(inference.rows),
        )
        result = self._with_owners(result, frame)
        sorted_out = time.perf_counter()
        result = self._tracked(result, distinct.where(~counts), timestamp)
        tracked = time.perf_counter()
        self._last = replace(
            result,
            timings=Timings(
                inference.preprocess_ms,
                inference.inference_ms,
                (sorted_out - started) * 1000,
                (tracked - sorted_out) * 1000,
            ),
        )
        return self._last

    def _with_owners(self, result: Detections, frame: Frame) -> Detections:
        head = self.model.facts.owner_head
        if head is None:
            return result
        return replace(
            result,
            owner_names=head.owners,
            owner_probabilities=head.probabilities(frame.rgb(), result.boxes, result.class_ids),
            owner_threshold=head.threshold,
        )

    def _tracked(self, result: Detections, weak: Candidates, timestamp: float | None) -> Detections:
        if self.tracker is None:
            # Each image by itself: without memory.
            counted = IdCounter(self.class_names).take(result.class_ids)
            return replace(result, ids=tuple(counted))
        x, y = self._unseen_shift.tolist()
        self._unseen_shift[:] = 0.0
        too_weak = replace(result, **self._columns(weak), owner_probabilities=None)
        return self.tracker.update(result, too_weak, timestamp=timestamp, camera_shift=(x, y))

    def _observe(self, frame: Frame, timestamp: float | None) -> None:
        """What can be said of an image before the model sees it: time and the camera's motion."""
        if self.tracker is None:
            return
        self.tracker.check_timestamp(timestamp)
        if not self.settings.follow_camera:
            return
        shift = self._camera.shift(frame)
        if shift is None:
            logger.info("This image shows another place or zoom: all tracks start over")
            self._forget()
        else:
            # Kept until a result is made of it: the model may fail on this image.
            self._unseen_shift += shift

    def _forget(self) -> None:
        if self.tracker is not None:
            self.tracker.reset()
        self._unseen_shift[:] = 0.0
        self._last = None

    def _disappeared(self, found: Candidates) -> NDArray[np.float32]:
        """Boxes (n, 4) of the last result, where they should be now, that the fast look missed."""
        if self._last is None:
            return np.empty((0, 4), np.float32)
        before = self._last.boxes - np.tile(self._unseen_shift, 2).astype(np.float32)
        centres = (before[:, :2] + before[:, 2:]) / 2
        inside = (
            (centres[:, None] >= found.boxes[None, :, :2])
            & (centres[:, None] <= found.boxes[None, :, 2:])
        ).all(axis=2)
        seen_again = (inside & (self._last.class_ids[:, None] == found.class_ids)).any(axis=1)
        in_image = (centres >= 0).all(axis=1) & (centres <= self._last.image_size).all(axis=1)
        gone: NDArray[np.float32] = before[~seen_again & in_image]
        return gone

    def _at_once(self, frame: Frame) -> list[Region]:
        """The parts of one look: the whole, or as few as show it at the scale of training."""
        facts, whole = self.model.facts, _whole(frame)
        if facts.scale is None or not facts.keeps_scale or not self.settings.use_sahi:
            return [whole]
        return tiles_at_scale(whole, facts.input_size, facts.scale, facts.has_free_size)

    def _needs_tiles(self, frame: Frame) -> bool:
        width, height = self.model.facts.input_size
        return self.settings.use_sahi and (frame.width > width or frame.height > height)

    def _counts(self, candidates: Candidates) -> NDArray[np.bool_]:
        return candidates.scores >= self._least[candidates.class_ids]

    def _columns(self, candidates: Candidates) -> dict[str, Any]:
        """What a result holds of each entity, before ids are known."""
        count = len(candidates.boxes)
        return {
            "boxes": candidates.boxes,
            "scores": candidates.scores,
            "class_ids": candidates.class_ids,
            "ids": ("",) * count,
            "tentative": np.zeros(count, np.bool_),
        }

    def _is_truncated(self, rows: Sequence[NDArray[np.float32]]) -> bool:
        most = self.model.facts.max_rows
        full = [each for each in rows if most is not None and len(each) >= most]
        truncated = any(
            (each[:, 4] >= self._least[each[:, 5].astype(np.intp)]).sum() >= most for each in full
        )
        if truncated and not self._was_truncated and self.settings.warn_truncated:
            logger.warning(
                "The model reported %d entities, all that it can in one look: more may be there. "
                "Raise the thresholds, or look at parts of the image%s.",
                most,
                "" if self.model.facts.keeps_scale else " with detect()",
            )
        self._was_truncated = truncated
        return truncated


def _whole(frame: Frame) -> Region:
    return Region(0, 0, frame.width, frame.height)


def _beyond_tiles(looks: Inference, cut: Sequence[Region], frame: Frame) -> Inference:
    """A look at the whole frame and then at tiles, the first without what a tile shows better.

    That is what a tile shows uncut, and what a tile is much surer to show a piece of. Of what is
    cut by all of them, or lies in none, the look at the whole knows more.
    """
    image = (frame.width, frame.height)
    whole, *rest = looks.rows
    seen = Candidates.of(rest, cut, image)
    pieces = seen.where(np.asarray(seen.cut.any(axis=1)))
    boxes, scores, class_ids = whole[:, :4], whole[:, 4], whole[:, 5].astype(np.intp)
    known = shown_whole(boxes, cut, image, EDGE) | outscored_by_pieces(
        boxes, scores, class_ids, (pieces.boxes, pieces.scores, pieces.class_ids)
    )
    return replace(looks, rows=[whole[~known], *rest])


def _tracker(
    settings: DetectorSettings, class_names: Sequence[str]
) -> EntityTracker | GreedyTracker | None:
    if settings.tracking == "kalman":
        return EntityTracker(class_names, settings.tracker)
    if settings.tracking == "greedy":
        return GreedyTracker(class_names)
    return None
