"""How long calls in a player's loop take while it is played at a steady pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Tick = TypeVar("Tick")


def paced(
    ticks: Sequence[Tick], calls: Mapping[str, Callable[[Tick], object]], rate: int
) -> dict[str, float]:
    """Make each call with each tick.

    Args:
        rate: ticks a second.

    Returns:
        By the call's name: median, 999 of 1,000 and longest in milliseconds, of the clock and, as
        `processor_...`, of the thread's own time.
    """
    taken = {name: np.zeros((len(ticks), 2)) for name in calls}
    began = time.perf_counter()
    for number, tick in enumerate(ticks):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        for name, call in calls.items():
            before = time.perf_counter(), time.thread_time()
            call(tick)
            taken[name][number] = time.perf_counter() - before[0], time.thread_time() - before[1]
    figures = {}
    for name, seconds in taken.items():
        for kind, values in (("", seconds[:, 0]), ("processor_", seconds[:, 1])):
            milliseconds = values * 1000
            figures[f"{kind}{name}_median_ms"] = float(np.median(milliseconds))
            figures[f"{kind}{name}_p999_ms"] = float(np.quantile(milliseconds, 0.999))
            figures[f"{kind}{name}_max_ms"] = float(milliseconds.max())
    return figures
