"""When a screenshot was taken, and where it stands in a video, as its name tells.

The names that tools give by themselves, with one of each:

- Steam: `20260101120009_1.jpg`, its uncompressed copy `813780_20260101120009_1.png` (the number of
  the game before it).
- Windows' Snipping Tool: `Screenshot 2026-01-01 120009.png`; *Win+Print* counts instead and tells
  no time: `Screenshot (12).png`.
- Xbox Game Bar: `Age of Empires II_ Definitive Edition 1_1_2026 12_00_09 PM.png`, with the date as
  the region writes it.
- OBS Studio: `%CCYY-%MM-%DD %hh-%mm-%ss` by default (`Output/FilenameFormatting` in its
  `basic.ini`), after `Screenshot` for an image; frames of a recording have more behind it.
- macOS: `Screenshot 2026-01-01 at 12.00.09 PM.png` (`Screen Shot` before macOS 11), a narrow
  no-break space before PM since macOS 13, a word for `at` and a marker of the half of the day as
  the language has them: `um ... nachm.`, `截屏2026-01-01 下午12.00.09`.
- GeForce Experience, NVIDIA App: `Game Screenshot 2026.01.01 - 12.00.09.25.png`, hundredths last.
- CVAT: `frame_000123`, the number of a video's frame (`bindings.py` of its dataset manager).

They come down to a date of four, two and two digits, or one as in the Game Bar, and a time that
follows. GNOME, KDE and phones write theirs likewise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time

_DATE = re.compile(
    # Behind it no digit, or those of a time, with milliseconds or without.
    r"(?<!\d)(20\d\d)([-._ ]?)([01]\d)\2([0-3]\d)(?:(?!\d)|(?=\d{6}(?:\d{3})?(?!\d)))"
)
_REGIONAL_DATE = re.compile(r"(?<!\d)(\d{1,2})([-._])(\d{1,2})\2(20\d\d)(?!\d)")
_MOMENT = re.compile(
    r"""
    (?: [\s_T-]{0,3} (?=\d{6}(?:\d{3})?(?!\d))   # six digits are a time right behind the date alone
      | \D{1,20}? (?=\d{1,2}[-._:h]\d\d)         # " at ", " um ", " - ", " 下午"
    )
    (\d{1,2}) [-._:h]? (\d\d) [-._:m]? (\d\d) (?:\d{3})? (?!\d)
    """,
    re.VERBOSE,
)
_MARKER = re.compile(
    r"(?P<am>\b[ap]\.?\s?m\b\.?|vorm\.|nachm\.)|(?P<cjk>上午|下午|午前|午後|오전|오후)",
    re.IGNORECASE,
)
_AFTERNOON = ("p", "nachm", "下午", "午後", "오후")
_MARKER_REACH = 6
"""Characters behind a time within which its half of the day is told."""
_VIDEO_FRAME = re.compile(r"frame[_-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class CaptureName:
    """What a frame's name tells.

    Attributes:
        day: on which it was taken, by the clock of the computer that took it.
        taken_at: the same with the time of day.
        is_recorded: it is a frame of a recording that began then, and was taken any time after.
        video_frame: its number in a video; the name tells nothing else then.
        prefix: what stands before the first underscore; empty without one.
    """

    day: date | None
    taken_at: datetime | None
    is_recorded: bool
    video_frame: int | None
    prefix: str


def read_capture_name(stem: str) -> CaptureName:
    """What a name without suffix tells; a date or time that cannot be is none."""
    video = _VIDEO_FRAME.fullmatch(stem)
    prefix, underscore, _ = stem.partition("_")
    day, rest = _day_of(stem)
    moment = _time_of(rest) if day is not None else None
    return CaptureName(
        day=day,
        taken_at=datetime.combine(day, moment) if day is not None and moment is not None else None,
        is_recorded=moment is not None and _VIDEO_FRAME.search(rest) is not None,
        video_frame=int(video[1]) if video else None,
        prefix=prefix if underscore else "",
    )


def _day_of(stem: str) -> tuple[date | None, str]:
    """The first date that can be one, and what stands behind it."""
    for found in _DATE.finditer(stem):
        day = _date(int(found[1]), int(found[3]), int(found[4]))
        if day is not None:
            return day, stem[found.end() :]
    for found in _REGIONAL_DATE.finditer(stem):
        rest = stem[found.end() :]
        day = _regional(int(found[1]), int(found[3]), int(found[4]), _MARKER.search(rest))
        if day is not None:
            return day, rest
    return None, ""


def _regional(first: int, second: int, year: int, marker: re.Match[str] | None) -> date | None:
    """A date as a region writes it: the month first where the clock has two halves.

    Where only one order can be, it is that one. A wrong guess takes one day for another, but never
    two days for one: a region writes all its dates in one order.
    """
    orders = [(first, second), (second, first)]
    for month, day in orders if marker else reversed(orders):
        found = _date(year, month, day)
        if found is not None:
            return found
    return None


def _time_of(rest: str) -> time | None:
    """The time that stands behind a date."""
    found = _MOMENT.match(rest)
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    before, behind = rest[: found.start(1)], rest[found.end() : found.end() + _MARKER_REACH]
    marker = _MARKER.search(behind) or _MARKER.search(before)
    if marker is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if marker[0].lower().startswith(_AFTERNOON) else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
