"""How long comparing two models takes, and how often its interval holds what is true.

Simulated pairs have sessions as people capture them: of unequal length, each with its own density
of objects, its own difficulty for both models and for either one. Both models have been trained on
the same game, so that they differ by two points of F1. What is true is the difference over 100,000
sessions of that kind. `coverage` is of micro-F1 with 8 sessions, 1,000 pairs; its standard error is
0.007. The others are for other numbers of sessions, and for sessions whose lengths differ tenfold;
`percentile_coverage` is that of an ordinary bootstrap with 8 sessions.

`bootstrap_seconds` is micro-F1, AP50 and AP50-95 of two models compared, with 500 frames of 300
boxes in 25 sessions, once frames are counted for F1; `f1_bootstrap_seconds` is the part with 2,000
resamples. `ap_ratio_to_faster_coco_eval` is the time from judged frames to AP50 and AP50-95, ours
by theirs, of such frames. Processor seconds of all threads.

Run with `outpost bench evaluation --json`; two minutes on one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.comparison.paired import compare_average_precision
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.average_precision import average_precisions
from pipeline.evaluation.metrics.counts import f1_of
from pipeline.evaluation.metrics.sessions import Estimate, f1_difference, totals_by_session
from pipeline.labels.boxes import Box, LabelledBox

sys.path.insert(0, str(Path(__file__).parents[1]))
from doubles.coco_oracles import by_faster_coco_eval

PAIRS = 1000
TRUE_SESSIONS = 100_000
USUAL, TENFOLD = 0.3, 0.8
"""Deviation of the logarithm of a session's length."""
FRAMES, BOXES, SESSIONS, CLASSES = 500, 300, 25, 16

Counts = npt.NDArray[np.int64]


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    frames = [judged_frame(number) for number in range(FRAMES)]
    return {**_times(frames), **_coverages()}


def judged_frame(number: int, shift: float = 2.0) -> JudgedFrame:
    """Of 150 objects found a little out of place, and as many false detections."""
    rng = np.random.default_rng([number])
    half = BOXES // 2
    corners = rng.uniform(0, 1800, (BOXES, 2))
    boxes = np.hstack([corners, corners + rng.uniform(10, 100, (BOXES, 2))])
    found = boxes + rng.normal(0, shift, (BOXES, 1))
    classes, scores = rng.integers(0, CLASSES, BOXES), rng.uniform(0.01, 1, BOXES)
    return JudgedFrame(
        f"f{number}",
        tuple(
            LabelledBox(int(c), Box(*b)) for c, b in zip(classes[:half], boxes[:half], strict=True)
        ),
        tuple(
            ScoredBox(int(c), float(score), Box(*b))
            for c, score, b in zip(classes, scores, found.tolist(), strict=True)
        ),
        f"session {number % SESSIONS}",
    )


def simulated(sessions: int, spread: float, seed: int) -> Counts:
    """Counts of both models in each of so many sessions, int64 [2, sessions, 3]."""
    rng = np.random.default_rng([seed])
    length = np.exp(rng.normal(0, spread, sessions) - spread**2 / 2)
    objects = rng.poisson(12 * 25 * length * np.exp(rng.normal(0, 0.5, sessions))) + 1
    difficulty = rng.normal(0, 0.6, sessions)
    clutter = np.exp(rng.normal(0, 0.5, sessions))
    models = []
    for ability in (0.9, 0.8):
        own = rng.normal(0, 0.25, sessions)
        recall = 1 / (1 + np.exp(-(ability + difficulty + own)))
        # Frames differ within a session, so that its objects are not found independently.
        concentration = 60.0
        share = rng.beta(recall * concentration, (1 - recall) * concentration)
        hits = rng.binomial(objects, share)
        false = rng.poisson(objects * 0.2 * clutter * np.exp(-own))
        models.append(np.stack([hits, false, objects - hits], axis=-1))
    return np.stack(models).astype(np.int64)


def _times(frames: list[JudgedFrame]) -> dict[str, float]:
    other = [judged_frame(number, shift=2.5) for number in range(FRAMES)]
    counts = np.random.default_rng([1]).integers(0, BOXES // 3, (2, FRAMES, 3))
    sessions = [frame.session or "" for frame in frames]
    by_f1 = _seconds(
        lambda: f1_difference(*(totals_by_session(each, sessions) for each in counts), 42)
    )
    by_precision = _seconds(lambda: compare_average_precision(frames, other, CLASSES))
    ours = _seconds(lambda: average_precisions(frames, CLASSES))
    theirs = _seconds(lambda: by_faster_coco_eval(frames, CLASSES))
    return {
        "bootstrap_seconds": by_f1 + by_precision,
        "f1_bootstrap_seconds": by_f1,
        "average_precision_seconds": ours,
        "ap_ratio_to_faster_coco_eval": ours / theirs,
    }


def _seconds(run: Callable[[], object], times: int = 3) -> float:
    """The least of several runs, in processor seconds."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return min(taken)


def _coverages() -> dict[str, float]:
    figures = {"coverage": _coverage(8, USUAL, f1_difference)}
    for count in (2, 3, 5, 12, 25, 50):
        figures[f"coverage_{count}_sessions"] = _coverage(count, USUAL, f1_difference)
    for count in (3, 8, 25):
        name = f"coverage_{count}_uneven_sessions"
        figures[name] = _coverage(count, TENFOLD, f1_difference)
    return {**figures, "percentile_coverage": _coverage(8, USUAL, _percentiles)}


def _coverage(
    sessions: int, spread: float, interval_of: Callable[[Counts, Counts, int], Estimate]
) -> float:
    """In how many of the pairs the interval holds what is true."""
    everything = simulated(TRUE_SESSIONS, spread, 1).sum(axis=1)
    new, old = f1_of(everything)
    held = 0
    for pair in range(PAIRS):
        first, second = simulated(sessions, spread, 1000 * sessions + pair + 2)
        interval = interval_of(first, second, pair).interval
        held += interval is not None and interval.low <= new - old <= interval.high
    return held / PAIRS


def _percentiles(first: Counts, second: Counts, seed: int) -> Estimate:
    """The ordinary bootstrap over sessions."""
    drawn = np.random.default_rng([seed]).integers(0, len(first), (2000, len(first)))
    moved = f1_of(first[drawn].sum(axis=1)) - f1_of(second[drawn].sum(axis=1))
    low, high = np.quantile(moved, [0.025, 0.975])
    return Estimate.model_validate(
        {
            "value": float(moved.mean()),
            "interval": {"low": float(low), "high": float(high)},
            "standard_error": None,
            "sessions": len(first),
        }
    )


if __name__ == "__main__":
    print(measure())
