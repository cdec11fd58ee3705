"""Which frames were captured in one session: one match, one recording, one evening at the game.

Frames of one session resemble one another, so a split for validation keeps them together. What a
session is, in this order:

1. Frames of a video task in CVAT are one session, each task its own.
2. Frames whose names tell when they were taken are one session as long as no pause between two of
   them is longer than `LONGEST_PAUSE`, whatever tool wrote them: it is one clock. A name that tells
   a day alone may be of any time of it.
3. Frames of one name before the first underscore, `<session>_<anything>`. A number there is a
   session only where it comes back: what counts frames names none.
4. Frames of one folder of the task.

Nothing else is known: such frames may be of one session or of many, and of the same as any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

from pipeline.labels.inspection.capture_names import CaptureName, read_capture_name

LONGEST_PAUSE = timedelta(minutes=10)
"""Between two frames of one session.

Long enough to queue for the next match or to read a message; a strategy game's view after more than
that, if it is of the same match at all, shows another age, other units and more of the map. Frames
that are alike all the same are kept together as near duplicates.
"""


class NamedFrame(Protocol):
    """What a session is told by; see `pipeline.labels.batches.Frame`."""

    @property
    def stem(self) -> str: ...
    @property
    def subset(self) -> str: ...
    @property
    def folder(self) -> str: ...


def sessions_of(
    frames: Sequence[NamedFrame], batches: Sequence[str] | None = None
) -> list[str | None]:
    """The session of each frame, or None where it cannot be known.

    Args:
        frames: all that are to be told apart; a name that counts is told by the others.
        batches: of each frame, where they are of several.

    Returns:
        For a person to read: when it began, the name before the underscore, the folder.
    """
    places = [
        (batch, frame.subset, frame.folder)
        for frame, batch in zip(frames, batches or [""] * len(frames), strict=True)
    ]
    names = [read_capture_name(frame.stem) for frame in frames]
    starts = _starts(name for name in names if name.video_frame is None)
    repeated = Counter((place, name.prefix) for place, name in zip(places, names, strict=True))
    return [
        _session(name, place, starts, repeated[place, name.prefix] > 1)
        for name, place in zip(names, places, strict=True)
    ]


def _session(
    name: CaptureName,
    place: tuple[str, str, str],
    starts: Mapping[datetime, datetime],
    is_repeated: bool,
) -> str | None:
    batch, subset, folder = place
    if name.video_frame is not None:
        return " ".join(part for part in ("video", batch, subset, folder) if part)
    span = _span(name)
    if span is not None:
        return starts[span[0]].isoformat(" ", "seconds")
    if name.prefix and (is_repeated or not name.prefix.isdecimal()):
        return name.prefix
    return folder or None


def _span(name: CaptureName) -> tuple[datetime, datetime] | None:
    """The earliest and the latest moment at which a frame may have been taken."""
    if name.taken_at is not None:
        return name.taken_at, name.taken_at
    if name.day is None:
        return None
    return datetime.combine(name.day, time.min), datetime.combine(name.day, time.max)


def _starts(names: Iterable[CaptureName]) -> dict[datetime, datetime]:
    """When the session began of a frame that was taken at a moment."""
    spans = {span for name in names if (span := _span(name)) is not None}
    starts: dict[datetime, datetime] = {}
    start = end = datetime.min
    for since, until in sorted(spans):
        if since - end > LONGEST_PAUSE:
            start = since
        starts[since] = start
        end = max(end, until)
    return starts
