"""No sequence of hot keys loses a session that nobody has discarded."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.desktop.hot_keys import Command, HotKey, HotKeys, Phase, command_of

NEXT = {
    Command.START: Phase.RECORDING,
    Command.STOP: Phase.STOPPED,
    Command.SAVE: Phase.IDLE,
    Command.SAVE_AND_START: Phase.RECORDING,
    Command.DISCARD: Phase.IDLE,
}


@given(st.lists(st.sampled_from(HotKey)))
def test_every_session_is_saved_discarded_or_still_there(keys):
    phase, begun, saved, discarded = Phase.IDLE, 0, 0, 0
    for key in keys:
        command = command_of(phase, key)
        if command is None:
            continue
        assert (command is Command.DISCARD) == (key is HotKey.DISCARD)
        begun += command in (Command.START, Command.SAVE_AND_START)
        saved += command in (Command.SAVE, Command.SAVE_AND_START)
        discarded += command is Command.DISCARD
        phase = NEXT[command]
    assert begun == saved + discarded + (phase is not Phase.IDLE)
    assert discarded <= keys.count(HotKey.DISCARD)


def test_every_use_has_its_key():
    assert list(HotKeys().names) == ["f5", "f6", "f7"]
    assert set(HotKeys("f9", "home", "end").names.values()) == set(HotKey)


def test_without_a_session_there_is_nothing_to_save_or_discard():
    assert command_of(Phase.IDLE, HotKey.SAVE) is None
    assert command_of(Phase.IDLE, HotKey.DISCARD) is None
    assert command_of(Phase.IDLE, HotKey.START_OR_STOP) is Command.START
