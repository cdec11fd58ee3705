"""Clocks for ledgers: one that stands still until it is set, and one that may be ahead."""

from __future__ import annotations

import datetime
import time

MORNING = datetime.datetime(2026, 11, 21, 8, tzinfo=datetime.UTC).timestamp()


class Clock:
    """It stands at `now`, in seconds since 1970."""

    def __init__(self, now: float = MORNING) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class WallClock:
    """The clock on the wall, which may be set, or jump when a laptop wakes."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead
