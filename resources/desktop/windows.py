"""The part of a desktop that is recorded: a game's window, or the whole screen."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Protocol, TypeVar

from pipeline.play.desktop.inputs import Area
from resources.desktop.requirements import DesktopError

MOST_TITLES = 12
Handle = TypeVar("Handle")


class RecordedWindow(Protocol):
    """What is recorded; several threads may ask."""

    def is_active(self) -> bool:
        """Whether what is typed goes there now; False where it is gone or that is not known."""

    def area(self) -> Area | None:
        """Where it is on the desktop, of no size where it is hidden; None where it is gone."""

    def close(self) -> None:
        """Ask nothing more."""


class WholeScreen:
    """The first screen with all that is on it; nobody can know what goes to the game."""

    def __init__(self) -> None:
        from mss import MSS

        with MSS() as screen:
            first = screen.primary_monitor
        self._area = Area(first["left"], first["top"], first["width"], first["height"])

    def is_active(self) -> bool:
        return True

    def area(self) -> Area | None:
        return self._area

    def close(self) -> None:
        pass


class FocusGate:
    """Says of an input whether the window had the focus when it was given.

    Inputs are heard of a moment after they were given: one that went to another window, which the
    game has just replaced, would pass as the game's. So the focus must have been there at the
    question before, too; `poll` asks often.
    """

    def __init__(self, window: RecordedWindow) -> None:
        self._window, self._before, self._mutex = window, False, threading.Lock()

    def poll(self) -> bool:
        """Whether the focus is there now, and was before."""
        with self._mutex:
            now = self._window.is_active()
            before, self._before = self._before, now
            return now and before


def open_window(title: str | None) -> RecordedWindow:
    """A window by a part of its title, whatever the case of its letters; None: the whole screen.

    Raises:
        DesktopError: no window has such a title, several have, or the display cannot be opened.
    """
    if title is None:
        return WholeScreen()
    if sys.platform == "win32":
        from resources.desktop.win32 import Win32Window, user32

        return Win32Window(user32(), title)
    from resources.desktop.x11 import X11Window

    return X11Window(title)


def chosen_window(titles: Mapping[Handle, str], wanted: str) -> Handle:
    """The window whose title has a part, or is it.

    Raises:
        DesktopError: none or several.
    """
    folded = wanted.casefold()
    exact = [window for window, title in titles.items() if title.casefold() == folded]
    found = exact or [window for window, title in titles.items() if folded in title.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"'{titles[window]}'" for window in found[:MOST_TITLES])
        raise DesktopError(
            f"Several windows have '{wanted}' in their titles: {several}",
            "Name more of the title, or close the others.",
        )
    known = sorted(filter(None, set(titles.values())))[:MOST_TITLES]
    raise DesktopError(
        f"No window has '{wanted}' in its title.",
        "Start the game first. Open now: " + (", ".join(f"'{one}'" for one in known) or "none"),
    )
