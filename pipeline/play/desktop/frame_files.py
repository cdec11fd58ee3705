"""Images of a screen beside a session: JPEGs one after another, which video players open as MJPEG.

Whole images survive whatever happens to the process that writes them: what is torn off at the end
is not counted.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Self

from pipeline.play.recordings.events import RecordingError

FRAMES_ENDING = ".mjpeg"
START, END = b"\xff\xd8", b"\xff\xd9"
"""Of a JPEG; within one, neither follows the other (ITU-T T.81, B.1.1.2)."""


class FrameFileWriter:
    """Writes JPEGs up to a number of bytes."""

    def __init__(self, file: Path, most_bytes: int) -> None:
        """Begin a file.

        Raises:
            RecordingError: there is one of that name, or it cannot be written.
        """
        self.file = file
        self._most_bytes, self._bytes, self._count = most_bytes, 0, 0
        try:
            self._stream: FileIO = file.open("xb", buffering=0)
        except OSError as error:
            raise _unwritten(file, error) from error

    def append(self, jpeg: bytes) -> int | None:
        """Write an image, so that it outlives the process.

        Returns:
            Its index, or None where the file would grow beyond its bound.

        Raises:
            RecordingError: the disk is full.
        """
        if self._bytes + len(jpeg) > self._most_bytes:
            return None
        try:
            left = memoryview(jpeg)
            while left:
                left = left[self._stream.write(left) :]
        except OSError as error:
            raise _unwritten(self.file, error) from error
        self._bytes += len(jpeg)
        self._count += 1
        return self._count - 1

    def close(self) -> None:
        """End the file."""
        try:
            self._stream.close()
        except OSError as error:
            raise _unwritten(self.file, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def read_frames(file: Path) -> Iterator[bytes]:
    """The whole JPEGs of a file in order, as `/frames` counts them.

    Raises:
        RecordingError: it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            if stream.seek(0, 2) == 0:
                return
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield from _split(content)
    except OSError as error:
        raise RecordingError(
            f"The images {file} cannot be read: {error}",
            "They belong into the folder of their session.",
        ) from error


def _split(content: mmap.mmap) -> Iterator[bytes]:
    begin = 0
    while True:
        end = content.find(END + START, begin)
        if end < 0:
            break
        yield content[begin : end + len(END)]
        begin = end + len(END)
    if content[-len(END) :] == END:
        yield content[begin:]


def _unwritten(file: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"Images of the screen cannot be written to {file}: {error}",
        "Make room on the disk, or name a folder that you may write to. What was recorded so far "
        "stays there; `outpost play recover` finishes it.",
    )
