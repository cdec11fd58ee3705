"""Which files of the screenshots folder are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resources.paths import Paths
from resources.screenshots import Screenshots


def test_links_that_lead_in_circles_and_what_is_no_image_are_passed_over(tmp_path: Path) -> None:
    for name in ("a/b/one.PNG", "two.jpg", "notes.txt", ".hidden.png", ".trash/x.png"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    found = Screenshots(paths=Paths.below(tmp_path), folder=str(tmp_path)).files("demo")
    assert [one.relative_to(tmp_path).as_posix() for one in found] == ["a/b/one.PNG", "two.jpg"]
    gone = Screenshots(paths=Paths.below(tmp_path), folder=str(tmp_path / "gone"))
    assert gone.files("demo") == ()


def test_a_folder_that_cannot_be_looked_into_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    plain = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    # Root, as which tests may run, is refused nothing.
    monkeypatch.setattr(os, "scandir", refuse)
    found = Screenshots(paths=Paths.below(tmp_path), folder=str(tmp_path)).files("demo")
    assert found == (closed,)
