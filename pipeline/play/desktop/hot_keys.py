"""Keys that begin, end, keep and discard a session while a game is played."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum


class HotKey(StrEnum):
    """Keys by their names; they are never recorded themselves."""

    START_OR_STOP = "f5"
    SAVE = "f6"
    DISCARD = "f7"


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
