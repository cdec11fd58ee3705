"""Following text files that another process appends to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.training.results import parse_event
from resources.gpu.lease import OnEvent, OnLog

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LineTail:
    """Yields the lines that were appended since the last look, each once and only when whole."""

    def __init__(self, file: Path) -> None:
        """What the file holds already counts as seen."""
        self.file = file
        self.offset = file.stat().st_size if file.is_file() else 0

    def new_lines(self) -> Iterator[str]:
        """Lines that have come to their end."""
        *whole, _ = self._unread().split(b"\n")
        self.offset += sum(len(line) + 1 for line in whole)
        yield from (line.decode("utf-8", errors="replace") for line in whole)

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


def tell(events: Iterator[str], lines: Iterator[str], on_event: OnEvent, on_log: OnLog) -> None:
    """Hand the lines of a log and of a file of events to whoever listens."""
    for line in lines:
        on_log(without_colours(line))
    for line in events:
        on_event(parse_event(line))
