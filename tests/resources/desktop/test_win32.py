"""Windows of Windows, by a library of the same functions."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from pipeline.play.desktop.inputs import Area
from resources.desktop.requirements import DesktopError
from resources.desktop.win32 import Win32Window


class User32:
    """As Microsoft documents it, of the windows that it is given: titles from the top."""

    def __init__(self, *titles: str) -> None:
        self.windows = {
            100 + number: SimpleNamespace(title=title, visible=True, minimized=False)
            for number, title in enumerate(titles)
        }
        self.foreground: int | None = None

    def GetTopWindow(self, parent):
        assert parent is None
        return next(iter(self.windows), None)

    def GetWindow(self, handle, command):
        assert command == 2
        later = [number for number in self.windows if number > handle.value]
        return min(later, default=None)

    def IsWindowVisible(self, handle):
        return int(self.windows[handle.value].visible)

    def GetWindowTextLengthW(self, handle):
        return len(self.windows[handle.value].title)

    def GetWindowTextW(self, handle, text, size):
        text.value = self.windows[handle.value].title[: size - 1]
        return len(text.value)

    def GetForegroundWindow(self):
        return self.foreground

    def IsWindow(self, handle):
        return int(handle.value in self.windows)

    def GetClientRect(self, handle, rectangle):
        if not self.windows[handle.value].minimized:
            rectangle._obj.right, rectangle._obj.bottom = 1920, 1080
        return 1

    def ClientToScreen(self, handle, point):
        assert isinstance(point._obj, ctypes.Structure)
        point._obj.x += 8
        point._obj.y += 31
        return 1


def test_a_window_is_found_by_a_part_of_its_title():
    library = User32("Notes", "Age of Empires II", "Ærø – kort")
    window = Win32Window(library, "age of")
    library.foreground = 100
    assert not window.is_active()
    library.foreground = 101
    assert window.is_active()
    assert window.area() == Area(8, 31, 1920, 1080)
    assert Win32Window(library, "ærø").is_active() is False


def test_what_is_not_shown_is_not_found():
    library = User32("Age of Empires II")
    library.windows[100].visible = False
    with pytest.raises(DesktopError, match="No window"):
        Win32Window(library, "age")


def test_a_window_that_is_minimized_has_no_size_and_one_that_is_gone_is_nowhere():
    library = User32("A game")
    window = Win32Window(library, "game")
    library.windows[100].minimized = True
    assert window.area().size == (0, 0)
    library.windows.clear()
    assert window.area() is None
    assert not window.is_active()
