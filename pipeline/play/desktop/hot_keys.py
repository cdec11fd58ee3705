"""Keys that begin, end, keep and discard a session while a game is played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class HotKey(Enum):
    """What a key is for."""

    START_OR_STOP = "starts and stops"
    SAVE = "saves"
    DISCARD = "discards"


@dataclass(frozen=True)
class HotKeys:
    """Keys by their names; they are never recorded themselves."""

    start: str = "f5"
    save: str = "f6"
    discard: str = "f7"

    @property
    def names(self) -> dict[str, HotKey]:
        """What each is for."""
        return {
            self.start: HotKey.START_OR_STOP,
            self.save: HotKey.SAVE,
            self.discard: HotKey.DISCARD,
        }


class Phase(Enum):
    """Of a recording."""

    IDLE = "no session"
    RECORDING = "a session is being recorded"
    STOPPED = "a session has ended, and is neither saved nor discarded"


class Command(Enum):
    """What is done with the session there is."""

    START = "begin one"
    STOP = "end it"
    SAVE = "end it and keep it"
    SAVE_AND_START = "keep it and begin another one"
    DISCARD = "end it and remove it"


_COMMANDS: Mapping[tuple[Phase, HotKey], Command] = {
    (Phase.IDLE, HotKey.START_OR_STOP): Command.START,
    (Phase.RECORDING, HotKey.START_OR_STOP): Command.STOP,
    (Phase.RECORDING, HotKey.SAVE): Command.SAVE,
    (Phase.RECORDING, HotKey.DISCARD): Command.DISCARD,
    # Nothing is lost that nobody has discarded.
    (Phase.STOPPED, HotKey.START_OR_STOP): Command.SAVE_AND_START,
    (Phase.STOPPED, HotKey.SAVE): Command.SAVE,
    (Phase.STOPPED, HotKey.DISCARD): Command.DISCARD,
}


def command_of(phase: Phase, key: HotKey) -> Command | None:
    """What a key asks for; None where there is nothing that it could be about."""
    return _COMMANDS.get((phase, key))
