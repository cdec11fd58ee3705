"""Steam's libraries: on other disks, in other letter case, listed in either form."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.games.steam import (
    STEAM_ROOTS,
    in_steam_apps,
    library_paths,
    local_path,
    steam_libraries,
)

NEW = """
"libraryfolders"
{
\t"0"
\t{
\t\t"path"\t\t"C:\\\\Program Files (x86)\\\\Steam"
\t\t"label"\t\t""
\t\t"contentid"\t\t"42"
\t\t"apps"
\t\t{
\t\t\t"813780"\t\t"30000000000"
\t\t\t"path"\t\t"no library"
\t\t}
\t}
\t"1"
\t{
\t\t"path"\t\t"E:\\\\SteamLibrary"
\t}
}
"""
OLD = """
"LibraryFolders" // before 2021
{
\t"TimeNextStatsReport"\t\t"1600000000"
\t"ContentStatsID"\t\t"-42"
\t"1"\t\t"D:\\\\Games\\\\Steam"
\t"2"\t\t"/mnt/disk/SteamLibrary" [$LINUX]
}
"""


def written(*paths: Path | str) -> str:
    blocks = (f'"{n}" {{ "path" "{escaped(str(path))}" }}' for n, path in enumerate(paths))
    return '"libraryfolders" { ' + " ".join(blocks) + " }"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def test_the_present_form_has_a_block_for_each() -> None:
    assert library_paths(NEW) == ("C:\\Program Files (x86)\\Steam", "E:\\SteamLibrary")


def test_in_the_older_form_a_number_stands_for_a_path() -> None:
    assert library_paths(OLD) == ("D:\\Games\\Steam", "/mnt/disk/SteamLibrary")


def test_single_backslashes_as_people_write_them_are_kept() -> None:
    assert library_paths('"libraryfolders" { "1" "D:\\Games" }') == ("D:\\Games",)


@given(st.lists(st.text(min_size=1), unique=True))
def test_any_path_is_read_as_it_was_written(paths: list[str]) -> None:
    assert library_paths(written(*paths)) == tuple(paths)


@given(st.text(alphabet='"{}\\/[] 01path\n', max_size=60))
def test_damaged_lists_are_read_as_far_as_they_go(text: str) -> None:
    assert all(isinstance(path, str) for path in library_paths(text))


def test_libraries_are_found_through_either_list_in_any_letter_case(tmp_path: Path) -> None:
    steam = tmp_path / "Steam"
    one, two = tmp_path / "disk/One", tmp_path / "disk/Two"
    for folder in (steam / "SteamApps", steam / "config", one / "SteamApps/Common/Town", two):
        folder.mkdir(parents=True)
    (steam / "SteamApps/libraryfolders.vdf").write_text(written(steam, one), "utf-8")
    (steam / "config/libraryfolders.vdf").write_text(written(one, two), "utf-8")
    found = steam_libraries([str(steam)])
    assert found.there == (steam, one, two)
    assert found.missing == ()
    town = in_steam_apps(one, "common", "town")
    assert town.is_dir()
    assert town.samefile(one / "SteamApps/Common/Town")


def test_a_library_that_is_not_connected_is_named(tmp_path: Path) -> None:
    (tmp_path / "steamapps").mkdir()
    gone = tmp_path / "unplugged"
    (tmp_path / "steamapps/libraryfolders.vdf").write_text(written(tmp_path, gone), "utf-8")
    assert steam_libraries([str(tmp_path)]).missing == (str(gone),)


def test_roots_may_hold_globs(tmp_path: Path) -> None:
    for name in ("b/SteamLibrary", "a/SteamLibrary"):
        (tmp_path / name).mkdir(parents=True)
    found = steam_libraries([str(tmp_path / "*" / "SteamLibrary")]).there
    assert found == (tmp_path / "a/SteamLibrary", tmp_path / "b/SteamLibrary")


def test_a_list_that_is_no_file_or_far_too_large_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "steamapps/libraryfolders.vdf").mkdir(parents=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/libraryfolders.vdf").write_text(written("/x") + " " * (1 << 20), "utf-8")
    assert steam_libraries([str(tmp_path)]).missing == ()


@pytest.mark.skipif(sys.platform == "win32", reason="drives are drives there")
def test_a_drive_is_where_wsl_mounts_it() -> None:
    assert local_path("D:\\Games\\Steam") == Path("/mnt/d/Games/Steam")
    assert local_path("/home/u/Steam") == Path("/home/u/Steam")


def test_every_system_has_usual_places() -> None:
    assert set(STEAM_ROOTS) == {"win32", "darwin", "linux"}
    assert "E:/SteamLibrary" in STEAM_ROOTS["win32"]
    assert any("com.valvesoftware.Steam" in root for root in STEAM_ROOTS["linux"])
    assert any("snap" in root for root in STEAM_ROOTS["linux"])
