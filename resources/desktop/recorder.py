"""Records sessions of a desktop until it is told to end: one loop that hears everything and writes.

Threads that listen, take images and look put what they have into one queue, and never wait. The
loop takes it from there in order; so a session has one writer, and a slow disk delays nobody's
input.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from detector_runtime import Detector
from pipeline.play.desktop.hot_keys import Command, Phase, command_of
from pipeline.play.desktop.inputs import KeyInput, PointerInput
from pipeline.play.desktop.sightings import Look
from pipeline.play.recordings.events import TimedEvent
from resources.desktop.desktop_session import DesktopSession, OpenSession, RecorderSettings
from resources.desktop.listeners import InputListeners
from resources.desktop.screen import Failed, FramesEnded, ScreenNews, WindowChanged
from resources.desktop.windows import FocusGate, RecordedWindow

POLL_SECONDS = 0.02
"""How often the focus is looked at; also how long a move of the mouse may wait."""


@dataclass
class Recorded:
    """What was recorded until it ended.

    Attributes:
        slowest_input_ms: what noting one input took at most.
    """

    sessions: list[DesktopSession] = field(default_factory=list)
    slowest_input_ms: float = 0.0


class DesktopRecorder:
    """Records one window, session by session, as hot keys say."""

    def __init__(
        self,
        settings: RecorderSettings,
        window: RecordedWindow,
        detector: Detector | None,
        report: Callable[[str], None],
    ) -> None:
        """Record a window.

        Args:
            detector: fills `/entities`; left to who has opened it.
            report: is told in a line what has begun and ended.
        """
        self.ending = threading.Event()
        self.recorded = Recorded()
        self._settings, self._window, self._detector = settings, window, detector
        self._report = report
        self._phase = Phase.IDLE
        self._session: OpenSession | None = None
        self._news: queue.SimpleQueue[tuple[int, KeyInput | PointerInput | ScreenNews]]
        self._news = queue.SimpleQueue()
        self._number = 0
        self._held: set[str] = set()
        self._hot_keys = settings.hot_keys.names

    def run(self) -> Recorded:
        """Record until `ending` is set, the window is gone, or the person interrupts.

        What is recorded then, or was and is not discarded, is saved.

        Raises:
            DesktopError: screen or input cannot be read.
            RecordingError: a session cannot be written; what there is of it stays.
        """
        gate = FocusGate(self._window)
        try:
            with InputListeners(self._hear, gate) as listeners:
                keys = (f"{key.upper()} {use.value}" for key, use in self._hot_keys.items())
                self._report(f"Ready: {', '.join(keys)}; Ctrl+C ends.")
                try:
                    self._listen(gate, listeners)
                except KeyboardInterrupt:
                    self._report("Interrupted.")
            self._end()
        finally:
            if self._session is not None:
                self._session.close()
        self.recorded.slowest_input_ms = listeners.slowest / 1e6
        return self.recorded

    def _hear(self, given: KeyInput | PointerInput) -> None:
        self._news.put((self._number, given))

    def _listen(self, gate: FocusGate, listeners: InputListeners) -> None:
        polled = 0
        while not self.ending.is_set():
            try:
                number, news = self._news.get(timeout=POLL_SECONDS)
            except queue.Empty:
                pass
            else:
                self._take(number, news)
            now = time.perf_counter_ns()
            if now - polled >= POLL_SECONDS * 1e9:
                polled, focused = now, gate.poll()
                listeners.require_listening()
                if self._session is not None and self._phase is Phase.RECORDING:
                    self._session.pass_time(now, focused=focused)

    def _take(self, number: int, news: KeyInput | PointerInput | ScreenNews) -> None:
        """Deal with one of the things that threads have told; `number` is of the session then."""
        match news:
            case KeyInput() if news.key in self._hot_keys:
                self._take_hot_key(news)
            case KeyInput() | PointerInput():
                if self._session is not None and self._phase is Phase.RECORDING:
                    self._session.hear(news)
            case Failed():
                raise news.error
            case _ if number != self._number or self._phase is not Phase.RECORDING:
                pass
            case TimedEvent() | Look():
                assert self._session is not None
                self._session.see(news)
            case FramesEnded():
                self._report(
                    "No more images are written: their bound is reached, or the disk is "
                    "nearly full. All else goes on."
                )
            case WindowChanged():
                self._report("The window is gone or has another size: the session ends here.")
                self._command(Command.SAVE, time.perf_counter_ns())
                if self._window.area() is None:
                    self.ending.set()

    def _take_hot_key(self, given: KeyInput) -> None:
        if not given.pressed:
            self._held.discard(given.key)
        elif given.focused and given.key not in self._held:
            # A key that is held repeats itself.
            self._held.add(given.key)
            self._command(command_of(self._phase, self._hot_keys[given.key]), given.time)

    def _command(self, command: Command | None, pressed: int) -> None:
        match command:
            case Command.START:
                self._start(pressed)
            case Command.STOP:
                self._stop()
                save, discard = self._settings.hot_keys.save, self._settings.hot_keys.discard
                self._report(f"Stopped: {save.upper()} saves it, {discard.upper()} discards it.")
            case Command.SAVE:
                self._save()
            case Command.SAVE_AND_START:
                self._save()
                self._start(pressed)
            case Command.DISCARD:
                self._discard()

    def _start(self, pressed: int) -> None:
        self._number += 1
        number = self._number
        self._session = OpenSession(
            self._settings,
            self._window,
            self._detector,
            pressed,
            lambda news: self._news.put((number, news)),
        )
        self._phase = Phase.RECORDING
        self._report(f"Recording {self._session.name}.")

    def _stop(self) -> None:
        assert self._session is not None
        if self._phase is Phase.RECORDING:
            self._phase = Phase.STOPPED
            self._session.stop(time.perf_counter_ns())

    def _save(self) -> None:
        assert self._session is not None
        self._stop()
        if self._session.is_empty:
            self._discard()
            return
        saved = self._session.save()
        self._phase, self._session = Phase.IDLE, None
        self.recorded.sessions.append(saved)
        self._report(f"Saved {saved.file}: {saved.seconds:.1f} s.")

    def _discard(self) -> None:
        assert self._session is not None
        self._stop()
        self._session.discard()
        self._report(f"Discarded {self._session.name}.")
        self._phase, self._session = Phase.IDLE, None

    def _end(self) -> None:
        """Keep what was not discarded."""
        if self._session is not None:
            self._save()
