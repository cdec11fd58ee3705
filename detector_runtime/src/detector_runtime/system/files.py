"""Files that survive a power cut, and a folder that one process at a time changes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from detector_runtime.errors import UpdateBusyError, UpdateError
from detector_runtime.system.forks import enrol

TEMPORARY = ".tmp"
LOCK_FILE = "lock"
REPLACE_TRIES = 20
"""Windows refuses to replace a file for as long as another program reads it."""


def write_durably(file: Path, content: bytes) -> None:
    """Replace a file at once: after a power cut it is the old or the new one, never a part.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            flush(stream)
        replace(temporary, file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def flush(stream: BinaryIO) -> None:
    """Have what was written reach the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def replace(source: Path, target: Path) -> None:
    """Give a file or folder another name at once, and have that reach the disk."""
    for tries_left in reversed(range(REPLACE_TRIES)):
        try:
            source.replace(target)
            break
        except PermissionError:
            if os.name != "nt" or not tries_left:
                raise
            time.sleep(0.05)
    flush_folder(target.parent)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk. Windows does so by itself, and has no call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderLock:
    """A folder's lock: of all processes of this machine, and all threads of this one, one has it.

    The system lets go of it when a process ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / LOCK_FILE
        self._held: int | None = None
        enrol(self)

    @contextlib.contextmanager
    def hold(self, patience: float = 0.0) -> Iterator[None]:
        """Have the lock within the block; wait for it for `patience` seconds at most.

        Raises:
            UpdateBusyError: somebody else has it.
            UpdateError: the folder cannot be written, or its disk knows no locks.
        """
        descriptor = self._opened()
        try:
            self._take(descriptor, time.monotonic() + patience)
        except BaseException:
            os.close(descriptor)
            raise
        self._held = descriptor
        try:
            yield
        finally:
            # None in a process that was forked within the block.
            if self._held is not None:
                self._held = None
                _unlock(descriptor)
                os.close(descriptor)

    def after_fork(self) -> None:
        """Leaves the lock to the process that took it: a copy would keep it when that one ends."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _opened(self) -> int:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UpdateError(
                f"{self._file.parent} cannot be written: {error}",
                "Keep models in a folder that this user may write to.",
            ) from error

    def _take(self, descriptor: int, until: float) -> None:
        while True:
            try:
                _lock(descriptor)
                return
            except (BlockingIOError, PermissionError) as error:
                if time.monotonic() >= until:
                    raise UpdateBusyError(
                        f"another program is changing {self._file.parent}",
                        "Try again when it is done; it keeps that folder up to date as well.",
                    ) from error
            except OSError as error:
                raise UpdateError(
                    f"{self._file} cannot be locked: {error}",
                    "Keep models in a folder on a disk of this machine, not on a network share.",
                ) from error
            time.sleep(0.05)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
