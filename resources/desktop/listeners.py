"""Mouse and keys by pynput.

What it calls notes what happened, and does no more: on Windows the input waits for that.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Literal, Self, get_args

from pipeline.play.desktop.inputs import Button, KeyInput, PointerInput
from resources.desktop.requirements import DesktopError
from resources.desktop.windows import FocusGate

Heard = Callable[[KeyInput | PointerInput], None]
BUTTONS: tuple[Button, ...] = get_args(Button)
SECONDS_TO_BEGIN, SECONDS_TO_END = 10.0, 2.0


class InputListeners:
    """Listens in a `with` block, in threads of their own.

    Attributes:
        slowest: nanoseconds that noting one input took at most.
    """

    def __init__(self, heard: Heard, gate: FocusGate) -> None:
        self.slowest = 0
        self._heard, self._gate = heard, gate
        self._open = ExitStack()
        self._listeners: tuple[Any, ...] = ()
        self._plain: Callable[[int], int] = lambda symbol: symbol

    def __enter__(self) -> Self:
        try:
            # Not above: on Linux pynput opens the display where it is imported.
            from pynput import keyboard, mouse
        except ImportError as error:
            raise DesktopError(
                f"Mouse and keys of this desktop cannot be read: {error}",
                "Run the command in a terminal on the desktop where the game is.",
            ) from error
        with ExitStack() as opening:
            control = None if sys.platform == "win32" else self._read_layout(opening)
            keys = keyboard.Listener(on_press=self._pressed, on_release=self._released)
            pointer = mouse.Listener(
                on_move=self._moved, on_click=self._clicked, on_scroll=self._scrolled
            )
            for listener in (keys, pointer):
                listener.start()
                opening.callback(_stop, listener, control)
                _await(listener)
            self._listeners = keys, pointer
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def require_listening(self) -> None:
        """See that nothing has ended that listens.

        Raises:
            DesktopError: something has, as where the display is gone.
        """
        if not all(listener.is_alive() for listener in self._listeners):
            raise DesktopError(
                "Mouse and keys of this desktop cannot be read any more.",
                "See that the desktop is still there. What was recorded stays; "
                "`outpost play recover` finishes it.",
            )

    def _read_layout(self, opening: ExitStack) -> Any:
        """Know what keys give without Shift; returns a connection that nothing else uses."""
        from resources.desktop.x11 import close_display, open_display, plain_symbol

        display, layout = open_display(), open_display()
        for connection in (display, layout):
            opening.callback(close_display, connection)
            # What is not there any more has ended, which is what was wanted.
            connection.set_error_handler(lambda *_: None)
        self._plain = lambda symbol: plain_symbol(layout, symbol)
        return display

    def _pressed(self, key: Any) -> None:
        self._key(key, True)

    def _released(self, key: Any) -> None:
        self._key(key, False)

    def _key(self, key: Any, pressed: bool) -> None:
        now = time.perf_counter_ns()
        if key is not None:
            name = key_name(key, self._plain)
            self._note(KeyInput(now, name, pressed, self._gate.poll()))

    def _moved(self, x: int, y: int) -> None:
        self._note(PointerInput(time.perf_counter_ns(), "move", int(x), int(y)))

    def _clicked(self, x: int, y: int, button: Any, pressed: bool) -> None:
        now = time.perf_counter_ns()
        kind: Literal["press", "release"] = "press" if pressed else "release"
        known = next((name for name in BUTTONS if name == button.name), None)
        self._note(PointerInput(now, kind, int(x), int(y), known, 0, self._gate.poll()))

    def _scrolled(self, x: int, y: int, _dx: int, dy: int) -> None:
        now = time.perf_counter_ns()
        if dy:
            at = int(x), int(y)
            self._note(PointerInput(now, "scroll", *at, None, int(dy), self._gate.poll()))

    def _note(self, given: KeyInput | PointerInput) -> None:
        self._heard(given)
        self.slowest = max(self.slowest, time.perf_counter_ns() - given.time)


def key_name(key: Any, plain: Callable[[int], int]) -> str:
    """A key's own name, whatever is held beside it: 'a', '1', 'space', 'f1', or 'code_' and number.

    Args:
        key: of pynput.
        plain: the symbol that a key gives without Shift, by one that it may give.
    """
    name = getattr(key, "name", None)
    if name is not None:
        return str(name)
    code = key.vk
    if code is None:
        code = ord(key.char[0]) if key.char else 0
    code = plain(code)
    # Letters and digits have these numbers as symbols of X11 and as keys of Windows.
    if 0 < code < 128 and chr(code).isalnum():
        return chr(code).lower()
    return f"code_{code}"


def _await(listener: Any) -> None:
    """Until it listens. pynput's own `wait` would wait for ever for one that has failed."""
    begun = time.monotonic()
    while not listener._ready:
        if not listener.is_alive() or time.monotonic() - begun > SECONDS_TO_BEGIN:
            raise DesktopError(
                "Mouse and keys of this desktop cannot be read: the listener has ended.",
                "See that the display has the extension RECORD (`xdpyinfo`).",
            )
        time.sleep(0.005)


def _stop(listener: Any, control: Any) -> None:
    """End a listener; of X11 over a connection that is not its own."""
    if control is None:
        listener.stop()
    else:
        from resources.desktop.x11 import end_listener

        end_listener(listener, control)
    # Its own `join` raises what has gone wrong in it, which `require_listening` tells earlier.
    threading.Thread.join(listener, SECONDS_TO_END)
