"""A display of its own, with windows and somebody's hands: Xvfb, openbox, XTEST."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GAME = Path(__file__).with_name("x11_game.py")
PATIENCE = 60.0


def is_installed() -> bool:
    return all(shutil.which(name) for name in ("Xvfb", "openbox"))


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something to be so."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.01)


@contextmanager
def virtual_display(*, managed: bool = True) -> Iterator[str]:
    """Yields the display's name; with a window manager or without one."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x900x24"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp", "-noreset"], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    manager = None
    try:
        name = f":{os.read(reading, 16).decode().strip()}"
        if managed:
            manager = subprocess.Popen(
                ["openbox"], env={**os.environ, "DISPLAY": name}, stderr=subprocess.DEVNULL
            )
            _await_manager(name)
        yield name
    finally:
        os.close(reading)
        for process in filter(None, (manager, server)):
            process.kill()
            process.wait()


def _await_manager(name: str) -> None:
    from Xlib import X
    from Xlib.display import Display

    display = Display(name)
    atom = display.intern_atom("_NET_SUPPORTING_WM_CHECK")
    until(lambda: display.screen().root.get_full_property(atom, X.AnyPropertyType))
    display.close()


class GameProcess:
    """A window of another process."""

    def __init__(self, display: str, title: str, left: int, top: int, width: int, height: int):
        self._process = subprocess.Popen(
            [sys.executable, str(GAME), title, *map(str, (left, top, width, height))],
            env={**os.environ, "DISPLAY": display},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def tell(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def next_line(self) -> str:
        """What it says next."""
        return self._process.stdout.readline().strip()

    def close(self) -> list[str]:
        """What was pressed in it."""
        said, _ = self._process.communicate("end\n", timeout=PATIENCE)
        return [line for line in said.splitlines() if line != "ready"]


@contextmanager
def game_window(display: str, title: str, *box: int) -> Iterator[GameProcess]:
    game = GameProcess(display, title, *box)
    try:
        yield game
    finally:
        if game._process.poll() is None:
            game._process.kill()
            game._process.wait()


class Hands:
    """Somebody at mouse and keyboard, by XTEST."""

    def __init__(self, display: str) -> None:
        from Xlib.display import Display

        self.display = Display(display)

    def key(self, name: str, pressed: bool) -> None:
        from Xlib import XK, X

        code = self.display.keysym_to_keycode(XK.string_to_keysym(name))
        self._give(X.KeyPress if pressed else X.KeyRelease, detail=code)

    def tap(self, *names: str) -> None:
        for name in names:
            self.key(name, True)
            self.key(name, False)

    def move(self, x: int, y: int) -> None:
        from Xlib import X

        self._give(X.MotionNotify, x=x, y=y)

    def button(self, number: int, pressed: bool) -> None:
        from Xlib import X

        self._give(X.ButtonPress if pressed else X.ButtonRelease, detail=number)

    def press(self, number: int) -> None:
        """A button, and at once."""
        from Xlib import X
        from Xlib.ext import xtest

        xtest.fake_input(self.display, X.ButtonPress, detail=number)
        self.display.sync()

    def click(self, x: int, y: int, number: int = 1) -> int:
        """Returns when it was, on `time.perf_counter_ns`."""
        self.move(x, y)
        now = time.perf_counter_ns()
        self.button(number, True)
        self.button(number, False)
        return now

    def focus(self, window: int, *, managed: bool = True) -> None:
        """Give a window the focus, as a window manager is asked to, or without one."""
        from Xlib import X
        from Xlib.protocol.event import ClientMessage

        target = self.display.create_resource_object("window", window)
        root = self.display.screen().root
        if managed:
            atom = self.display.intern_atom("_NET_ACTIVE_WINDOW")
            asked = ClientMessage(window=target, client_type=atom, data=(32, [2, 0, 0, 0, 0]))
            root.send_event(asked, X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        else:
            target.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
        self.display.sync()

    def _give(self, kind: int, **values: int) -> None:
        from Xlib.ext import xtest

        xtest.fake_input(self.display, kind, **values)
        self.display.sync()
        # A person is no faster, and what is recorded tells presses apart by their order anyway.
        time.sleep(0.005)
