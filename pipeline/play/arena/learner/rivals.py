"""Whom a policy learns against: scripted players and policies that do not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.play.arena.learner.features import Features


class Chooser(Protocol):
    """A policy that does not change."""

    def choose(self, features: Features, draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Choices as `layout.Layout` counts them, int64 [n].

        Args:
            draws: [n], 0 to 1, by which it chooses.
        """


@dataclass(frozen=True, eq=False)
class Rival:
    """One of whom a policy learns against.

    Attributes:
        player: name of a scripted player, or a policy.
        weight: how often it is met, beside the others' weights.
    """

    player: str | Chooser
    weight: float = 1.0


def draw_rivals(
    rivals: Sequence[Rival], count: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Whom to meet in so many games: numbers of rivals, int64 [count]."""
    weights = np.cumsum([rival.weight for rival in rivals])
    found = np.searchsorted(weights, rng.random(count) * weights[-1], side="right")
    return np.asarray(np.minimum(found, len(rivals) - 1))
