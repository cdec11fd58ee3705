"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import OutpostError

if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[bytes]) -> None:
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


class HeldError(OutpostError):
    """Another process holds the lock."""


@contextmanager
def holding(file: Path) -> Iterator[None]:
    """Hold the lock of a file for the time of the block; the file itself stays.

    Raises:
        HeldError: somebody else holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        try:
            _lock(stream)
        except OSError as error:
            raise HeldError(
                f"{file.stem} is in use by another process.", "Wait until that one has ended."
            ) from error
        yield


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock of a file."""
    if not file.exists():
        return False
    try:
        with holding(file):
            return False
    except HeldError:
        return True
