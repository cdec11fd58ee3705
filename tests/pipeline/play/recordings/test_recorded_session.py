"""A session as an artifact holds the file that was measured, also where that is being replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles.sessions import session_info, some_events

from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.writer import SessionWriter


def recorded(folder: Path, ticks: int) -> SessionReader:
    with SessionWriter(folder, session_info()) as writer:
        for time, event in some_events(ticks):
            writer.write(time, event)
        return open_session(writer.finish())


def test_a_session_is_copied_and_measured(tmp_path):
    session, folder = recorded(tmp_path, 40), tmp_path / "artifact"
    folder.mkdir()
    assert RecordedSession.write(folder, session) == RecordedSession.open(folder)
    assert RecordedSession.open(folder).session.counts == session.counts


@pytest.mark.parametrize("ticks", [20, 60])
def test_a_session_that_was_replaced_by_another_one_is_refused(tmp_path, ticks):
    session, folder = recorded(tmp_path / "old", 40), tmp_path / "artifact"
    folder.mkdir()
    recorded(tmp_path / "new", ticks).file.replace(session.file)
    with pytest.raises(RecordingError, match="has changed since"):
        RecordedSession.write(folder, session)
    assert [file.name for file in folder.iterdir()] == ["session.mcap"]
