"""Names of a game's files: their own, or with the folders that a pack looks through."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.games.files import (
    FoundFile,
    Overlay,
    files_in,
    find_file,
    first_folder,
    has_suffix,
    is_there,
    list_files,
    path_in,
    without_suffix,
)


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


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def ignores_case(folder: Path) -> bool:
    """Whether the file system takes names that differ in letter case for one."""
    return (put(folder, "case") / "CASE").exists()


class TestLetterCase:
    def test_folders_are_found_in_any(self, tmp_path: Path) -> None:
        game = put(tmp_path, "Data/Units/Elves/b.png")
        names = files_in(game, Place(subfolders=["units"]))
        assert [name.casefold() for name in names] == ["units/elves/b.png"]
        assert is_there(game, Place(subfolders=["units"]))
        assert path_in(game, "data/nowhere/x") == game / "data/nowhere/x"

    def test_folders_that_differ_in_nothing_else_are_one(self, tmp_path: Path) -> None:
        if ignores_case(tmp_path):
            pytest.skip("the file system takes both for one")
        put(tmp_path, "DATA/a.png", "DATA/b.png", "data/b.png")
        listing = list_files(tmp_path, Place())
        assert list(listing.found) == ["a.png", "b.png"]
        assert listing.alike == {tmp_path / "data/b.png": (tmp_path / "DATA/b.png",)}
        assert path_in(tmp_path, "data") == tmp_path / "data"

    def test_of_files_alike_the_one_in_small_letters_counts(self, tmp_path: Path) -> None:
        if ignores_case(tmp_path):
            pytest.skip("the file system takes them for one")
        put(tmp_path, "data/A.PNG", "data/a.png", "data/A.png", "data/B.png", "data/b.PNG")
        listing = list_files(tmp_path, Place())
        base = tmp_path / "data"
        assert list(listing.found) == ["B.png", "a.png"]
        assert listing.alike == {
            base / "a.png": (base / "A.PNG", base / "A.png"),
            base / "B.png": (base / "b.PNG",),
        }

    @given(st.text("aB.x_1", max_size=8), st.sampled_from([".png", "_x1.sld", ""]), st.data())
    def test_a_suffix_in_any_is_the_suffix(
        self, stem: str, suffix: str, data: st.DataObject
    ) -> None:
        written = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in suffix)
        assert has_suffix(stem + written, suffix)
        assert without_suffix(stem + written, suffix) == stem


class TestLinks:
    @pytest.fixture(autouse=True)
    def may_link(self, tmp_path: Path) -> None:
        try:
            (tmp_path / "link").symlink_to(tmp_path)
        except OSError:
            pytest.skip("no links may be made here")

    def test_linked_files_and_folders_are_followed(self, tmp_path: Path) -> None:
        put(tmp_path, "disk/b.png", "disk/units/c.png")
        data = tmp_path / "game/data"
        (data / "units").mkdir(parents=True)
        (data / "a.png").symlink_to(tmp_path / "disk/b.png")
        (data / "units/linked").symlink_to(tmp_path / "disk/units", target_is_directory=True)
        game = tmp_path / "game"
        assert list(files_in(game, Place())) == ["a.png"]
        assert list(files_in(game, Place(subfolders=["units"]))) == ["units/linked/c.png"]

    def test_a_folder_linked_within_itself_ends(self, tmp_path: Path) -> None:
        game = put(tmp_path, "data/units/a.png")
        (game / "data/units/again").symlink_to(game / "data/units", target_is_directory=True)
        assert list(files_in(game, Place(subfolders=["units"]))) == ["units/a.png"]

    def test_a_link_to_nothing_is_told(self, tmp_path: Path) -> None:
        game = put(tmp_path, "data/a.png")
        (game / "data/b.png").symlink_to(game / "gone")
        listing = list_files(game, Place())
        assert list(listing.found) == ["a.png"]
        assert listing.unreadable == {game / "data/b.png": "is a link to nothing"}


class TestOverlays:
    def test_the_first_that_has_a_file_replaces_the_games_own(self, tmp_path: Path) -> None:
        game = put(tmp_path / "game", "data/a.png", "data/b.png", "data/c.png")
        strong = put(tmp_path / "strong", "Data/A.PNG", "data/new.png")
        weak = put(tmp_path / "weak", "data/a.png", "data/b.png")
        overlays = [Overlay("strong", strong), Overlay("weak", weak)]
        found = list_files(game, Place(), overlays).found
        assert found == {
            "a.png": FoundFile(path_in(strong, "data/A.PNG"), game / "data/a.png", "strong"),
            "b.png": FoundFile(weak / "data/b.png", game / "data/b.png", "weak"),
            "c.png": FoundFile(game / "data/c.png", game / "data/c.png"),
        }

    def test_a_single_file_is_that_of_the_first_that_has_it(self, tmp_path: Path) -> None:
        game, mod = put(tmp_path / "game", "x/a.json"), put(tmp_path / "mod", "X/a.json")
        own = game / "x/a.json"
        assert find_file(game, "x/a.json") == FoundFile(own, own)
        there = [Overlay("none", tmp_path), Overlay("mod", mod)]
        assert find_file(game, "x/a.json", there) == FoundFile(mod / "X/a.json", own, "mod")
        assert find_file(game, "x/b.json", there) is None

    @given(
        st.lists(st.sets(st.sampled_from(["a.png", "b.png", "c.png", "d.png"])), max_size=4),
        st.sets(st.sampled_from(["a.png", "b.png", "c.png"])),
    )
    @settings(
        deadline=None,
        max_examples=25,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_names_stay_those_of_the_game(
        self, tmp_path_factory: pytest.TempPathFactory, mods: list[set[str]], own: set[str]
    ) -> None:
        root = tmp_path_factory.mktemp("game")
        game = put(root / "game", *(f"data/{name}" for name in own))
        overlays = [
            Overlay(str(n), put(root / str(n), *(f"data/{name}" for name in names)))
            for n, names in enumerate(mods)
        ]
        found = list_files(game, Place(), overlays).found
        assert list(found) == sorted(own)
        for name, each in found.items():
            first = next((str(n) for n, names in enumerate(mods) if name in names), "")
            assert each.overlay == first
