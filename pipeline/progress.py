"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Progress:
    """A reading of one stage of work."""

    stage: str
    done: int
    total: int
    seconds: float
    """Seconds since the stage began."""
    known_left: float | None = None
    """Seconds that are left, where that is known better than by the pace so far."""

    @property
    def seconds_left(self) -> float | None:
        """What is left, or None before the first item is done and nothing better is known."""
        if self.known_left is not None or self.done == 0:
            return self.known_left
        return self.seconds / self.done * (self.total - self.done)

    def __str__(self) -> str:
        tail = self.time_left
        return f"{self.stage}: {self.done}/{self.total}" + (f", {tail}" if tail else "")

    @property
    def time_left(self) -> str:
        """What is left, in words; empty where it is not known."""
        left = self.seconds_left
        if left is None:
            return ""
        return f"{left:.0f} s left" if left < 60 else f"{seconds_in_words(left)} left"


Report = Callable[[Progress], None]
"""Receives every reading; must be quick. The listener decides how many to show."""


def silent(_progress: Progress) -> None:
    """A listener that shows nothing."""


def track(items: Iterable[Item], total: int, stage: str, report: Report) -> Iterator[Item]:
    """Yield `items`, reporting after each one that the caller has finished with."""
    began = time.monotonic()
    report(Progress(stage, 0, total, 0.0))
    for done, item in enumerate(items, start=1):
        yield item
        report(Progress(stage, done, total, time.monotonic() - began))


def seconds_in_words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
