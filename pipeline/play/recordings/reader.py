"""Sessions are read as files of strangers: sizes are bounded, every event is checked.

A file that breaks off, or is damaged from some place on, is read up to its last whole event, and
says so.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader, breakup_chunk
from pydantic import ValidationError

from pipeline.play.recordings.events import (
    EVENTS,
    Event,
    RecordingError,
    SessionInfo,
    TimedEvent,
    Topic,
)
from pipeline.play.recordings.writer import ENDING, PART_ENDING, SESSION_RECORD

MOST_RECORD_BYTES = 64 << 20
MOST_BYTES = 8 << 30
"""Of all events of a session, uncompressed."""
BROKEN = (McapError, struct.error, ValueError, zstandard.ZstdError)
"""What mcap raises where a file breaks off or is damaged."""


class ReadEvent(NamedTuple):
    """An event as it lies in a file, and what it says, where that was asked for."""

    topic: Topic
    time: int
    content: bytes
    event: Event | None


@dataclass(frozen=True)
class SessionReader:
    """A session's file that was read once from beginning to end.

    Attributes:
        counts: events of each channel.
        seconds: from the beginning to the last event.
        damage: where and why it cannot be read any further; None for a file that is whole.
    """

    file: Path
    info: SessionInfo
    counts: Mapping[Topic, int]
    seconds: float
    damage: str | None

    def events(self, *topics: Topic) -> Iterator[TimedEvent]:
        """The events of some channels, or of all, in the order in which they were written.

        Raises:
            RecordingError: the file is not as it was when the session was opened.
        """
        for read in self.read(*topics):
            if read.event is not None:
                yield TimedEvent(read.time, read.event)

    def read(self, *topics: Topic) -> Iterator[ReadEvent]:
        """All events with their bytes; what those of some channels say, or of all.

        Raises:
            RecordingError: as of `events`.
        """
        left = sum(self.counts.values())
        for read in EventStream(self.file).events(frozenset(topics or Topic)):
            if left == 0:
                return
            left -= 1
            yield read
        if left:
            raise RecordingError(
                f"{self.file} has changed while it was read.", "Read it again when it is finished."
            )


def open_session(file: Path) -> SessionReader:
    """Read a session once: what it is of, whether it is whole, how much it holds.

    Args:
        file: `<name>.mcap`, or the `.mcap.part` of one that was not finished.

    Raises:
        RecordingError: it is no session, of another version of the schema, or has no event.
    """
    reading = EventStream(file)
    last = max((read.time for read in reading.events(frozenset(Topic))), default=0)
    if reading.info is None:
        raise RecordingError(
            f"{file} is no recorded session: {reading.damage or 'it does not say what it is of'}",
            f"Name a file that ends in {ENDING}, which `outpost play record` has written.",
        )
    if not reading.counts:
        raise RecordingError(
            f"The session {file} is empty: {reading.damage or 'nothing happens in it'}.",
            "Take another copy of the file, or remove it.",
        )
    return SessionReader(file, reading.info, reading.counts, last / 1e9, reading.damage)


def session_files(folder: Path, *, unfinished: bool = False) -> list[Path]:
    """Sessions of a folder, by name; none where there is no folder.

    Args:
        unfinished: those whose recording was interrupted, in place of finished ones.
    """
    ending = PART_ENDING if unfinished else ENDING
    return sorted(folder.glob(f"[!.]*{ending}"))


BREAKS_OFF = "it breaks off"
"""The damage of a file that ends within a record, as a killed process leaves it."""


@dataclass
class EventStream:
    """One way through a file, and what was found of it so far.

    Attributes:
        info: what the session is of, once that was read.
        counts: events of each channel.
        damage: why it could not be read any further.
    """

    file: Path
    info: SessionInfo | None = None
    counts: Counter[Topic] = field(default_factory=Counter)
    damage: str | None = None

    def events(self, wanted: frozenset[Topic]) -> Iterator[ReadEvent]:
        """Events up to where the file breaks off; those of some channels are checked.

        Raises:
            RecordingError: the file cannot be read, or is of another version of the schema.
        """
        try:
            with self.file.open("rb") as stream:
                yield from self._events(_records(stream), wanted)
        except OSError as error:
            raise RecordingError(
                f"{self.file} cannot be read: {error.strerror or error}",
                "Name a file that you may read.",
            ) from error
        except BROKEN as error:
            self.damage = _told(error)

    def _events(
        self, records: Iterator[McapRecord], wanted: frozenset[Topic]
    ) -> Iterator[ReadEvent]:
        channels: dict[int, Topic] = {}
        times = dict.fromkeys(Topic, 0)
        for record in records:
            if isinstance(record, Metadata) and record.name == SESSION_RECORD:
                self.info = self.info or SessionInfo.from_metadata(record.metadata)
            elif isinstance(record, Channel) and record.topic in list(Topic):
                channels[record.id] = Topic(record.topic)
            elif isinstance(record, Message) and record.channel_id in channels:
                topic = channels[record.channel_id]
                if self.info is None or record.log_time < times[topic]:
                    raise EndOfFile("it is damaged (events are not in their order)")
                times[topic] = record.log_time
                event = self._checked(topic, record.data) if topic in wanted else None
                self.counts[topic] += 1
                yield ReadEvent(topic, record.log_time, record.data, event)

    def _checked(self, topic: Topic, content: bytes) -> Event:
        try:
            return EVENTS[topic].model_validate_json(content)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise EndOfFile(
                f"event {self.counts[topic] + 1} of {topic} is not what it should be "
                f"({place} {problem['msg']})"
            ) from error


def _records(stream: BinaryIO) -> Iterator[McapRecord]:
    """Records of a file, those in chunks too."""
    left = MOST_BYTES
    bounded = _Bounded(stream)
    reader = StreamReader(
        bounded, emit_chunks=True, validate_crcs=True, record_size_limit=MOST_RECORD_BYTES
    )
    for record in reader.records:
        if not isinstance(record, Chunk):
            yield record
            continue
        left -= record.uncompressed_size
        if left < 0:
            raise EndOfFile(f"it has more than {MOST_BYTES} bytes")
        yield from _opened(record)


def _opened(chunk: Chunk) -> Iterator[McapRecord]:
    """The records of a chunk; mcap would decompress whatever a chunk makes itself out to be."""
    size = chunk.uncompressed_size
    if chunk.compression == "zstd":
        actual = zstandard.get_frame_parameters(chunk.data).content_size
    else:
        actual = len(chunk.data) if chunk.compression == "" else -1
    if size > MOST_RECORD_BYTES or actual != size:
        raise EndOfFile("a chunk does not have the size that it states")
    yield from breakup_chunk(chunk, validate_crc=True)


class _Bounded:
    """A file of which nobody reads more at once than a record may have."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_RECORD_BYTES:
            raise EndOfFile("a record does not have the size that it states")
        return self._stream.read(size)


def _told(error: Exception) -> str:
    """What is wrong, in words."""
    if isinstance(error, EndOfFile | struct.error):
        # mcap's own end of a file has no text.
        return str(error) if isinstance(error, EndOfFile) and error.args else BREAKS_OFF
    return f"it is damaged ({error})"
