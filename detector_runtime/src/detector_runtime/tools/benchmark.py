"""How long one look takes on this machine."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from detector_runtime.detector import Detector
from detector_runtime.geometry.letterbox import Size
from detector_runtime.images import Frame
from detector_runtime.models.base import default_threads

WARMUPS = 3


def measure(detector: Detector, size: Size, runs: int) -> dict[str, Any]:
    """Milliseconds of each stage of `detect_fast` on noise of this size: median of `runs` looks."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    totals, stages = [], []
    for run in range(WARMUPS + runs):
        started = time.perf_counter()
        timings = detector.detect_fast(Frame(pixels).pixels).timings
        elapsed = (time.perf_counter() - started) * 1000
        if run >= WARMUPS:
            totals.append(elapsed)
            stages.append(
                (
                    timings.preprocess_ms,
                    timings.inference_ms,
                    timings.postprocess_ms,
                    timings.tracking_ms,
                )
            )
    medians = np.median(stages, axis=0)
    names = ("preprocess_ms", "inference_ms", "postprocess_ms", "tracking_ms")
    return {
        "source": str(detector.source),
        "size": list(size),
        "runs": runs,
        "threads": detector.settings.threads or default_threads(),
        "total_ms": float(np.median(totals)),
        "fastest_ms": float(np.min(totals)),
        **{name: float(value) for name, value in zip(names, medians)},  # noqa: B905
    }
