"""What is missing for a recording is one clear error, before anything is opened."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from resources.desktop import listeners
from resources.desktop.requirements import DesktopError, require_desktop
from resources.desktop.windows import FocusGate

X11 = {"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}


@pytest.mark.parametrize("missing", ["mss", "pynput"])
def test_a_missing_library_names_the_extra(monkeypatch, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    with pytest.raises(DesktopError, match=missing) as raised:
        require_desktop(X11, "linux")
    assert "uv sync --extra record" in raised.value.fix


@pytest.mark.parametrize(
    ("environment", "platform", "told"),
    [
        ({}, "linux", "no display"),
        ({"DISPLAY": ""}, "linux", "no display"),
        ({**X11, "WAYLAND_DISPLAY": "wayland-0"}, "linux", "Wayland"),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, "linux", "Wayland"),
        (X11, "darwin", "darwin"),
    ],
)
def test_where_nothing_can_be_recorded_it_says_why(environment, platform, told):
    with pytest.raises(DesktopError, match=told):
        require_desktop(environment, platform)


def test_x11_and_windows_can_be_recorded():
    require_desktop(X11, "linux")
    require_desktop({}, "win32")


@pytest.mark.skipif(sys.platform == "win32", reason="there is a display")
def test_a_display_that_does_not_answer_is_a_clear_error(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":9999")
    from resources.desktop.x11 import X11Window

    with pytest.raises(DesktopError, match="cannot be opened"):
        X11Window("game")


class Key:
    """As pynput gives it."""

    def __init__(self, vk: int | None, char: str | None = None, name: str | None = None) -> None:
        self.vk, self.char = vk, char
        if name is not None:
            self.name = name


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (Key(None, name="space"), "space"),
        (Key(None, name="ctrl_l"), "ctrl_l"),
        (Key(65, "a"), "a"),
        (Key(49, "!"), "1"),
        (Key(None, "A"), "a"),
        (Key(0xE4, "ä"), "code_228"),
        (Key(0x1008FF11), "code_269025041"),
        (Key(None), "code_0"),
    ],
)
def test_a_key_has_one_name_whatever_it_gives(key, name):
    assert listeners.key_name(key, lambda symbol: symbol) == name


def test_the_focus_counts_once_it_was_seen_twice():
    class Window:
        active = False

        def is_active(self) -> bool:
            return self.active

    window = Window()
    gate = FocusGate(window)
    assert not gate.poll()
    window.active = True
    # Typed into another window, just before the game took its place.
    assert not gate.poll()
    assert gate.poll()
    window.active = False
    assert not gate.poll()
