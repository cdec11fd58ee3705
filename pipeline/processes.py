"""What processes that Outpost starts have in common."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pipeline.errors import OutpostError

T = TypeVar("T")

SECRET_WORDS = frozenset({"KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "CREDENTIALS"})
"""A variable of the environment with one of them in its name is told to nobody."""


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What a job may know of the environment: neither how to rent nor how to publish."""
    return {
        name: value
        for name, value in environment.items()
        if SECRET_WORDS.isdisjoint(name.upper().split("_"))
    }


def end_with_parent() -> None:
    """Initializer of a worker: end it when the process that started it is gone.

    A worker whose parent was killed would otherwise work on, and then wait for ever.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def results_of(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], workers: int, killed: OutpostError
) -> Iterator[T]:
    """What a function gives in processes of their own, in the order in which calls end.

    Args:
        calls: arguments of each.
        killed: raised when a process was killed from outside.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=end_with_parent) as pool:
        futures = [pool.submit(function, *call) for call in calls]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            raise killed from error
        finally:
            pool.shutdown(cancel_futures=True)
