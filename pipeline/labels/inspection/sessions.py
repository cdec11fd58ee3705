"""Which frames were captured in one session: one match, one recording, one evening at the game.

Frames of one session resemble one another, so a split for validation keeps them together. What a
session is, in this order:

1. Frames of a video task in CVAT are one session, each task its own. Exports of jobs don't tell
   their task: one that goes on where the job before it ends is of the same video.
2. Frames whose names tell when they were taken are one session as long as no pause between two of
   them is longer than `LONGEST_PAUSE`, whatever tool wrote them: it is one clock. A name that tells
   a day alone may be of any time of it, a frame of a recording of `LONGEST_RECORDING` after its
   start.
3. Frames of one name before the first underscore, `<session>_<anything>`. A number there is a
   session only where it comes back: what counts frames names none. So is a name that ends in one,
   where such names come back: not `img1_edited`, `img2_edited`.
4. Frames of one folder of the task.

Nothing else is known: such frames may be of one session or of many, and of the same as any other.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

from pipeline.labels.inspection.capture_names import CaptureName, read_capture_name

LONGEST_PAUSE = timedelta(minutes=10)
"""Between two frames of one session.

Long enough to queue for the next match or to read a message; a strategy game's view after more than
that, if it is of the same match at all, shows another age, other units and more of the map. Frames
that are alike all the same are kept together as near duplicates.
"""
LONGEST_RECORDING = timedelta(hours=3)
"""From the start that the names of its frames tell, as the number of a frame tells no time."""
_JOB = re.compile(r"(?:.*_)?job_(\d+)", re.IGNORECASE)
_DIGITS = "0123456789"

_Place = tuple[str, str, str]
"""Batch, subset and folder."""


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
        batches: of each frame, where they are of several; one name for those that share images.

    Returns:
        For a person to read: when it began, the name before the underscore, the folder.
    """
    places = [
        (batch, frame.subset, frame.folder)
        for frame, batch in zip(frames, batches or [""] * len(frames), strict=True)
    ]
    names = [read_capture_name(frame.stem) for frame in frames]
    starts = _starts(name for name in names if name.video_frame is None)
    videos = _videos(places, names)
    sessions = _naming_sessions(places, names)
    found: list[str | None] = []
    for name, place in zip(names, places, strict=True):
        span = _span(name)
        if name.video_frame is not None:
            found.append(" ".join(part for part in ("video", *videos[place]) if part))
        elif span is not None:
            found.append(starts[span[0]].isoformat(" ", "seconds"))
        elif (place, name.prefix) in sessions:
            found.append(name.prefix)
        else:
            found.append(place[-1] or None)
    return found


def _videos(places: Sequence[_Place], names: Sequence[CaptureName]) -> dict[_Place, _Place]:
    """For each place the one where its video begins.

    Jobs of one task are numbered in a row, as their frames are.
    """
    numbers: dict[_Place, list[int]] = defaultdict(list)
    for place, name in zip(places, names, strict=True):
        if name.video_frame is not None:
            numbers[place].append(name.video_frame)
    videos = {place: place for place in numbers}
    jobs = [(int(job[1]), place) for place in numbers if (job := _JOB.match(place[0]))]
    before: dict[tuple[str, str], _Place] = {}
    for _, place in sorted(jobs):
        last = before.get(place[1:])
        if last is not None and min(numbers[place]) > max(numbers[last]):
            videos[place] = videos[last]
        before[place[1:]] = place
    return videos


def _naming_sessions(
    places: Sequence[_Place], names: Sequence[CaptureName]
) -> set[tuple[_Place, str]]:
    """Which prefixes name a session, in which place."""
    counts = Counter((place, name.prefix) for place, name in zip(places, names, strict=True))
    # Those that differ in the number at their end alone, and how many frames each has.
    alike: dict[tuple[_Place, str], list[int]] = defaultdict(list)
    for (place, prefix), count in counts.items():
        alike[place, prefix.rstrip(_DIGITS)].append(count)
    counting = {key for key, frames in alike.items() if sum(frames) < 2 * len(frames)}
    lasting = {
        prefix for place, prefix in counts if (place, prefix.rstrip(_DIGITS)) not in counting
    }
    return {
        (place, prefix)
        for (place, prefix), count in counts.items()
        if prefix
        and (count > 1 if prefix.isdecimal() else prefix in lasting or prefix[-1] not in _DIGITS)
    }


def _span(name: CaptureName) -> tuple[datetime, datetime] | None:
    """The earliest and the latest moment at which a frame may have been taken."""
    if name.taken_at is not None:
        return name.taken_at, name.taken_at + LONGEST_RECORDING * name.is_recorded
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
