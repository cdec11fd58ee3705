"""A session is written while it is played, so that a killed process loses next to nothing.

Every event goes to the operating system at once, without chunks and compression, into
`<name>.mcap.part`; what the system has survives the process. Once a second a thread has it put on
the disk, where it survives the computer. `finish` writes the session once more, compressed and with
an index, as `<name>.mcap`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from mcap.writer import CompressionType, Writer

from pipeline.play.recordings.events import (
    EVENTS,
    TOPICS,
    Event,
    RecordingError,
    SessionInfo,
    Topic,
)

ENDING, PART_ENDING = ".mcap", ".mcap.part"
SESSION_RECORD = "session"
"""Name of the file's metadata record that says what a session is of."""
PROFILE = "outpost.play"
SYNC_SECONDS = 1.0


class SessionWriter:
    """Writes one session; several threads may.

    Use it in a `with` block, and call `finish` or `discard` at the end. What leaves the block
    otherwise keeps the part that there is, which `recovery.recover` finishes.
    """

    def __init__(self, folder: Path, info: SessionInfo) -> None:
        """Begin a session in a folder, which is made where there is none.

        Raises:
            RecordingError: there is a session of that name, or the folder cannot be written.
        """
        self.info = info
        self.part = folder / f"{info.name}{PART_ENDING}"
        self.file = folder / f"{info.name}{ENDING}"
        self._times = dict.fromkeys(Topic, 0)
        self._failure: Exception | None = None
        self._mutex = threading.Lock()
        self._changed = threading.Event()
        self._closing = threading.Event()
        with _explained(self.part):
            folder.mkdir(parents=True, exist_ok=True)
        self._held = hold(self.part)
        try:
            self._stream = self._opened()
            with _explained(self.part):
                self._begin()
        except BaseException:
            release(self._held)
            raise
        self._syncing = threading.Thread(target=self._sync, name=f"sync {info.name}", daemon=True)
        self._syncing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def write(self, time: int, event: Event) -> None:
        """Write an event.

        Args:
            time: nanoseconds since the session began; never less than at the last event of the
                same channel.

        Raises:
            RecordingError: the disk is full, or was at an earlier event.
            ValueError: the time goes back.
        """
        topic = TOPICS[type(event)]
        content = event.model_dump_json(exclude_defaults=True).encode()
        with self._mutex:
            self._require_working()
            if time < self._times[topic]:
                raise ValueError(f"time goes back in {topic}")
            self._times[topic] = time
            try:
                self._writer.add_message(self._channels[topic], time, content, time)
                self._writer.flush()
            except OSError as error:
                # What follows half an event could not be read.
                self._fail(error)
                self._require_working()
        self._changed.set()

    def finish(self) -> Path:
        """End the session and write it compressed and with an index, whole or not at all.

        Returns:
            The session's file.

        Raises:
            RecordingError: it has no events, or cannot be written. The part is still there.
        """
        from pipeline.play.recordings.recovery import finish_part

        self._stop()
        with self._mutex:
            self._require_working()
            finish_part(self.part, self.file)
        self._close()
        return self.file

    def discard(self) -> None:
        """End the session and remove what was written of it."""
        self._stop()
        with _explained(self.part):
            self.part.unlink(missing_ok=True)
        self._close()

    def _opened(self) -> BufferedWriter:
        for taken in (self.file, self.part):
            if taken.exists():
                raise RecordingError(
                    f"There is a session called {self.info.name} already: {taken}",
                    "Choose another folder or seed, or remove that file."
                    if taken == self.file
                    else "Its recording was interrupted: `outpost play recover` finishes it.",
                )
        with _explained(self.part):
            return self.part.open("xb")

    def _begin(self) -> None:
        self._writer = Writer(self._stream, use_chunking=False)
        self._channels = begin_file(self._writer, self.info)
        self._writer.flush()
        os.fsync(self._stream.fileno())

    def _sync(self) -> None:
        """Have the disk keep what there is, once a second while there is more."""
        while not self._closing.wait(SYNC_SECONDS):
            if self._changed.is_set():
                self._changed.clear()
                try:
                    os.fsync(self._stream.fileno())
                except (OSError, ValueError) as error:
                    self._failure = self._failure or error
                    return

    def _require_working(self) -> None:
        if self._failure is not None:
            raise _unwritten(self.part, self._failure) from self._failure

    def _fail(self, error: OSError) -> None:
        """Leave the file as it is: its stream would try once more to write what did not fit."""
        self._failure = error
        with suppress(OSError):
            self._stream.raw.close()

    def _stop(self) -> None:
        self._closing.set()
        if self._syncing.is_alive():
            self._syncing.join()
        with suppress(OSError, ValueError):
            self._stream.close()

    def _close(self) -> None:
        self._stop()
        release(self._held)


def begin_file(writer: Writer, info: SessionInfo) -> dict[Topic, int]:
    """Write a file's beginning: what the session is of, every channel with its schema.

    Returns:
        Numbers of the channels.
    """
    writer.start(PROFILE, "outpost")
    writer.add_metadata(SESSION_RECORD, info.to_metadata())
    channels = {}
    for topic, event in EVENTS.items():
        schema = json.dumps(event.model_json_schema(), sort_keys=True).encode()
        number = writer.register_schema(f"outpost.{event.__name__}", "jsonschema", schema)
        channels[topic] = writer.register_channel(topic, "json", number)
    return channels


def compressed_writer(stream: BufferedWriter) -> Writer:
    """Writes chunks of a mebibyte, compressed, with an index and checksums of all of it."""
    return Writer(stream, compression=CompressionType.ZSTD, enable_data_crcs=True)


def hold(part: Path) -> FileLock:
    """The lock of a session that is being recorded; it ends with the process, however that ends.

    Raises:
        RecordingError: another one holds it, or the folder cannot be written.
    """
    name = part.name.removesuffix(PART_ENDING)
    lock = FileLock(
        part.with_name(f".{name}.lock"),
        blocking=False,
        thread_local=False,
        # Where the system has no locks, a mark in the file would outlive its process.
        fallback_to_soft=False,
    )
    try:
        with _explained(part):
            lock.acquire()
    except Timeout as error:
        raise RecordingError(
            f"The session {name} is being recorded.", "Wait until its recording has ended."
        ) from error
    return lock


def release(lock: FileLock) -> None:
    """Let go of a session's lock, and remove its file; nothing if that has been done."""
    if lock.is_locked:
        lock.release()
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise _unwritten(file, error) from error


def _unwritten(file: Path, error: Exception) -> RecordingError:
    return RecordingError(
        f"The session cannot be written to {file}: {error}",
        "Make room on the disk, or name a folder that you may write to. What was written so far "
        "stays there; `outpost play recover` finishes it.",
    )
