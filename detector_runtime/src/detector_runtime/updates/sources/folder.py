"""A folder that is laid out as a publisher writes it, on a disk or a network share."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from detector_runtime.errors import SourceUnreachableError
from detector_runtime.updates.sources.base import CHUNK, Fetched, Stream, absent, endless, told


@dataclass(frozen=True)
class FolderSource:
    """The files of one model below a folder."""

    folder: Path

    def where(self, path: str) -> str:
        """The file of something."""
        return str(self.folder / path)

    def read(self, path: str, most: int, etag: str | None = None) -> Fetched | None:
        """A document; its tag is its digest."""
        with self._opened(path) as stream, told(self.where(path)):
            content = stream.read(most + 1)
        if len(content) > most:
            raise endless(self.where(path), most)
        tag = hashlib.sha256(content).hexdigest()
        return None if tag == etag else Fetched(content, tag)

    @contextlib.contextmanager
    def stream(self, path: str, start: int, size: int) -> Iterator[Stream]:  # noqa: ARG002
        """A file from `start` on; its size is no matter, for a folder has no time limit."""
        with self._opened(path) as stream:
            stream.seek(start)
            yield Stream(start, _told_chunks(stream, self.where(path)))

    @contextlib.contextmanager
    def _opened(self, path: str) -> Iterator[BinaryIO]:
        file = self.folder / path
        with contextlib.ExitStack() as closing:
            with told(str(file)):
                if not self.folder.is_dir():
                    raise SourceUnreachableError(
                        f"there is no folder {self.folder}",
                        "Connect the disk or share that it is on, or correct the path.",
                    )
                # A pipe of that name would keep us waiting.
                if not file.is_file():
                    raise absent(str(file))
                stream = closing.enter_context(file.open("rb"))
            yield stream


def _told_chunks(stream: BinaryIO, where: str) -> Iterator[bytes]:
    while True:
        with told(where):
            chunk = stream.read(CHUNK)
        if not chunk:
            return
        yield chunk
