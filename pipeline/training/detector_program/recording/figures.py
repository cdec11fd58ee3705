"""Figures of ultralytics in plain numbers."""

from __future__ import annotations

import math
from typing import Any


def losses(items: dict[str, Any], prefix: str) -> dict[str, float | None]:
    """The losses among ultralytics' figures, without prefix and the word 'loss'."""
    return {
        key.removeprefix(prefix).removesuffix("_loss"): number(value)
        for key, value in items.items()
        if key.startswith(prefix)
    }


def number(value: Any) -> float | None:
    """A finite number in plain figures, else None: JSON knows no NaN."""
    if value is None or not math.isfinite(float(value)):
        return None
    return round(float(value), 6)
