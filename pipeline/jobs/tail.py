"""Following text files that another process appends to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LineTail:
    """Yields the lines that were appended since the last call, each once and only when whole."""

    def __init__(self, file: Path) -> None:
        """What the file holds already counts as seen."""
        self.file = file
        self.offset = file.stat().st_size if file.is_file() else 0

    def new_lines(self) -> Iterator[str]:
        """Lines that have come to their end."""
        *whole, _ = self._unread().split(b"\n")
        for line in whole:
            # Before it is handed out: whoever raises at a line does not get it again.
            self.offset += len(line) + 1
            yield line.decode("utf-8", errors="replace")

    def last_lines(self) -> Iterator[str]:
        """What is left once nobody writes any more, a last line without an end included."""
        yield from self.new_lines()
        if rest := self._unread():
            self.offset += len(rest)
            yield rest.decode("utf-8", errors="replace")

    def _unread(self) -> bytes:
        if not self.file.is_file():
            return b""
        with self.file.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read()


def without_colours(line: str) -> str:
    """A line of a log without the codes that a terminal would take for colours."""
    return _COLOURS.sub("", line).rstrip()
