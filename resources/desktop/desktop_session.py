"""The one session that is being recorded, or was and is neither kept nor discarded yet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path

from detector_runtime import Detector
from pipeline.play.desktop.frame_files import FRAMES_ENDING, FrameFileWriter
from pipeline.play.desktop.hot_keys import HotKeys
from pipeline.play.desktop.inputs import Area, InputRecord, KeyInput, PointerInput
from pipeline.play.desktop.sightings import Look
from pipeline.play.recordings.events import (
    PERSON,
    TOPICS,
    RecordingError,
    SessionInfo,
    TimedEvent,
    Topic,
)
from pipeline.play.recordings.writer import ENDING, PART_ENDING, SessionWriter
from resources.desktop.screen import FrameThread, LookThread, Rates, Told
from resources.desktop.windows import RecordedWindow

MOST_SESSIONS = 100_000


@dataclass(frozen=True)
class RecorderSettings:
    """How sessions are recorded.

    Attributes:
        game: name of the game, by which sessions are named, too.
        keys: those that are recorded; None for all.
        hot_keys: those that begin and end sessions.
        frames_a_second, looks_a_second: images of the screen, looks of the detector.
        most_frame_bytes: of one session's images.
        shows_more: whether the game shows more of the map on a larger screen, rather than
            everything larger.
    """

    folder: Path
    game: str
    keys: frozenset[str] | None
    frames_a_second: float = 5.0
    looks_a_second: float = 5.0
    most_frame_bytes: int = 8 * 10**9
    shows_more: bool = False
    hot_keys: HotKeys = field(default_factory=HotKeys)


@dataclass(frozen=True)
class DesktopSession:
    """A session that was kept.

    Attributes:
        frames: its images; None if there are none.
        seconds: from its beginning to its end.
        events: by channel.
        processor_share: of one core, that the whole process took while it was recorded.
    """

    file: Path
    frames: Path | None
    seconds: float
    events: dict[Topic, int]
    processor_share: float


class OpenSession:
    """Writes one session from what is heard of it."""

    def __init__(
        self,
        settings: RecorderSettings,
        window: RecordedWindow,
        detector: Detector | None,
        began: int,
        told: Told,
    ) -> None:
        """Begin one, at a time of `time.perf_counter_ns`.

        Raises:
            RecordingError: the window is gone, or the folder cannot be written.
        """
        area = window.area()
        if area is None:
            raise RecordingError("The window is not there any more.", "Start the game again.")
        self._window, self._area, self._began = window, area, began
        self._inputs = InputRecord(began, settings.keys, settings.hot_keys.names)
        self._look: Look | None = None
        self._is_focused = True
        self._counts: Counter[Topic] = Counter()
        self._seconds = self._share = 0.0
        self._processor = time.process_time()
        self._open = ExitStack()
        self._writer = self._open.enter_context(
            SessionWriter(settings.folder, _session_info(settings, area, detector))
        )
        self._frames = settings.folder / f"{self.name}{FRAMES_ENDING}"
        try:
            file = FrameFileWriter(self._frames, settings.most_frame_bytes)
        except RecordingError:
            self._writer.discard()
            raise
        looks = settings.looks_a_second if detector else 0.0
        frames = FrameThread(window, began, Rates(settings.frames_a_second, looks), file, told)
        self._threads: list[FrameThread | LookThread] = [frames]
        if detector is not None:
            shows_more = settings.shows_more
            self._threads.append(LookThread(detector, frames.latest, looks, shows_more, told))
        for thread in self._threads:
            thread.start()

    @property
    def name(self) -> str:
        """Of the session."""
        return self._writer.info.name

    def hear(self, given: KeyInput | PointerInput) -> None:
        """Write what an input is, if it is recorded.

        Raises:
            RecordingError: the disk is full, as of all that write.
        """
        if isinstance(given, KeyInput):
            self._write(self._inputs.key(given))
            return
        if given.kind == "move":
            # There are too many to ask for the focus at each.
            given = given._replace(focused=self._is_focused)
        self._write(self._inputs.pointer(given, self._area, self._look))

    def see(self, seen: TimedEvent | Look) -> None:
        """Write that an image was taken, or what the detector saw in one."""
        if isinstance(seen, Look):
            self._look = seen
            self._write([TimedEvent(seen.time, seen.event())])
        else:
            self._write([seen])

    def pass_time(self, now: int, *, focused: bool) -> None:
        """Write what is due, follow a window that was moved, let go of keys without the focus."""
        self._write(self._inputs.due_move(now, self._area))
        self._is_focused = focused
        if not focused:
            self._write(self._inputs.release_all(now))
        area = self._window.area()
        if area is not None and area.size == self._area.size:
            self._area = area

    def stop(self, now: int) -> None:
        """Record nothing more."""
        for thread in self._threads:
            thread.end()
        self._write(self._inputs.release_all(now))
        self._seconds = (now - self._began) / 1e9
        self._share = (time.process_time() - self._processor) / max(self._seconds, 1e-3)

    def save(self) -> DesktopSession:
        """Keep it, once it was stopped.

        Raises:
            RecordingError: it holds nothing, or cannot be written; the part stays.
        """
        file = self._writer.finish()
        frames = self._frames if self._counts[Topic.FRAMES] else None
        if frames is None:
            self._frames.unlink(missing_ok=True)
        return DesktopSession(file, frames, self._seconds, dict(self._counts), self._share)

    def discard(self) -> None:
        """Remove all that was written of it, once it was stopped."""
        self._writer.discard()
        self._frames.unlink(missing_ok=True)

    def close(self) -> None:
        """End everything, and leave what there is; nothing after `save` and `discard`."""
        for thread in self._threads:
            thread.end()
        self._open.close()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened in it."""
        return not self._counts

    def _write(self, events: Iterable[TimedEvent]) -> None:
        for time_, event in events:
            self._writer.write(time_, event)
            self._counts[TOPICS[type(event)]] += 1


def _session_info(settings: RecorderSettings, area: Area, detector: Detector | None) -> SessionInfo:
    rates = {Topic.FRAMES: settings.frames_a_second}
    if detector is not None:
        rates[Topic.ENTITIES] = settings.looks_a_second
    return SessionInfo(
        name=_free_name(settings.folder, settings.game),
        game=settings.game,
        actor=PERSON,
        classes=() if detector is None else detector.class_names,
        screen=area.size,
        rates=rates,
        application=f"outpost {installed_version('outpost')}",
    )


def _free_name(folder: Path, game: str) -> str:
    """The game and the first number that no session has: a time of day would tell of the person."""
    for number in range(1, MOST_SESSIONS + 1):
        name = f"{game}-{number:04d}"
        endings = (ENDING, PART_ENDING, FRAMES_ENDING)
        if not any((folder / f"{name}{ending}").exists() for ending in endings):
            return name
    raise RecordingError(f"There are {MOST_SESSIONS} sessions in {folder}.", "Name another folder.")
