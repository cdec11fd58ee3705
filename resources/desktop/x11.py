"""Windows of an X11 desktop, by python-xlib, which comes with pynput."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# Its displays are for several threads only if this comes first.
from Xlib import X, threaded  # noqa: F401
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError

from pipeline.play.desktop.inputs import Area
from resources.desktop.requirements import DesktopError
from resources.desktop.windows import chosen_window

GONE = (XError, ConnectionClosedError)
"""What python-xlib raises where a window, or the whole display, is not there any more."""
MOST_DEPTH = 3
"""Of windows in windows where no window manager lists them."""


class X11Window:
    """One window; the focus is what the window manager says, or the display itself without one."""

    def __init__(self, title: str) -> None:
        """Find it by a part of its title.

        Raises:
            DesktopError: none or several have it, or the display cannot be opened.
        """
        self._display = open_display()
        self._mutex = threading.Lock()
        self._root = self._display.screen().root
        self._active = self._display.intern_atom("_NET_ACTIVE_WINDOW")
        try:
            titles = {window.id: _title(self._display, window) for window in self._listed()}
            self._id = chosen_window(titles, title)
        except BaseException:
            self._display.close()
            raise
        self._window = self._display.create_resource_object("window", self._id)

    def is_active(self) -> bool:
        with self._mutex:
            try:
                return self._holds_focus()
            except GONE:
                return False

    def area(self) -> Area | None:
        with self._mutex:
            try:
                shape = self._window.get_geometry()
                place = self._root.translate_coords(self._window, 0, 0)
            except GONE:
                return None
        return Area(place.x, place.y, shape.width, shape.height)

    def close(self) -> None:
        with self._mutex, suppress(*GONE):
            self._display.close()

    def _listed(self) -> Iterator[Any]:
        """Windows of programs: those of the window manager, else all that are shown."""
        listed = self._root.get_full_property(
            self._display.intern_atom("_NET_CLIENT_LIST"), X.AnyPropertyType
        )
        if listed is not None:
            for number in listed.value:
                yield self._display.create_resource_object("window", number)
        else:
            yield from _shown_below(self._root, MOST_DEPTH)

    def _holds_focus(self) -> bool:
        stated = self._root.get_full_property(self._active, X.AnyPropertyType)
        if stated is not None:
            return bool(len(stated.value)) and int(stated.value[0]) == self._id
        focus = self._display.get_input_focus().focus
        # 0 and 1 stand for no window and for the one below the pointer.
        while hasattr(focus, "query_tree") and focus.id != self._root.id:
            if focus.id == self._id:
                return True
            focus = focus.query_tree().parent
        return False


def open_display() -> Display:
    """The display that the environment names.

    Raises:
        DesktopError: it does not answer, or refuses.
    """
    try:
        return Display()
    except (DisplayError, OSError) as error:
        raise DesktopError(
            f"The display cannot be opened: {error}",
            "Run the command in a terminal on the desktop where the game is, as the same user.",
        ) from error


def close_display(display: Display) -> None:
    """Close it, if it is still there."""
    with suppress(*GONE):
        display.close()


def end_listener(listener: Any, display: Display) -> None:
    """End a listener of pynput, if its display is still there.

    pynput 1.8.2 asks for the end over the connection that is busy listening, where the request
    waits for the next input. The extension RECORD wants it over another one.
    """
    with suppress(*GONE):
        listener.stop()
        display.record_disable_context(listener._context)
        display.sync()


def plain_symbol(display: Display, symbol: int) -> int:
    """What a key gives without Shift and its like, from what it gives with them."""
    code = display.keysym_to_keycode(symbol)
    return display.keycode_to_keysym(code, 0) if code else symbol


def _shown_below(window: Any, depth: int) -> Iterator[Any]:
    for child in window.query_tree().children if depth else ():
        try:
            if child.get_attributes().map_state == X.IsViewable:
                yield child
                yield from _shown_below(child, depth - 1)
        except XError:
            continue


def _title(display: Display, window: Any) -> str:
    try:
        stated = window.get_full_property(
            display.intern_atom("_NET_WM_NAME"), display.intern_atom("UTF8_STRING")
        )
        if stated is not None:
            return bytes(stated.value).decode(errors="replace")
        name = window.get_wm_name()
    except XError:
        return ""
    return name.decode(errors="replace") if isinstance(name, bytes) else name or ""
