"""What the page shows, and what it has sent: between the game, its renderer and the server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.play.interactive.inputs import PersonInput

Phase = Literal["waiting", "playing", "paused", "over"]
MOST_WAITING = 256
"""Inputs that wait for their tick; what comes then is dropped."""
AWAY_SECONDS = 1.5
"""After which a page that asks for nothing is taken for closed."""


@dataclass(frozen=True)
class PlayStatus:
    """What the page says beside the image.

    Attributes:
        phase: waiting for the person to start the game; playing; paused, because nobody looks; all
            games are over.
        game, games: which it is, and how many there are.
        seconds: of play.
        score, stock: the person's.
        outcome: of the game before, in words.
    """

    phase: Phase
    game: int
    games: int
    opponent: str
    seconds: float = 0.0
    score: int = 0
    stock: int = 0
    outcome: str = ""


@dataclass(frozen=True)
class ShownImage:
    """An image of the game; `number` rises with every one, and with every other status."""

    number: int
    jpeg: bytes
    status: PlayStatus


class PlayScreen:
    """For several threads."""

    def __init__(self, status: PlayStatus) -> None:
        self._changed = threading.Condition()
        self._shown = ShownImage(0, b"", status)
        self._inputs: deque[PersonInput] = deque()
        self._asked_at = float("-inf")

    def show(self, jpeg: bytes | None = None, **changes: Any) -> None:
        """Show another image, or change some of the status, or both."""
        with self._changed:
            before = self._shown
            status = replace(before.status, **changes)
            self._shown = ShownImage(before.number + 1, jpeg or before.jpeg, status)
            self._changed.notify_all()

    def wait(self, after: int, seconds: float) -> ShownImage:
        """What is shown once that is newer than a number, or after so many seconds."""
        with self._changed:
            self._asked_at = time.monotonic()
            self._changed.wait_for(lambda: self._shown.number > after, seconds)
            self._asked_at = time.monotonic()
            return self._shown

    def put(self, inputs: Sequence[PersonInput]) -> None:
        """Have inputs wait for the game."""
        with self._changed:
            free = MOST_WAITING - len(self._inputs)
            self._inputs.extend(inputs[:free])

    def take(self) -> list[PersonInput]:
        """Inputs of a tick: the last movement up to a press, key or start, and that."""
        taken: list[PersonInput] = []
        with self._changed:
            while self._inputs and not (taken and taken[-1].kind != "move"):
                given = self._inputs.popleft()
                if given.kind == "move":
                    taken.clear()
                taken.append(given)
        return taken

    @property
    def is_watched(self) -> bool:
        """Whether the page asks for images."""
        with self._changed:
            return time.monotonic() - self._asked_at < AWAY_SECONDS
