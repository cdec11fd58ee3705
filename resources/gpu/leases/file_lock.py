"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import OutpostError


class HeldError(OutpostError):
    """Another process holds the lock."""


@contextmanager
def hold_lock(file: Path) -> Iterator[None]:
    """Hold the lock of a file for the time of the block; the file itself stays.

    Raises:
        HeldError: somebody else holds it, be it in this process.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(
        file,
        blocking=False,
        # A lease may be ended by another thread than the one that began it.
        thread_local=False,
        # Where the system has no locks, a mark in the file would outlive its process.
        fallback_to_soft=False,
        preserve_lock_file=True,
    )
    try:
        lock.acquire()
    except Timeout as error:
        raise HeldError(
            f"{file.stem} is in use by another process.", "Wait until that one has ended."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock of a file."""
    if not file.exists():
        return False
    try:
        with hold_lock(file):
            return False
    except HeldError:
        return True
