"""Which folders of a store processes have open, so that none is removed under their hands.

    <root>/.in_use/<process>.lock    held by a process for as long as it lives
    <root>/.in_use/<process>.json    the folders that it uses
    <root>/.in_use/lock              held for moments: to say that a folder is used, or remove some
    <root>/.in_use/filling-<2 digits>   held while a folder is brought here

A process uses what it has opened until it ends, however it ends: the system frees its lock. One
that lives for long and knows better says so by `used_for_a_while`. Whoever may not write the store
goes unseen, and so does everybody on a disk that knows no locks; there nothing is removed.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_text

FOLDER = ".in_use"
UNSEEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)
PATIENCE = 60.0
"""Seconds to wait for the lock that is held for moments."""


class StoreLockedError(OutpostError):
    """A process holds the lock of a store and does not go on."""


def use(root: Path, folder: Path) -> None:
    """Say that this process uses a folder of a store, before looking whether it is there.

    Raises:
        StoreLockedError: another process holds the store's lock, and does not go on.
        OSError: it cannot be written, for another reason than those in the module.
    """
    with _unseen_where_it_cannot_be():
        uses, name = _uses_of(root), folder.relative_to(root).as_posix()
        uses.add(name)
        scope = _scope.get()
        if scope is not None:
            scope.append((uses, name))


@contextmanager
def used_for_a_while() -> Iterator[None]:
    """What is opened in the block is not used any more after it: for processes that never end.

    Threads that the block starts are not part of it.
    """
    scope: list[tuple[_Uses, str]] = []
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
        with _unseen_where_it_cannot_be():
            for uses, name in scope:
                uses.drop(name)


@contextmanager
def nobody_begins_to_use(root: Path) -> Iterator[frozenset[Path] | None]:
    """The folders that are used; for the time of the block none is added.

    Yields:
        None where nobody can say.

    Raises:
        StoreLockedError: another process holds the store's lock, and does not go on.
    """
    with ExitStack() as stack:
        used = None
        with _unseen_where_it_cannot_be():
            stack.enter_context(_holding(root))
            used = _used(root)
        yield used


def filling(root: Path, folder: Path) -> FileLock:
    """A lock for who brings a folder here; some folders share one, so that few files are left."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    digits = hashlib.sha256(folder.relative_to(root).as_posix().encode("utf-8")).hexdigest()[:2]
    return FileLock(root / FOLDER / f"filling-{digits}")


@dataclass
class _Uses:
    """What this process uses of a store."""

    root: Path
    process: int
    lock: FileLock
    names: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lock_file(self) -> Path:
        return Path(self.lock.lock_file)

    @property
    def file(self) -> Path:
        return self.lock_file.with_suffix(".json")

    @property
    def are_seen(self) -> bool:
        """Not after a fork, which uses nothing yet, nor when somebody has removed the store."""
        return self.process == os.getpid() and self.lock_file.exists()

    def add(self, name: str) -> None:
        with self.guard:
            if name not in self.names:
                with _holding(self.root):
                    self._write({*self.names, name})
            self.names[name] += 1

    def drop(self, name: str) -> None:
        with self.guard:
            self.names[name] -= 1
            if not self.names[name]:
                del self.names[name]
                with _holding(self.root):
                    self._write(set(self.names))

    def end(self) -> None:
        with suppress(OSError):
            self.lock.release()
            if self.process == os.getpid():
                self.file.unlink(missing_ok=True)
                self.lock_file.unlink(missing_ok=True)

    def _write(self, names: set[str]) -> None:
        with replacing(self.file) as fresh:
            write_text(fresh, json.dumps(sorted(names)))


_scope: ContextVar[list[tuple[_Uses, str]] | None] = ContextVar("used_for_a_while", default=None)
_of_this_process: dict[Path, _Uses] = {}
_guard = threading.Lock()


def _uses_of(root: Path) -> _Uses:
    with _guard:
        uses = _of_this_process.get(root)
        if uses is None or not uses.are_seen:
            uses = _of_this_process[root] = _begin(root)
        return uses


def _begin(root: Path) -> _Uses:
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with _holding(root):
        _used(root)  # removes what killed processes have left
        lock = _lock_of_process(root / FOLDER / f"{uuid.uuid4().hex[:12]}.lock")
        lock.acquire()
    uses = _Uses(root, os.getpid(), lock)
    atexit.register(uses.end)
    return uses


def _used(root: Path) -> frozenset[Path] | None:
    """By all processes that live; None where one of them cannot be read."""
    names: set[str] = set()
    for file in (root / FOLDER).glob("*.lock"):
        told = file.with_suffix(".json")
        if _is_held(file):
            try:
                names.update(json.loads(told.read_text("utf-8")))
            except FileNotFoundError:
                continue  # it has said nothing yet
            except (OSError, ValueError):
                return None
        else:
            told.unlink(missing_ok=True)
            file.unlink(missing_ok=True)
    return frozenset(root / name for name in names)


def _is_held(file: Path) -> bool:
    """Whether the process lives; also where it is this one, by another handle of the file."""
    lock = _lock_of_process(file)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def _holding(root: Path) -> Iterator[None]:
    lock = _locked(root)
    try:
        lock.acquire()
    except Timeout as error:
        raise _locked_for_long(root) from error
    try:
        yield
    finally:
        lock.release()


def _locked_for_long(root: Path) -> StoreLockedError:
    return StoreLockedError(
        f"{root / FOLDER / 'lock'} has been locked by another process for {PATIENCE:.0f} seconds.",
        "Find the process that has it open, which is stopped or hangs, and end it.",
    )


def _locked(root: Path) -> FileLock:
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    return FileLock(
        root / FOLDER / "lock",
        timeout=PATIENCE,
        poll_interval=0.005,
        fallback_to_soft=False,
        preserve_lock_file=True,
    )


def _lock_of_process(file: Path) -> FileLock:
    return FileLock(
        file,
        blocking=False,
        # It is held by the process, whichever of its threads was the first.
        thread_local=False,
        # Where the system has no locks, a mark in the file would outlive its process.
        fallback_to_soft=False,
        preserve_lock_file=True,
    )


@contextmanager
def _unseen_where_it_cannot_be() -> Iterator[None]:
    """Where there are no rights, or no locks; see the module."""
    try:
        yield
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in UNSEEN:
            raise
