"""How often a service may be asked: requests of this process, whoever sends them, keep apart."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from pipeline.errors import OutpostError

BUSY_SECONDS = 5.0
"""Waited where a service has had enough and does not say for how long."""


class BusyServiceError(OutpostError):
    """A service that accepts no request for longer than anybody waits for it."""


class RateLimiter:
    """Keeps requests apart, and keeps still for as long as the service wants it."""

    def __init__(self, seconds_apart: float) -> None:
        self.seconds_apart = seconds_apart
        self._lock = threading.Lock()
        self._next = 0.0
        self._still_until = 0.0

    @property
    def seconds_left(self) -> float:
        """Until a request that came now would have its turn."""
        with self._lock:
            return max(0.0, max(self._next, self._still_until) - time.monotonic())

    def wait(self, longest: float) -> None:
        """Wait for this request's turn.

        Raises:
            BusyServiceError: its turn would come later than `longest` seconds from now.
        """
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next, self._still_until)
            if turn - now > longest:
                raise BusyServiceError(
                    f"Too many requests: the service accepts none for {turn - now:.0f} s.",
                    "Wait that long and try again; less work at once needs fewer requests.",
                )
            self._next = turn + self.seconds_apart
        time.sleep(turn - now)
        with self._lock:
            # Sleep may have been longer than it should; the distance counts from its end.
            self._next = max(self._next, time.monotonic() + self.seconds_apart)

    def update(self, status: int, headers: Mapping[str, str]) -> None:
        """Read from a reply how long the service wants to be left alone."""
        seconds = [
            float(reset)
            for left, reset in re.findall(r"\br=(\d+);\s*t=(\d+)", headers.get("ratelimit", ""))
            if int(left) == 0
        ]
        if status == 429:
            seconds.append(_retry_after(headers.get("retry-after", ""), headers.get("date", "")))
        if seconds:
            with self._lock:
                self._still_until = max(self._still_until, time.monotonic() + max(seconds))


_limiters: dict[tuple[str, float], RateLimiter] = {}


def shared_limiter(what: str, seconds_apart: float) -> RateLimiter:
    """This process's only limiter for a service, or for one kind of request to it."""
    return _limiters.setdefault((what, seconds_apart), RateLimiter(seconds_apart))


def _retry_after(told: str, now: str) -> float:
    """Seconds from now: the header has them, or a date (RFC 9110, 10.2.3) by the clock of `now`."""
    with suppress(ValueError):
        seconds = float(told)
        return seconds if 0 <= seconds < float("inf") else BUSY_SECONDS
    with suppress(ValueError):
        until = parsedate_to_datetime(told).timestamp()
        return max(0.0, until - _time_of(now))
    return BUSY_SECONDS


def _time_of(date: str) -> float:
    with suppress(ValueError):
        return parsedate_to_datetime(date).timestamp()
    return time.time()
