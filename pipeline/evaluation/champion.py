"""Whether a new detector is better than the one in service, on the same frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.evaluation.intervals import Interval, bootstrap_f1_difference
from pipeline.evaluation.metrics import f1_of
from pipeline.evaluation.report import EvaluationError, Scores

Verdict = Literal["better", "worse", "undecided"]
SEED = 42
"""Of the bootstrap."""


@dataclass(frozen=True)
class Comparison:
    """Real micro-F1 of two detectors on the same frames, and the interval of their difference."""

    challenger_f1: float
    champion_f1: float
    interval: Interval

    @property
    def verdict(self) -> Verdict:
        """Decided only when the interval of the difference leaves out 0."""
        if self.interval.low > 0:
            return "better"
        return "worse" if self.interval.high < 0 else "undecided"


def compare(challenger: Scores, champion: Scores) -> Comparison:
    """Compare two detectors by a paired bootstrap over frames.

    Raises:
        EvaluationError: they were judged on different frames.
    """
    names, old_names = ([frame.name for frame in s.per_frame] for s in (challenger, champion))
    if not any("/" in name for name in old_names):
        # Reports of before have file names alone.
        names = [name.rpartition("/")[2] for name in names]
    order = {name: index for index, name in enumerate(old_names)}
    if sorted(names) != sorted(order):
        raise EvaluationError(
            "The two detectors were judged on different frames "
            f"({challenger.frames} and {champion.frames}).",
            "Evaluate the champion again on the current held-out frames.",
        )
    new = challenger.frame_counts
    old = champion.frame_counts[[order[name] for name in names]]
    new_f1, old_f1 = (float(f1_of(np.asarray(c.sum(axis=0)))) for c in (new, old))
    return Comparison(new_f1, old_f1, bootstrap_f1_difference(new, old, SEED))
