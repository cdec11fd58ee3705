"""A folder as an object store: objects are files, which any program and any web server can read.

Conditional writes need no lock, and so work among processes and machines that share a disk. What an
object is replaced by is first written under the next free number, a name that the file system
gives to one writer alone, and then copied over the object's own file::

    channels/champion.json                    the object, for whoever reads files
    .replaced/channels/champion.json/1, 2     what it was replaced by, in order

The highest number is the object. A writer that is killed between the two leaves a file of before,
whole, until the object is next read or written through this class. Numbers stay for ever: were one
free again, a writer who sleeps for long would take it. So what is replaced should be small.

Where the disk knows locks, one program at a time copies, so that the file never shows an older
content again. Where it knows none, it may for a moment, until the other program has copied too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from detector_runtime.system.files import flush, flush_folder
from filelock import FileLock, Timeout

from pipeline.files import name_once, replacing, write_once
from pipeline.progress import Progress, Report, silent
from resources.files import remove_tree
from resources.object_store.base import (
    ObjectListing,
    ObjectStoreError,
    StoredObject,
    checked_key,
    missing,
    too_short,
)

REPLACED = ".replaced"
BUSY_ATTEMPTS = 100
BUSY_SECONDS = 0.02
LOCK_FILE = "lock"
PATIENCE = 10.0
"""Seconds to wait for a program that copies; then it hangs, or its machine does."""

T = TypeVar("T")


@dataclass(frozen=True)
class FolderStore:
    """See the module, and `ObjectStore`.

    Attributes:
        root: made when it is first written to.
    """

    root: Path

    @property
    def place(self) -> str:
        """See `ObjectStore`."""
        return str(self.root)

    def get(self, key: str) -> StoredObject | None:
        """See `ObjectStore`."""
        with self._explained():
            found = self._newest(key)
            # What was never replaced is the file itself.
            if found is not None and found[0] and _content(self._file(key)) != found[1].content:
                # Whoever only looks may have no right to write, or a share that is mounted so.
                with suppress(OSError):
                    self._show(key)
            return found[1] if found else None

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        """See `ObjectStore`."""
        file = self._file(key)
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True)
            if self._numbers(key) or not write_once(file, content, private=False):
                return None
            flush_folder(file.parent)
        return _tag(0, content)

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        """See `ObjectStore`."""
        with self._explained():
            found = self._newest(key)
            if found is None or found[1].tag != tag:
                return None
            number = found[0] + 1
            folder = self._replaced(key)
            folder.mkdir(parents=True, exist_ok=True)
            if not write_once(folder / str(number), content, private=False):
                return None
            flush_folder(folder)
            self._show(key)
        return _tag(number, content)

    def upload(self, key: str, file: Path) -> bool:
        """See `ObjectStore`."""
        target = self._file(key)
        with self._explained():
            if target.exists():
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
            try:
                with file.open("rb") as source, temporary.open("xb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                    flush(copy)
                written = name_once(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
            flush_folder(target.parent)
        return written

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        """See `ObjectStore`."""
        source, began = self._file(key), time.monotonic()
        with self._explained(), replacing(file) as neighbour:
            try:
                shutil.copyfile(source, neighbour)
            except FileNotFoundError as error:
                raise missing(key, self.place) from error
            mib = neighbour.stat().st_size >> 20
        if mib:
            report(Progress(f"MiB of {file.name}", mib, mib, time.monotonic() - began))

    def get_range(self, key: str, first: int, size: int) -> bytes:
        """See `ObjectStore`."""
        with self._explained():
            try:
                with self._file(key).open("rb") as stream:
                    stream.seek(first)
                    content = stream.read(size)
            except FileNotFoundError as error:
                raise missing(key, self.place) from error
        if len(content) < size:
            raise too_short(key, self.place)
        return content

    def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
        """See `ObjectStore`."""
        if prefix:
            checked_key(prefix.removesuffix("/"))
        with self._explained():
            found = sorted(islice(self._listed(prefix), most), key=lambda one: one.key)
        yield from found

    def folders(self, prefix: str, most: int) -> tuple[str, ...]:
        """See `ObjectStore`."""
        place = self.root / checked_key(prefix.removesuffix("/"))
        with self._explained(), suppress(FileNotFoundError), os.scandir(place) as entries:
            folders = (one.name for one in entries if one.is_dir(follow_symlinks=False))
            return tuple(sorted(islice(folders, most)))
        return ()

    def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        with self._explained():
            self._file(key).unlink(missing_ok=True)
            remove_tree(self._replaced(key))

    def _listed(self, prefix: str) -> Iterator[ObjectListing]:
        # What lies above the last slash is a folder; only below it anything can begin so.
        for place, folders, names in os.walk(self.root / prefix.rpartition("/")[0]):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                file = Path(place, name)
                key = file.relative_to(self.root).as_posix()
                if not name.startswith(".") and key.startswith(prefix):
                    with suppress(FileNotFoundError):
                        status = file.stat()
                        # What else has a name in a folder, such as a pipe, would never end.
                        if stat.S_ISREG(status.st_mode):
                            tag = str(status.st_mtime_ns)
                            yield ObjectListing(key, status.st_size, tag, status.st_mtime)

    def _newest(self, key: str) -> tuple[int, StoredObject] | None:
        """The object and how often it was replaced.

        The file is read before the numbers are: where there is none yet, it is the first content.
        """
        first = _content(self._file(key))
        numbers = self._numbers(key)
        if numbers:
            content = (self._replaced(key) / str(numbers[-1])).read_bytes()
            return numbers[-1], StoredObject(content, _tag(numbers[-1], content))
        return None if first is None else (0, StoredObject(first, _tag(0, first)))

    def _show(self, key: str) -> None:
        """Bring the object's own file up to the highest number, also one that is added meanwhile.

        Who adds a number calls this after it, so the last one to replace the file sees all of them.
        """
        file, folder = self._file(key), self._replaced(key)
        with _locked(folder / LOCK_FILE):
            while True:
                number = self._numbers(key)[-1]
                content = (folder / str(number)).read_bytes()
                if _content(file) != content:
                    _despite_readers(partial(_replace, file, content))
                if self._numbers(key)[-1] == number:
                    return

    def _numbers(self, key: str) -> list[int]:
        with suppress(FileNotFoundError):
            names = [entry.name for entry in self._replaced(key).iterdir()]
            return sorted(int(name) for name in names if name.isdecimal())
        return []

    def _file(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _replaced(self, key: str) -> Path:
        return self.root / REPLACED / checked_key(key)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ObjectStoreError(
                f"The folder {self.root} cannot be used: {error.strerror or error}.",
                "Check that the disk is there and has room, and that you may write to it.",
            ) from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Wait for others, where the disk knows locks, and for a while; nothing depends on it alone."""
    # A mark in the place of a lock would outlive a program that is killed.
    lock = FileLock(file, timeout=PATIENCE, fallback_to_soft=False, preserve_lock_file=True)
    with suppress(Timeout, OSError, NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _content(file: Path) -> bytes | None:
    try:
        return _despite_readers(file.read_bytes)
    except FileNotFoundError:
        return None


def _replace(file: Path, content: bytes) -> None:
    with replacing(file) as neighbour, neighbour.open("wb") as stream:
        stream.write(content)
        flush(stream)
    flush_folder(file.parent)


def _despite_readers(call: Callable[[], T]) -> T:
    """Windows refuses to replace a file that is open, and to open one that is being replaced."""
    for _ in range(BUSY_ATTEMPTS if os.name == "nt" else 0):
        with suppress(PermissionError):
            return call()
        time.sleep(BUSY_SECONDS)
    return call()


def _tag(number: int, content: bytes) -> str:
    """Another one for each write, also where the bytes are those of an earlier one."""
    return f"{number}-{hashlib.sha256(content).hexdigest()[:32]}"
