"""Numbers of chance, of which many are fetched at once; one call costs as much."""

from __future__ import annotations

import numpy as np


class RandomStream:
    """Single choices by chance.

    Args:
        rng: where they come from; may give other numbers in between.
    """

    AT_ONCE = 128

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._fetched: list[float] = []

    def one(self) -> float:
        """From 0 to 1, without 1."""
        if not self._fetched:
            self._fetched = self.rng.random(self.AT_ONCE).tolist()
        return self._fetched.pop()

    def between(self, ends: tuple[float, float]) -> float:
        """Anywhere from one end to the other."""
        return ends[0] + self.one() * (ends[1] - ends[0])

    def below(self, stop: int) -> int:
        """A whole number from 0 to `stop` - 1."""
        return int(self.one() * stop)

    def count(self, ends: tuple[int, int]) -> int:
        """A whole number of a range, both ends possible."""
        return ends[0] + self.below(ends[1] - ends[0] + 1)
