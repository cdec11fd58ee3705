"""How many boxes one way of choosing frames saves against another, from scores of both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Run:
    """One score."""

    seed: int
    way: str
    budget: int
    boxes: int
    frames: int
    f1: float


def figures_of(runs: Sequence[Run]) -> dict[str, float]:
    """What the scores say; without an interval where there are fewer than two seeds."""
    budgets = sorted({run.budget for run in runs if run.budget})
    figures = {
        f"f1_{way}_{budget}" if budget else "f1_before": statistics.mean(
            run.f1 for run in runs if (run.way, run.budget) == (way, budget)
        )
        for way, budget in [("before", 0), *((w, b) for b in budgets for w in ("random", "chosen"))]
    }
    figures["seeds"] = float(len({run.seed for run in runs}))
    for budget in budgets:
        middle, reach = _mean_and_reach(_gains(runs, budget))
        figures[f"f1_gain_{budget}"] = middle
        if reach is not None:
            figures[f"f1_gain_{budget}_low"] = middle - reach
            figures[f"f1_gain_{budget}_high"] = middle + reach
    ratios = log_ratios(runs)
    if not ratios:
        return figures
    middle, reach = _mean_and_reach(ratios)
    figures["boxes_saved"] = 1 - 2**-middle
    if reach is not None:
        figures["boxes_saved_low"] = 1 - 2 ** -(middle - reach)
        figures["boxes_saved_high"] = 1 - 2 ** -(middle + reach)
    return figures


def _gains(runs: Sequence[Run], budget: int) -> list[float]:
    """By how much F1 is higher where frames were chosen, for each seed."""
    f1 = {(run.seed, run.way): run.f1 for run in runs if run.budget == budget}
    return [f1[seed, "chosen"] - f1[seed, "random"] for seed in sorted({seed for seed, _ in f1})]


def _mean_and_reach(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and how far its 95% interval by Student's t reaches; None of a single value."""
    count = len(values)
    if count < 2:
        return statistics.mean(values), None
    t = float(stats.t.ppf(0.975, count - 1))
    return statistics.mean(values), t * statistics.stdev(values) / math.sqrt(count)


def log_ratios(runs: Sequence[Run]) -> list[float]:
    """For each seed the logarithm to base 2 of how many times as many boxes random frames need.

    None where F1 does not grow with the boxes, so that nothing can be said.
    """
    ways = {
        (seed, way): [
            (math.log2(run.boxes), run.f1) for run in runs if (run.seed, run.way) == (seed, way)
        ]
        for seed in sorted({run.seed for run in runs})
        for way in ("random", "chosen")
    }
    middles = {key: np.mean(points, axis=0) for key, points in ways.items()}
    apart = np.concatenate([np.array(points) - middles[key] for key, points in ways.items()])
    slope = float((apart[:, 0] * apart[:, 1]).sum() / (apart[:, 0] ** 2).sum())
    if slope <= 0:
        return []
    ratios = []
    for seed in sorted({seed for seed, _ in ways}):
        more = middles[seed, "chosen"] - middles[seed, "random"]
        ratios.append(float((more[1] - slope * more[0]) / slope))
    return ratios
