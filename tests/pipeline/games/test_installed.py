from pathlib import Path

import pytest

from pipeline.games.index import GameFolderError
from pipeline.games.installed import (
    CoverageReport,
    check_installed,
    find_installed,
    usual_folders,
)
from pipeline.games.pack import GamePack

PACK = GamePack.model_validate(
    {
        "name": "town",
        "title": "Town",
        "classes": [
            {"id": 0, "name": "house", "group": "building"},
            {"id": 1, "name": "gate", "group": "building"},
            {"id": 2, "name": "farm", "group": "building", "has_sprites": False},
            {"id": 3, "name": "well", "group": "building"},
        ],
        "sprites": {
            "folder": "art/sprites",
            "suffix": "_x1.sld",
            "palette": "art/teams.json",
            "exclude": ["*_ruin"],
            "apart": {"expansion": ["new_*"]},
            "rules": [
                {"class_name": "house", "include": ["b_house_{west,east}"]},
                {"class_name": "gate", "include": ["b_gate"], "parts": ["<stem>_pillar"]},
            ],
        },
        "terrain": {
            "folder": "art/terrain",
            "land": [{"include": "g_gr*"}],
            "water": [{"include": "g_wt*"}],
            "exclude": ["o_*"],
        },
        "scenes": {"placements": [{"class_name": "house"}]},
    }
)


def installed(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def sprites(*stems: str) -> list[str]:
    return [f"art/sprites/{stem}_x1.sld" for stem in stems]


def states(report: CoverageReport) -> dict[str, str]:
    return {known.name: known.state for known in report.classes}


def test_each_class_is_complete_partial_missing_or_annotated(tmp_path: Path) -> None:
    report = check_installed(PACK, installed(tmp_path, *sprites("b_house_west")))
    assert states(report) == {
        "house": "partial",
        "gate": "missing",
        "farm": "annotated",
        "well": "missing",
    }
    assert report.classes[0].idle_patterns == ("b_house_east",)
    assert not report.covered


def test_a_miss_says_what_it_means_and_which_file_to_mend(tmp_path: Path) -> None:
    report = check_installed(PACK, installed(tmp_path, *sprites("b_house_west")))
    gate, farm, well = report.classes[1:]
    assert "sprites.yaml under gate" in gate.meaning
    assert "annotate" in farm.meaning
    assert "No rule takes files for it" in well.meaning


def test_files_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    stems = sprites("b_house_west", "b_house_ruin", "new_house", "u_horse_a", "u_horse_b", "s_x")
    report = check_installed(PACK, installed(tmp_path, *stems, "art/sprites/b_house_west_x2.sld"))
    assert report.sprite_files == 6
    assert report.other_files == {"_x2.sld": 1}
    assert report.excluded == 1
    assert report.apart == {"expansion": 1}
    assert report.unmatched == {"u_horse": ("u_horse_a", "u_horse_b"), "s_x": ("s_x",)}
    assert any("u_horse 2, s_x 1" in note for note in report.notes)
    assert any(note.startswith("Left aside on purpose") for note in report.notes)


def test_a_sprite_that_lacks_a_part_is_noted(tmp_path: Path) -> None:
    report = check_installed(PACK, installed(tmp_path, *sprites("b_gate")))
    assert report.lacking_parts == {"b_gate": ("b_gate_pillar",)}
    assert any("drawn without b_gate_pillar" in note for note in report.notes)


def test_terrain_and_palette_are_checked_too(tmp_path: Path) -> None:
    names = ["art/terrain/g_grs.dds", "art/terrain/o_x.dds", "art/terrain/g_lava.dds"]
    report = check_installed(PACK, installed(tmp_path, *sprites("b_gate"), *names))
    assert (report.terrain.land, report.terrain.water, report.terrain.excluded) == (1, 0, 1)
    assert report.terrain.undecided == ("g_lava",)
    assert report.terrain.idle_patterns == ("g_wt*",)
    assert report.palette_found is False
    assert len([note for note in report.notes if "lava" in note or "water" in note]) == 2


def test_an_older_version_of_the_game_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(GameFolderError, match="older format"):
        check_installed(PACK, installed(tmp_path, "art/sprites/b_house_x1.smx"))


def test_an_installation_with_the_large_sprites_alone_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(GameFolderError, match=r"no _x1\.sld files, but 1 _x2\.sld"):
        check_installed(PACK, installed(tmp_path, "art/sprites/b_house_x2.sld"))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GameFolderError, match="missing or empty"):
        check_installed(PACK, tmp_path)
    with pytest.raises(GameFolderError, match="no folder"):
        check_installed(PACK, tmp_path / "nowhere")


def test_the_game_is_found_in_every_steam_library(tmp_path: Path) -> None:
    steam, drive = tmp_path / "Steam", tmp_path / "disk" / "Games"
    first = installed(steam / "steamapps/common/Town", "town.exe")
    second = installed(drive / "steamapps/common/Town", "town.exe")
    listed = str(drive).replace("\\", "\\\\")
    (steam / "steamapps/libraryfolders.vdf").write_text(
        '"libraryfolders"\n{\n  "0"\n  {\n    "path"  "' + str(steam).replace("\\", "\\\\")
        + '"\n    "label"  ""\n  }\n  "1"\n  {\n    "path"  "' + listed + '"\n  }\n}\n',
        encoding="utf-8",
    )  # fmt: skip
    assert list(usual_folders(["steam:Town"], (str(steam),))) == [first, second]


def test_a_machine_without_steam_has_no_libraries(tmp_path: Path) -> None:
    assert list(usual_folders(["steam:Town"], (str(tmp_path / "Steam"),))) == []


def test_install_folders_may_hold_globs_and_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    game = installed(tmp_path / "bottles" / "b1" / "Town", "town.exe")
    assert list(usual_folders(["~/bottles/*/Town"])) == [game]


def test_a_folder_of_another_system_is_passed_over() -> None:
    assert list(usual_folders(["Q:/Nowhere/Town", "/nowhere/Town"])) == []


def test_the_first_folder_that_holds_the_sprites_is_the_installed_game(tmp_path: Path) -> None:
    empty = installed(tmp_path / "old", "leftover.txt")
    game = installed(tmp_path / "new", *sprites("b_gate"))
    pack = PACK.model_copy(update={"install_folders": [str(empty), str(game)]})
    assert find_installed(pack) == game
    assert find_installed(PACK) is None
