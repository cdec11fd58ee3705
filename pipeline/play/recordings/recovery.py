"""Sessions whose recording was interrupted are finished with what there is of them."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

from pipeline.files import replacing
from pipeline.play.recordings.events import RecordingError, Topic
from pipeline.play.recordings.reader import (
    BREAKS_OFF,
    EventStream,
    SessionReader,
    open_session,
)
from pipeline.play.recordings.writer import (
    ENDING,
    PART_ENDING,
    begin_file,
    compressed_writer,
    hold,
    release,
)

DAMAGED_ENDING = ".damaged"


def recover(part: Path) -> SessionReader:
    """Finish a session from the part that an interrupted recording has left.

    Returns:
        The finished session, up to its last whole event. Of a part that is damaged before its end
        the rest stays beside it, as `<part>.damaged`.

    Raises:
        RecordingError: there is no such part, it is being written, it holds no event, or there is
            a finished session of that name with fewer events. The part stays where it is.
    """
    if not part.name.endswith(PART_ENDING) or not part.is_file():
        raise RecordingError(
            f"{part} is no part of an interrupted recording.",
            f"Name a file that ends in {PART_ENDING}.",
        )
    held = hold(part)
    try:
        file = part.with_name(part.name.removesuffix(PART_ENDING) + ENDING)
        if file.exists():
            _require_as_much(file, part)
            part.unlink()
        else:
            finish_part(part, file)
    finally:
        release(held)
    return open_session(file)


def finish_part(part: Path, file: Path) -> None:
    """Write a session once more from its part, compressed and with an index, and remove the part.

    A part that is damaged in its middle is kept under another name: events may follow that somebody
    can still read.

    Raises:
        RecordingError: the part holds no event, or the file cannot be written. The part stays.
    """
    reading = EventStream(part)
    events = reading.events(frozenset(Topic))
    first = next(events, None)
    if first is None or reading.info is None:
        raise RecordingError(
            f"{part} holds no event of a session: {reading.damage or 'nothing happens in it'}.",
            "Remove it.",
        )
    try:
        with replacing(file) as fresh, fresh.open("xb") as stream:
            writer = compressed_writer(stream)
            channels = begin_file(writer, reading.info)
            for read in chain([first], events):
                writer.add_message(channels[read.topic], read.time, read.content, read.time)
            writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
        if reading.damage in (None, BREAKS_OFF):
            part.unlink()
        else:
            part.replace(part.with_name(part.name + DAMAGED_ENDING))
    except OSError as error:
        raise RecordingError(
            f"The session cannot be finished as {file}: {error}",
            "Make room on the disk, or give yourself write access; then `outpost play recover`.",
        ) from error


def _require_as_much(file: Path, part: Path) -> None:
    """A killed process may have left both: the part goes once the other is seen to hold it all."""
    finished, left = open_session(file), open_session(part)
    if finished.info != left.info or finished.counts != left.counts or finished.damage:
        raise RecordingError(
            f"There are {file.name} and {part.name}, and they hold different events.",
            "Keep the one that you want and remove or rename the other.",
        )
