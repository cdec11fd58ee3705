"""How long one look takes on this machine."""

from __future__ import annotations

import time
from dataclasses import astuple, fields
from typing import Any

import numpy as np

from detector_runtime.detector import Detector
from detector_runtime.geometry.letterbox import Size
from detector_runtime.models.base import default_threads
from detector_runtime.results import Timings

WARMUPS = 3


def measure(detector: Detector, size: Size, runs: int) -> dict[str, Any]:
    """Milliseconds of each stage of `detect_fast` on noise of this size: median of `runs` looks."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    totals, stages = [], []
    for _ in range(WARMUPS + runs):
        started = time.perf_counter()
        timings = detector.detect_fast(pixels).timings
        totals.append((time.perf_counter() - started) * 1000)
        stages.append(astuple(timings))
    medians = np.median(stages[WARMUPS:], axis=0)
    names = [each.name for each in fields(Timings)]
    return {
        "source": str(detector.source),
        "size": list(size),
        "runs": runs,
        "threads": detector.settings.threads or default_threads(),
        "total_ms": float(np.median(totals[WARMUPS:])),
        "fastest_ms": float(np.min(totals[WARMUPS:])),
        **{name: float(value) for name, value in zip(names, medians)},  # noqa: B905
    }
