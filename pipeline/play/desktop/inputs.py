"""Which input of a desktop is recorded, and as which events.

Private is all that goes to other windows. A key or click counts only where the game's window is
known to have the focus; where that cannot be known, keys count that were named beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from pipeline.play.desktop.sightings import Look
from pipeline.play.recordings.events import PERSON, Event, KeyEvent, MouseEvent, TimedEvent

Button = Literal["left", "right", "middle"]
MOVES_A_SECOND = 60
MOST_NOTCHES = 100


class Area(NamedTuple):
    """The part of a desktop that is recorded, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def holds(self, x: int, y: int) -> bool:
        """Whether a pixel of the desktop lies in it."""
        return 0 <= x - self.left < self.width and 0 <= y - self.top < self.height


class KeyInput(NamedTuple):
    """A key was pressed, also when it repeats itself, or released.

    Attributes:
        time: nanoseconds on the clock `time.perf_counter_ns`.
        focused: whether the game's window certainly had the focus.
    """

    time: int
    key: str
    pressed: bool
    focused: bool


class PointerInput(NamedTuple):
    """The mouse did something.

    Attributes:
        time, focused: as of `KeyInput`.
        x, y: pixels of the desktop.
        notches: that a wheel was turned away from the hand.
    """

    time: int
    kind: Literal["move", "press", "release", "scroll"]
    x: int
    y: int
    button: Button | None = None
    notches: int = 0
    focused: bool = False


class InputRecord:
    """Turns input into events of one session.

    A press and its release are recorded both or not at all: what is still held when the focus goes
    is released then. Moves are thinned to MOVES_A_SECOND; each click has its own place.
    """

    def __init__(self, began: int, keys: frozenset[str] | None, hot_keys: Collection[str]) -> None:
        """For a session that begins at a time of the inputs' clock.

        Args:
            keys: names of those that are recorded; None for all.
            hot_keys: those that never are.
        """
        self._began, self._keys, self._hot_keys = began, keys, hot_keys
        self._held_keys: dict[str, None] = {}
        self._held_buttons: dict[Button, tuple[int, int]] = {}
        self._moved: PointerInput | None = None
        self._last_move = -(10**9)
        self._last_times: dict[type[Event], int] = {}

    def key(self, given: KeyInput) -> Iterator[TimedEvent]:
        """What a key becomes: at most one event."""
        if given.key in self._hot_keys or given.time < self._began:
            return
        if not given.pressed:
            if given.key in self._held_keys:
                del self._held_keys[given.key]
                yield self._key_event(given.time, given.key, "release")
        elif given.focused and self._is_named(given.key) and given.key not in self._held_keys:
            self._held_keys[given.key] = None
            yield self._key_event(given.time, given.key, "press")

    def pointer(self, given: PointerInput, area: Area, look: Look | None) -> Iterator[TimedEvent]:
        """What the mouse's input becomes.

        Args:
            area: where the game is on the desktop.
            look: the detector's newest.
        """
        if given.time < self._began:
            return
        if given.kind == "move":
            if given.focused and area.holds(given.x, given.y):
                self._moved = given
                yield from self.due_move(given.time, area)
            return
        inside = given.focused and area.holds(given.x, given.y)
        if given.kind == "release":
            if given.button is None or self._held_buttons.pop(given.button, None) is None:
                return
        elif not inside or (given.kind == "press" and given.button is None):
            return
        yield from self._pending_move(area)
        x, y = _within(given.x - area.left, given.y - area.top, area)
        if given.kind == "press" and given.button is not None:
            if given.button in self._held_buttons:
                # Its release was missed.
                yield self._release(given.time, given.button, self._held_buttons[given.button])
            self._held_buttons[given.button] = (x, y)
        aim = look.aim(x, y) if look is not None and given.kind != "scroll" else None
        notches = min(max(given.notches, -MOST_NOTCHES), MOST_NOTCHES)
        event = MouseEvent(
            actor=PERSON,
            kind=given.kind,
            button=given.button,
            x=x,
            y=y,
            notches=notches if given.kind == "scroll" else None,
            entity=aim.entity if aim else None,
            map_x=aim.x if aim else None,
            map_y=aim.y if aim else None,
        )
        yield self._timed(given.time, event)

    def due_move(self, now: int, area: Area) -> Iterator[TimedEvent]:
        """The newest move, once the one before is long enough ago."""
        if self._moved is not None and now - self._last_move >= 10**9 // MOVES_A_SECOND:
            yield from self._pending_move(area)

    def release_all(self, now: int) -> Iterator[TimedEvent]:
        """Let go of what is held, as when the focus goes or the session ends."""
        for key in self._held_keys:
            yield self._key_event(now, key, "release")
        for button, place in self._held_buttons.items():
            yield self._release(now, button, place)
        self._held_keys.clear()
        self._held_buttons.clear()
        self._moved = None

    def _pending_move(self, area: Area) -> Iterator[TimedEvent]:
        if self._moved is not None:
            moved, self._moved = self._moved, None
            self._last_move = moved.time
            x, y = _within(moved.x - area.left, moved.y - area.top, area)
            yield self._timed(moved.time, MouseEvent(actor=PERSON, kind="move", x=x, y=y))

    def _release(self, time: int, button: Button, place: tuple[int, int]) -> TimedEvent:
        x, y = place
        return self._timed(time, MouseEvent(actor=PERSON, kind="release", button=button, x=x, y=y))

    def _key_event(self, time: int, key: str, kind: Literal["press", "release"]) -> TimedEvent:
        return self._timed(time, KeyEvent(actor=PERSON, kind=kind, key=key))

    def _timed(self, time: int, event: Event) -> TimedEvent:
        """Never before the last one of its kind: that a focus has gone is noticed in between."""
        time = max(self._last_times.get(type(event), 0), time - self._began)
        self._last_times[type(event)] = time
        return TimedEvent(time, event)

    def _is_named(self, key: str) -> bool:
        return self._keys is None or key in self._keys


def _within(x: int, y: int, area: Area) -> tuple[int, int]:
    return min(max(x, 0), area.width - 1), min(max(y, 0), area.height - 1)
