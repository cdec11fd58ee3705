"""A window that draws a game of rectangles: `python x11_game.py TITLE LEFT TOP WIDTH HEIGHT`.

All of it is larger in a larger window. It says 'ready' once it is shown, and 'key CODE' or
'button NUMBER X Y' for what is pressed in it. 'move LEFT TOP', 'size WIDTH HEIGHT', 'step PIXELS'
(of its units to the right) and 'end' are what it is told.
"""

from __future__ import annotations

import select
import sys

from Xlib import X, Xutil
from Xlib.display import Display

GROUND = 0x208020
UNITS = ((0xD02020, (80, 60, 32, 24)), (0x2020D0, (200, 100, 24, 32)))
"""Colours, and left, top, width, height in a window of WIDTH times HEIGHT."""
WIDTH, HEIGHT = 320, 180


class X11Game:
    def __init__(self, title: str, left: int, top: int, width: int, height: int) -> None:
        self.display = Display()
        screen = self.display.screen()
        self.window = screen.root.create_window(
            left, top, width, height, 0, screen.root_depth, X.InputOutput, X.CopyFromParent,
            background_pixel=GROUND,
            event_mask=X.ExposureMask | X.KeyPressMask | X.ButtonPressMask | X.StructureNotifyMask,
        )  # fmt: skip
        self.window.set_wm_name(title)
        self.window.set_wm_normal_hints(flags=Xutil.USPosition, x=left, y=top)
        self.context = self.window.create_gc()
        self.size, self.step = (width, height), 0
        self.window.map()
        self.display.flush()

    def draw(self) -> None:
        width, height = self.size
        self.window.clear_area(0, 0, width, height)
        for colour, (left, top, wide, high) in UNITS:
            self.context.change(foreground=colour)
            across, down = width / WIDTH, height / HEIGHT
            self.window.fill_rectangle(
                self.context, round(left * across) + self.step, round(top * down),
                round(wide * across), round(high * down),
            )  # fmt: skip
        self.display.flush()

    def take(self, event) -> None:
        if event.type == X.Expose and event.count == 0:
            self.draw()
            print("ready", flush=True)
        elif event.type == X.ConfigureNotify:
            self.size = event.width, event.height
        elif event.type == X.KeyPress:
            print("key", event.detail, flush=True)
        elif event.type == X.ButtonPress:
            print("button", event.detail, event.event_x, event.event_y, flush=True)

    def told(self, line: str) -> bool:
        match line.split():
            case ["move", left, top]:
                self.window.configure(x=int(left), y=int(top))
            case ["size", width, height]:
                self.window.configure(width=int(width), height=int(height))
            case ["step", pixels]:
                self.step = int(pixels)
                self.draw()
            case _:
                return False
        self.display.flush()
        return True

    def run(self) -> None:
        while True:
            while self.display.pending_events():
                self.take(self.display.next_event())
            readable, _, _ = select.select([self.display.fileno(), sys.stdin], [], [], 1.0)
            if sys.stdin in readable and not self.told(sys.stdin.readline()):
                return


if __name__ == "__main__":
    X11Game(sys.argv[1], *map(int, sys.argv[2:])).run()
