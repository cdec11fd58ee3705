"""Folders on the local disk: removing one, its size, and when something last happened in it."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a directory with everything in it, read-only files too; nothing if it is not there.

    The files' permissions are left alone wherever deletion does not ask for more: they belong to
    every other name of a hard-linked file as well. Windows refuses to delete a read-only file, so
    there the other names lose the flag too.
    """
    if not folder.exists():
        return
    if os.name == "nt":
        for file in folder.rglob("*"):
            file.chmod(stat.S_IWRITE | stat.S_IREAD)
    shutil.rmtree(folder)


def size_of(folder: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(status.st_size for status in _statuses(folder) if stat.S_ISREG(status.st_mode))


def last_touched(folder: Path) -> float:
    """When a directory or anything below it was last written, in seconds since the epoch."""
    return max((status.st_mtime for status in _statuses(folder)), default=time.time())


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    """Of the directory and everything below; what disappears meanwhile is passed over."""
    for place, _, names in os.walk(folder):
        for path in (Path(place), *(Path(place, name) for name in names)):
            with suppress(FileNotFoundError):
                yield path.lstat()
