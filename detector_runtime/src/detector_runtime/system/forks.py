"""What must be made anew in a process that was forked.

A fork copies the memory of a process and only the one thread that called it. In the child a thread
pool has no threads, an onnxruntime session waits for its own when it is freed, and a lock that
another thread held is never released. So whatever holds such things enrols here, and is told in the
child before anything else runs there. Windows knows no forks.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol


class Forkable(Protocol):
    """Something with parts that do not survive a fork."""

    def after_fork(self) -> None:
        """Called in the child, where no other thread runs: replaces those parts."""
        ...


_enrolled: weakref.WeakSet[Forkable] = weakref.WeakSet()


def enrol(owner: Forkable) -> None:
    """Has `owner.after_fork` called in every process that is forked while `owner` lives."""
    _enrolled.add(owner)


def call_in_children(renew: Callable[[], object]) -> None:
    """Has `renew` called in every process that is forked from now on."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def is_held(lock: Any) -> bool:
    """Whether a lock is held by a thread that the fork did not copy; for `after_fork` alone.

    What such a lock guards may be half changed.
    """
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


def never_free(owner: object) -> None:
    """Keeps an object until the process ends, its last moments included.

    The destructor of a thread pool joins its threads, and waits for ever where there are none.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


def fresh_lock(lock: threading.Lock) -> threading.Lock:
    """A lock that can be taken: this one, or a new one where its holder is gone."""
    return threading.Lock() if is_held(lock) else lock


def _renew_enrolled() -> None:
    for owner in list(_enrolled):
        owner.after_fork()


call_in_children(_renew_enrolled)


class _Fork:
    """What was imported when this process was forked."""

    modules: frozenset[str] = frozenset()

    @classmethod
    def note_modules(cls) -> None:
        cls.modules = frozenset(sys.modules)


call_in_children(_Fork.note_modules)


def modules_at_fork() -> frozenset[str]:
    """What the process had imported from which this one was forked; nothing where it was not.

    Known of forks after this module was imported, as `import detector_runtime` does.
    """
    return _Fork.modules
