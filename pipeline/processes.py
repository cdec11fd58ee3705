"""What processes that Outpost starts have in common."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Mapping

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
