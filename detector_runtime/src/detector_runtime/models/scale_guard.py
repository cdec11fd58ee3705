"""Says when a mode shows the model things at another size than it was trained on.

A detector finds things best at the size they had in training. Tiles of a large screenshot show them
several times larger, and what is found falls apart, silently; in a large screenshot that is shrunk
into the input of a model of tiles nothing is found at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from detector_runtime.geometry.letterbox import Size, letterbox
from detector_runtime.models.base import ModelFacts

TOLERATED = 1.25

logger = logging.getLogger("detector_runtime")


class ScaleGuard:
    """Compares the scale of what the model sees with that of its training."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._warned: set[bool] = set()

    def ratio(self, scales: Iterable[float], image: Size) -> float:
        """How much larger (above 1) or smaller things are seen than in training.

        Of several parts with scales of their own, the one that differs most counts.
        """
        if self._facts.trained_on == "tile":
            trained = 1.0 if self._facts.scale is None else self._facts.scale
        else:
            trained = letterbox(image, self._facts.input_size).scale
        ratios = [scale / trained for scale in scales]
        return max(ratios, key=lambda ratio: max(ratio, 1 / ratio), default=1.0)

    def warn(self, mode: str, ratio: float) -> None:
        """Logs a warning when the ratio is not tolerable: of too large and too small once each.

        A program that calls one mode after another would read the same again and again.
        """
        is_larger = ratio > 1
        if 1 / TOLERATED <= ratio <= TOLERATED or is_larger in self._warned:
            return
        self._warned.add(is_larger)
        times = f"{ratio:.1f} times larger" if is_larger else f"{1 / ratio:.1f} times smaller"
        logger.warning(
            "%s shows this model things %s than in training (on %ss): expect it to miss and to "
            "invent. %s",
            mode,
            times,
            self._facts.trained_on,
            fix_of(self._facts),
        )


def fix_of(facts: ModelFacts) -> str:
    """What shows a model things at the size they had in training."""
    if facts.trained_on == "frame":
        return (
            "Call detect_fast, which shows the whole frame once, or measure before you rely on it."
        )
    if facts.scale is None:
        return "Call detect, which looks at tiles at full scale, or measure before you rely on it."
    if facts.keeps_scale:
        return "Leave out use_sahi=False: then frames are looked at in tiles at that size."
    return "Leave out imgsz: then frames are looked at at that size, whatever theirs is."
