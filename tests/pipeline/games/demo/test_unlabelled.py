"""Screenshots of the built-in game to choose from what is labelled next."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipeline.demo_game import unlabelled
from pipeline.demo_game.renderer import SESSIONS, UNLABELLED_SESSIONS
from pipeline.demo_game.unlabelled import (
    UnlabelledScreenshotsError,
    write_unlabelled_screenshots,
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames of one session: all of them take a quarter of a minute."""
    session = next(iter(UNLABELLED_SESSIONS))
    monkeypatch.setattr(unlabelled, "UNLABELLED_SESSIONS", {session: 2})


def test_they_are_drawn_once(tmp_path: Path) -> None:
    files = write_unlabelled_screenshots(tmp_path / "shots")
    assert [file.name for file in files] == ["coast_00.png", "coast_01.png"]
    with Image.open(files[0]) as image:
        assert image.size == (320, 256)
    before = [file.stat().st_mtime_ns for file in files]
    files[1].unlink()
    assert write_unlabelled_screenshots(tmp_path / "shots") == files
    assert files[0].stat().st_mtime_ns == before[0]
    assert sorted(file.name for file in (tmp_path / "shots").iterdir()) == [
        *("coast_00.png", "coast_01.png")
    ]


def test_no_session_is_a_labelled_one() -> None:
    labelled = {(session.name, session.seed) for session in SESSIONS}
    others = {(session.name, session.seed) for session in UNLABELLED_SESSIONS}
    assert not {name for name, _ in labelled} & {name for name, _ in others}
    assert not {seed for _, seed in labelled} & {seed for _, seed in others}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlabelledScreenshotsError, match="file"):
        write_unlabelled_screenshots(tmp_path / "file" / "below")
