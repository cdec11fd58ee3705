"""Requests keep apart, and a service is left alone for as long as it wants."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest

from resources.services.rate_limits import BusyServiceError, RateLimiter, shared_limiter

BEFORE_NOON = "Sat, 21 Nov 2026 11:58:30 GMT"
AT_NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


def test_threads_take_turns_at_one_pace() -> None:
    limiter = RateLimiter(seconds_apart=0.05)
    threads = [threading.Thread(target=limiter.wait, args=(10.0,)) for _ in range(6)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - begin >= 5 * 0.05


def test_a_service_has_one_limiter_in_a_process() -> None:
    assert shared_limiter("https://a", 1.0) is shared_limiter("https://a", 1.0)
    assert shared_limiter("https://a", 1.0) is not shared_limiter("https://b", 1.0)


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_limiter_does_not_outlive_its_test(time: str) -> None:
    limiter = shared_limiter("http://127.0.0.1:40000", 1.0)

    assert limiter.seconds_left == 0
    limiter.update(429, {"retry-after": "3600"})


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {"ratelimit": '"minute";r=0;t=40, "hour";r=9;t=900'}, 40),
        (200, {"ratelimit": '"minute";r=0;t=40, "hour";r=0;t=900'}, 900),
        (429, {"retry-after": "70"}, 70),
        (429, {"retry-after": "7", "ratelimit": '"minute";r=0;t=30'}, 30),
        (429, {"retry-after": "7.9"}, 8),
        (429, {"retry-after": AT_NOON, "date": BEFORE_NOON}, 90),
        (429, {"retry-after": "soon"}, 5),
        (429, {"retry-after": "inf"}, 5),
        (429, {"retry-after": "-3"}, 5),
        (429, {}, 5),
    ],
)
def test_a_service_is_left_alone_for_as_long_as_it_says(
    status: int, headers: dict[str, str], seconds: int
) -> None:
    limiter = RateLimiter(0.0)
    limiter.update(status, headers)

    with pytest.raises(BusyServiceError, match=f"none for {seconds} s"):
        limiter.wait(longest=seconds - 1.5)


@pytest.mark.parametrize(
    "headers", [{}, {"ratelimit": '"minute";r=1;t=40'}, {"ratelimit": "?"}, {"retry-after": "9"}]
)
def test_a_service_that_has_not_had_enough_is_asked_at_once(headers: dict[str, str]) -> None:
    limiter = RateLimiter(0.0)
    limiter.update(200, headers)

    limiter.wait(longest=0.1)


def test_a_date_counts_from_now_where_the_service_does_not_tell_its_own_time() -> None:
    limiter = RateLimiter(0.0)
    limiter.update(429, {"retry-after": formatdate(time.time() + 60, usegmt=True)})

    with pytest.raises(BusyServiceError, match=r"none for (59|60) s"):
        limiter.wait(longest=50.0)


def test_a_date_that_is_over_is_no_reason_to_wait() -> None:
    limiter = RateLimiter(0.0)
    limiter.update(429, {"retry-after": BEFORE_NOON, "date": AT_NOON})

    limiter.wait(longest=0.1)
