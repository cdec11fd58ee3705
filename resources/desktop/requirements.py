"""What a desktop needs to be recorded: libraries that not everybody installs, and a display."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping

from pipeline.errors import OutpostError

LIBRARIES = ("mss", "pynput")


class DesktopError(OutpostError):
    """A desktop that cannot be recorded."""


def require_desktop(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> None:
    """See that a desktop can be recorded here, before anything is imported or opened.

    Raises:
        DesktopError: libraries are missing; there is no display, or one that lets nobody read
            screen and input; or it is another system than Linux and Windows.
    """
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise DesktopError(
            f"Recording a desktop needs {' and '.join(missing)}, which not everybody installs.",
            "Install the extra: `uv sync --extra record` in a checkout, else `pip install "
            "'outpost[record]'`.",
        )
    if platform == "win32":
        return
    if not platform.startswith("linux"):
        raise DesktopError(
            f"A desktop of this system ({platform}) cannot be recorded.",
            "Record on Linux with X11, or on Windows.",
        )
    if environment.get("WAYLAND_DISPLAY") or environment.get("XDG_SESSION_TYPE") == "wayland":
        raise DesktopError(
            "This is a Wayland session, in which no program may read the screen or the input of "
            "others.",
            "Log out and choose a session with X11 (Xorg) at the login, then record.",
        )
    if not environment.get("DISPLAY"):
        raise DesktopError(
            "There is no display: DISPLAY is not set.",
            "Run the command in a terminal on the desktop where the game is, not over SSH.",
        )
