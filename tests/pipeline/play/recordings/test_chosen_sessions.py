"""Sessions to learn from are chosen by name, by player and by quality; the others are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles.sessions import session_info, some_events

from pipeline.play.recordings.chosen_sessions import (
    SessionChoice,
    TooFewSessionsError,
    choose_sessions,
    read_play,
    require_enough,
)
from pipeline.play.recordings.events import OutcomeEvent, RecordingError, ScoresEvent
from pipeline.play.recordings.quality import SessionQuality
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.writer import SessionWriter


def quality(opening: str, **changes: object) -> SessionQuality:
    values = {
        "seconds": 60.0,
        "damage": None,
        "outcome": 1,
        "channels": {},
        "goals": {},
        "outcomes": {},
        "actors": {},
        "deeds": 99,
        "opening": opening,
    }
    return SessionQuality.model_validate({**values, **changes})


FOUND = {
    "a": quality("1"),
    "b": quality("2", deeds=0),
    "c": quality("1"),
    "d": quality("4"),
    "e": quality("2"),
}


def test_copies_and_bad_sessions_are_left_out_and_named() -> None:
    chosen = choose_sessions(FOUND)
    assert chosen.names == ("a", "d", "e")
    assert chosen.left_out == {"b": "the player does 0 things in 60 s", "c": "a copy of a"}
    # One that is left out is no reason to leave out its copy.
    assert choose_sessions(FOUND, SessionChoice(left_out=("a",))).names == ("c", "d", "e")
    assert choose_sessions(FOUND, SessionChoice(with_problems=True)).names == ("a", "b", "d")


def test_sessions_can_be_named() -> None:
    chosen = choose_sessions(FOUND, SessionChoice(sessions=("d", "a", "b")))
    assert chosen.names == ("a", "d")
    assert {*chosen.left_out} == {"b"}
    with pytest.raises(RecordingError, match="no recorded session f, g"):
        choose_sessions(FOUND, SessionChoice(sessions=("g", "a"), left_out=("f",)))


def test_too_few_and_too_many_are_told_apart() -> None:
    require_enough(("a", "b"))
    with pytest.raises(TooFewSessionsError, match="1 recorded sessions are too few"):
        require_enough(("a",))
    with pytest.raises(RecordingError, match="2001 recorded sessions are too many"):
        require_enough(("a",) * 2001)


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_play_has_a_return_where_it_was_played_to_its_end(
    tmp_path: Path, has_ended: bool
) -> None:
    with SessionWriter(tmp_path, session_info()) as writer:
        for time, event in some_events():
            writer.write(time, event)
        end = 39 * 50_000_000
        writer.write(end, ScoresEvent(scores=[250, 50]))
        if has_ended:
            writer.write(end, OutcomeEvent(kind="end", amount=-1))
        writer.finish()
    folder = tmp_path / "artifact"
    folder.mkdir()
    recorded = RecordedSession.write(folder, open_session(tmp_path / "one.mcap"))
    shown, play = read_play("renamed", recorded, SessionChoice(players=("scripted_l3",)))
    assert (play.name, play.player, play.opponent) == ("renamed", "scripted_l3", "random")
    assert shown.name == "renamed"
    assert len(shown) == 39
    assert play.returns == (1.0 if has_ended else None)
    with pytest.raises(RecordingError, match="scripted_l3 has played"):
        read_play("renamed", recorded, SessionChoice(players=("person",)))
