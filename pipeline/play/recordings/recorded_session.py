"""One session as an artifact: the file as it was recorded, and what it is like."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.files import read_json, write_json
from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.quality import SessionQuality, quality_of
from pipeline.play.recordings.reader import SessionReader, open_session

SESSION_FILE = "session.mcap"
QUALITY_FILE = "quality.json"


@dataclass(frozen=True)
class RecordedSession:
    """The artifact of one partition of `play/recordings`.

    session.mcap   the session, byte for byte as it was recorded
    quality.json   its length, gaps, rates, goals, and a digest to find copies with

    `demonstration_of(recorded.session)` is what policies learn from.
    """

    folder: Path
    quality: SessionQuality

    @classmethod
    def open(cls, folder: Path) -> RecordedSession:
        """Read what the session is like; the session itself is read by `session`.

        Raises:
            RecordingError: the folder is not whole.
        """
        if not (folder / SESSION_FILE).is_file():
            raise _damaged(folder / SESSION_FILE, FileNotFoundError("there is no such file"))
        return cls(folder, read_json(folder / QUALITY_FILE, SessionQuality, _damaged))

    @classmethod
    def write(cls, folder: Path, session: SessionReader) -> RecordedSession:
        """Copy a session into an empty folder, and measure the copy: nobody replaces that.

        Raises:
            RecordingError: it has changed since it was opened.
        """
        shutil.copyfile(session.file, folder / SESSION_FILE)
        copy = open_session(folder / SESSION_FILE)
        if replace(copy, file=session.file) != session:
            raise RecordingError(
                f"{session.file} has changed since it was opened.", "Materialize it again."
            )
        quality = quality_of(copy)
        write_json(folder / QUALITY_FILE, quality.model_dump(mode="json"))
        return cls(folder, quality)

    @property
    def session(self) -> SessionReader:
        """The session, read once.

        Raises:
            RecordingError: it is not as it was when it was measured.
        """
        file = self.folder / SESSION_FILE
        try:
            session = open_session(file)
        except RecordingError as error:
            raise _damaged(file, error) from error
        if (session.damage, session.seconds) != (self.quality.damage, self.quality.seconds):
            raise _damaged(file, ValueError(session.damage or "it is another session"))
        return session


def _damaged(file: Path, why: Exception) -> RecordingError:
    return RecordingError(
        f"{file} holds no recorded session: {getattr(why, 'problem', why)}",
        "Materialize play/recordings again.",
    )
