"""COCO's average precision, computed by hotcoco.

With COCO's limit of 100 detections in a frame, a perfect model has 0.62 on a frame of 160 objects;
the limit here is what a model can report. hotcoco's own comparison of two models is left alone: it
resamples images into a set, so that its interval is a quarter too narrow (1.3.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.intervals import STORED_DIGITS

MOST_DETECTIONS = 300
"""Rows that a model's output has for one frame."""


@dataclass(frozen=True)
class AveragePrecision:
    """AP at an overlap of 0.5, and the mean over 0.5, 0.55, ... 0.95; None without objects."""

    ap50: float | None
    ap50_95: float | None


@dataclass(frozen=True)
class AveragePrecisions:
    """Of all classes with objects, and of each class by its id."""

    mean: AveragePrecision
    per_class: tuple[AveragePrecision, ...]


def average_precisions(frames: Sequence[JudgedFrame], class_count: int) -> AveragePrecisions:
    """Average precision of judged frames.

    Args:
        frames: with all detections, also those of low score.
        class_count: ids are below it.
    """
    evaluation = _evaluated(frames, class_count)
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    at_half, over_all = precision[0].mean(axis=0), precision.mean(axis=(0, 1))
    per_class = tuple(_known(*pair) for pair in zip(at_half, over_all, strict=True))
    with_objects = at_half >= 0
    if not with_objects.any():
        return AveragePrecisions(AveragePrecision(None, None), per_class)
    mean = _known(at_half[with_objects].mean(), over_all[with_objects].mean())
    return AveragePrecisions(mean, per_class)


def without_each_session(
    frames: Sequence[JudgedFrame], class_count: int
) -> Mapping[str, AveragePrecision]:
    """The mean over classes of all frames but those of one session, for each of the sessions.

    Boxes are matched once.

    Args:
        frames: each of a session.
        class_count: ids are below it.
    """
    sessions = sorted({frame.session for frame in frames if frame.session is not None})
    others = {
        name: [number for number, frame in enumerate(frames, 1) if frame.session != name]
        for name in sessions
    }
    found = _evaluated(frames, class_count).slice_by(others)
    return {name: _known(found[name]["AP50"], found[name]["AP"]) for name in sessions}


def _evaluated(frames: Sequence[JudgedFrame], class_count: int) -> Any:
    """hotcoco's evaluation of the frames; its ids of images and classes begin at 1."""
    from hotcoco import COCO, COCOeval

    truths = [
        (number, truth.class_id, *truth.box)
        for number, frame in enumerate(frames, 1)
        for truth in frame.truths
    ]
    detections = [
        (number, found.class_id, *found.box, found.score)
        for number, frame in enumerate(frames, 1)
        for found in frame.detections
    ]
    true, given = (
        np.array(rows, dtype=np.float64).reshape(-1, width)
        for rows, width in ((truths, 6), (detections, 7))
    )
    known = COCO.from_arrays(
        [{"id": number, "width": 1, "height": 1} for number in range(1, len(frames) + 1)],
        [{"id": number, "name": str(number)} for number in range(1, class_count + 1)],
        true[:, 0].astype(np.int64),
        true[:, 1].astype(np.int64) + 1,
        np.hstack([true[:, 2:4], true[:, 4:6] - true[:, 2:4]]),
    )
    sides = given[:, 4:6] - given[:, 2:4]
    columns = (given[:, :1], given[:, 2:4], sides, given[:, 6:], given[:, 1:2] + 1)
    evaluation = COCOeval(known, known.load_res(np.hstack(columns)), "bbox")
    evaluation.params.max_dets = [MOST_DETECTIONS]
    evaluation.params.area_rng = [[0.0, 1e10]]
    evaluation.params.area_rng_lbl = ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _known(ap50: float, ap50_95: float) -> AveragePrecision:
    """Figures as they are kept; the library has -1 where there is no object."""
    kept = (None if value < 0 else round(float(value), STORED_DIGITS) for value in (ap50, ap50_95))
    return AveragePrecision(*kept)
