"""Windows of a Windows desktop, by its own library."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from pipeline.play.desktop.inputs import Area
from resources.desktop.windows import chosen_window

NEXT = 2
"""GW_HWNDNEXT of `GetWindow`."""
MOST_WINDOWS = 10_000
"""That are looked through: their order may change meanwhile."""
PER_MONITOR = 2
"""PROCESS_PER_MONITOR_DPI_AWARE."""
HANDLES = ("GetTopWindow", "GetWindow", "GetForegroundWindow")


def user32() -> Any:
    """The library of windows; coordinates are pixels, whatever the desktop's scaling."""
    if sys.platform == "win32":
        library = ctypes.WinDLL("user32")
        ctypes.WinDLL("shcore").SetProcessDpiAwareness(PER_MONITOR)
        for name in HANDLES:
            # As wide as a pointer, while ctypes takes every result for a C int.
            getattr(library, name).restype = wintypes.HWND
        return library
    raise OSError("there is no user32 on this system")


class Win32Window:
    """One window, by what `user32` tells of it."""

    def __init__(self, library: Any, title: str) -> None:
        """Find it by a part of its title.

        Raises:
            DesktopError: none or several have it.
        """
        self._library = library
        titles = {handle: self._title(handle) for handle in self._shown()}
        self._handle = chosen_window(titles, title)

    def is_active(self) -> bool:
        return bool(self._library.GetForegroundWindow() == self._handle)

    def area(self) -> Area | None:
        handle = wintypes.HWND(self._handle)
        if not self._library.IsWindow(handle):
            return None
        inner, corner = wintypes.RECT(), wintypes.POINT(0, 0)
        if not self._library.GetClientRect(handle, ctypes.byref(inner)):
            return None
        self._library.ClientToScreen(handle, ctypes.byref(corner))
        return Area(corner.x, corner.y, inner.right, inner.bottom)

    def close(self) -> None:
        pass

    def _shown(self) -> Iterator[int]:
        handle = self._library.GetTopWindow(None)
        for _ in range(MOST_WINDOWS):
            if not handle:
                return
            if self._library.IsWindowVisible(wintypes.HWND(handle)):
                yield handle
            handle = self._library.GetWindow(wintypes.HWND(handle), NEXT)

    def _title(self, handle: int) -> str:
        length = self._library.GetWindowTextLengthW(wintypes.HWND(handle))
        text = ctypes.create_unicode_buffer(length + 1)
        self._library.GetWindowTextW(wintypes.HWND(handle), text, length + 1)
        return text.value
