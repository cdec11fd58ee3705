"""Names of a game's files: their own, or with the folders that a pack looks through."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.games.files import files_in, first_folder, is_there


@dataclass(frozen=True)
class Place:
    folder: str = "data"
    subfolders: list[str] = field(default_factory=list)


@pytest.fixture
def game(tmp_path: Path) -> Path:
    for name in ("data/a.png", "data/units/elves/b.png", "data/units/c.png", "data/other/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_without_subfolders_only_the_folder_itself_counts(game: Path) -> None:
    assert list(files_in(game, Place())) == ["a.png"]


def test_with_subfolders_names_begin_with_their_path(game: Path) -> None:
    names = files_in(game, Place(subfolders=["units"]))
    assert list(names) == ["units/c.png", "units/elves/b.png"]
    assert names["units/elves/b.png"] == game / "data/units/elves/b.png"


def test_a_folder_that_is_missing_holds_nothing(game: Path) -> None:
    assert files_in(game, Place(folder="nowhere")) == {}
    assert files_in(game, Place(subfolders=["nowhere"])) == {}


def test_a_place_is_there_when_all_its_folders_are(game: Path) -> None:
    assert is_there(game, Place(subfolders=["units", "other"]))
    assert not is_there(game, Place(subfolders=["units", "nowhere"]))
    assert not is_there(game, Place(folder="nowhere"))


def test_messages_name_the_first_folder() -> None:
    assert first_folder(Place(folder=".", subfolders=["data/units", "x"])) == "data/units"
    assert first_folder(Place(folder="a/b")) == "a/b"
