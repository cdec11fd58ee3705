"""The folder that comes back: events as they happen, files that appear whole."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import (
    CHECKPOINT_DESCRIPTION,
    CHECKPOINT_FILE,
    DONE_FILE,
    EVENTS_FILE,
    LOG_FILE,
)


class Outputs:
    """The folder that comes back: events as they happen, files that appear whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()

    def __enter__(self) -> Outputs:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DONE_FILE).unlink(missing_ok=True)
        cut_last_line(self.folder / EVENTS_FILE)
        self.stream = (self.folder / EVENTS_FILE).open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event; it can be read as soon as this returns."""
        self.write(self.stamped(kind, **fields))

    def stamped(self, kind: str, **fields: Any) -> dict[str, Any]:
        """An event of this moment."""
        return {"event": kind, "seconds": round(time.monotonic() - self.began, 3), **fields}

    def write(self, event: dict[str, Any]) -> None:
        """Append an event as it is."""
        self.stream.write(json.dumps(event, allow_nan=False) + "\n")
        self.stream.flush()

    def told(self, kind: str) -> Iterator[dict[str, Any]]:
        """Events of one kind that are written already, by an earlier start as well."""
        text = (self.folder / EVENTS_FILE).read_text(encoding="utf-8")
        for line in text.splitlines():
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                yield event

    def text(self, name: str, content: str) -> None:
        """Write a text file that appears whole; nothing when there is nothing to write."""
        if content:
            with self.replacing(name) as temporary:
                temporary.write_text(content, encoding="utf-8", newline="")

    def json(self, name: str, content: Any) -> None:
        """Write a JSON file that appears whole."""
        self.text(name, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """A temporary file that takes the place of `name`, for good, when the block ends well."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def finish(self) -> None:
        """Drop what only a resumed job would need, and list what was made, last of all."""
        for name in (CHECKPOINT_FILE, CHECKPOINT_DESCRIPTION):
            (self.folder / name).unlink(missing_ok=True)
        self.event("done")
        self.json(DONE_FILE, {file.name: described(file) for file in self._made()})

    def keep_checkpoint(self, write: Callable[[Path], None], **place: Any) -> None:
        """Publish the newest checkpoint and then its description, each whole.

        Args:
            write: writes the checkpoint into a file.
            place: `stage`, `epoch` (finished ones of that stage) and `epochs` (asked for).
        """
        with self.replacing(CHECKPOINT_FILE) as temporary:
            write(temporary)
            description = described(temporary)
        self.json(CHECKPOINT_DESCRIPTION, {**place, **description})

    def _made(self) -> list[Path]:
        growing = (EVENTS_FILE, LOG_FILE)
        return sorted(
            file
            for file in self.folder.iterdir()
            if file.is_file() and file.name not in growing and not file.name.startswith(".")
        )


def cut_last_line(file: Path) -> None:
    """Take off a last line that a program did not live to end."""
    if file.is_file():
        whole, end, _ = file.read_bytes().rpartition(b"\n")
        os.truncate(file, len(whole) + len(end))


def sha256_of(file: Path) -> str:
    """Digest of a file's bytes; `hashlib.file_digest` came only with Python 3.11."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def described(file: Path) -> dict[str, Any]:
    """Size and digest of a file."""
    return {"bytes": file.stat().st_size, "sha256": sha256_of(file)}


def sidecar_of(checkpoint: Path) -> Path:
    """The file that describes a checkpoint."""
    return checkpoint.with_suffix(".json")
