"""From how alike two images are to the probability that they show the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-4
"""Probabilities stay so far from 0 and 1: nobody has counted finer than that."""
ITERATIONS = 100


@dataclass(frozen=True)
class Logistic:
    """A probability by logistic regression: 1 / (1 + exp(-(weights . values + bias)))."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, values: Sequence[float]) -> float:
        """Of one example, `SMALLEST` to 1 - `SMALLEST`."""
        raised = self.bias + sum(w * value for w, value in zip(self.weights, values))  # noqa: B905
        limit = math.log((1 - SMALLEST) / SMALLEST)
        return 1 / (1 + math.exp(-min(max(raised, -limit), limit)))

    @classmethod
    def fit(
        cls, values: NDArray[np.float64], right: NDArray[np.bool_], ridge: float = 1e-3
    ) -> Logistic:
        """What makes the outcomes most likely, by iteratively reweighted least squares.

        Args:
            values: [examples, weights].
            right: whether each example turned out right, [examples].
            ridge: keeps weights finite where the two kinds can be told apart without error.
        """
        centre, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
        design = np.hstack([(values - centre) / spread, np.ones((len(values), 1))])
        found = np.zeros(design.shape[1])
        penalty = ridge * len(values) * np.diag([*np.ones(values.shape[1]), 0.0])
        for _ in range(ITERATIONS):
            likely = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
            slope = design.T @ (right - likely) - penalty @ found
            bend = (design * (likely * (1 - likely))[:, None]).T @ design + penalty
            step = np.linalg.solve(bend + 1e-9 * np.eye(len(found)), slope)
            found += step
            if np.abs(step).max() < 1e-8:
                break
        weights = found[:-1] / spread
        return cls(tuple(weights.tolist()), float(found[-1] - weights @ centre))


def either(first: float, second: float) -> float:
    """The probability of a name that two independent steps give: wrong where both are wrong."""
    return 1 - (1 - first) * (1 - second)


def against(first: float, second: float) -> float:
    """The probability of the first name where another step gives a second one.

    At most one of two different names is right, so the case that both are is left out.
    """
    alone = first * (1 - second)
    return alone / max(alone + second * (1 - first) + (1 - first) * (1 - second), SMALLEST)
