"""Mods of a game's players: which there are, which are on, and which file is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.index import GameFolderError, GameIndex, files_of, index_game
from pipeline.games.installed import ModChoice, check_installed
from pipeline.games.mods import PlayerMods, choose_mods, mods_folders, read_mods, that_show
from pipeline.games.pack import GamePack, PackError, load_pack
from pipeline.manifests import sha256_of
from tests.pipeline.games.test_installed import PACK, installed, sprites

HOUSE = "art/sprites/b_house_west_x1.sld"
GROUND = "art/terrain/g_grs.dds"


def game_at(folder: Path) -> Path:
    return installed(folder, *sprites("b_house_west", "b_gate"), GROUND, "art/terrain/g_wtr.dds")


def mod_at(folder: Path, name: str, *files: str) -> Path:
    for file in files:
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}: {file}")
    (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def status(folder: Path, *mods: dict[str, Any] | Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mod-status.json").write_text(json.dumps({"Mods": mods}), "utf-8")
    return folder


def on(path: str, priority: int, **more: Any) -> dict[str, Any]:
    return {"Path": path, "Priority": priority, "Enabled": True, **more}


def chosen(folder: Path, choice: str = "enabled", pack: GamePack = PACK) -> ModChoice:
    players = (read_mods(folder),)
    return ModChoice(players, choose_mods(players, choice, pack))


def indexed(game: Path, choice: ModChoice) -> GameIndex:
    return index_game(game, PACK, sha256_of, overlays=choice.used).index


class TestWhatIsThere:
    def test_mods_have_their_titles_and_come_by_their_rank(self, tmp_path: Path) -> None:
        mod_at(tmp_path, "local/Mine")
        mod_at(tmp_path, "subscribed/12_Trees")
        mod_at(tmp_path, "subscribed/13_New")
        status(
            tmp_path,
            on("local\\\\Mine", 2, Title="My mod"),
            on("Subscribed//12_trees/", 1) | {"Enabled": False},
        )
        mods = read_mods(tmp_path).mods
        assert [(mod.name, mod.title, mod.enabled) for mod in mods] == [
            ("subscribed/12_Trees", "12_Trees", False),
            ("local/Mine", "My mod", True),
            ("subscribed/13_New", "13_New", False),
        ]

    def test_of_one_rank_local_ones_go_first(self, tmp_path: Path) -> None:
        for name in ("subscribed/a", "local/b", "local/a"):
            mod_at(tmp_path, name)
        status(tmp_path, on("subscribed/a", 1), on("local/b", 1), on("local/a", 1))
        assert [mod.name for mod in read_mods(tmp_path).mods] == [
            "local/a",
            "local/b",
            "subscribed/a",
        ]

    def test_one_that_is_on_and_not_there_is_told(self, tmp_path: Path) -> None:
        status(tmp_path, on("subscribed/9_Gone", 1))
        assert "9_Gone" in read_mods(tmp_path).problems[0]

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", '{"Mods": 1}', '{"Mods": [1]}', '{"Mods": [{"Path": ""}]}', "[" * 9999],
    )
    def test_a_status_that_cannot_be_read_turns_all_off_and_is_told(
        self, tmp_path: Path, text: str
    ) -> None:
        mod_at(tmp_path, "local/Mine")
        (tmp_path / "mod-status.json").write_text(text)
        player = read_mods(tmp_path)
        assert [mod.enabled for mod in player.mods] == [False]
        assert "mod-status.json" in player.problems[0]

    def test_without_a_status_all_are_off(self, tmp_path: Path) -> None:
        player = read_mods(mod_at(tmp_path, "local/Mine"))
        assert [mod.enabled for mod in player.mods] == [False]
        assert player.problems == ()

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda some: (
                st.lists(some, max_size=3)
                | st.dictionaries(st.sampled_from(["Mods", "Path", "Priority", "Enabled"]), some)
            ),
        )
    )
    @settings(deadline=None)
    def test_any_status_is_read_or_told(
        self, tmp_path_factory: pytest.TempPathFactory, content: Any
    ) -> None:
        folder = tmp_path_factory.mktemp("mods")
        (folder / "mod-status.json").write_text(json.dumps({"Mods": content}))
        assert read_mods(folder).mods == ()

    def test_they_are_looked_for_where_players_and_proton_keep_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        monkeypatch.setattr("sys.platform", "linux")
        games = "Games/Age of Empires 2 DE"
        prefix = ".local/share/Steam/SteamApps/compatdata/813780/pfx/drive_c/users/steamuser"
        own, proton = tmp_path / games / "76/mods", tmp_path / prefix / games / "77/mods"
        for folder in (own, proton):
            folder.mkdir(parents=True)
        assert mods_folders(load_pack("aoe2")) == (own, proton)
        assert mods_folders(PACK) == ()


class TestWhichIsShown:
    def test_the_smaller_priority_wins_and_the_index_says_whose_file_it_is(
        self, tmp_path: Path
    ) -> None:
        game, mods = game_at(tmp_path / "game"), tmp_path / "mods"
        mod_at(mods, "local/Strong", "art/Sprites/B_HOUSE_WEST_X1.SLD")
        mod_at(mods, "subscribed/7_Weak", HOUSE, GROUND)
        status(mods, on("subscribed/7_Weak", 3), on("local/Strong", 1))
        choice = chosen(mods)
        index = indexed(game, choice)
        assert {entry.path: entry.mod for entry in index.files if entry.mod} == {
            HOUSE: "local/Strong",
            GROUND: "subscribed/7_Weak",
        }
        assert index.by_mod == {"local/Strong": 1, "subscribed/7_Weak": 1}
        for entry in index.files:
            (file,) = files_of(entry, game, choice.used)
            assert sha256_of(file) == entry.sha256
        assert GameIndex.model_validate(index.model_dump(mode="json")) == index

    def test_mods_that_show_nothing_leave_no_trace(self, tmp_path: Path) -> None:
        game, mods = game_at(tmp_path / "game"), tmp_path / "mods"
        before = indexed(game, ModChoice()).model_dump_json()
        mod_at(mods, "local/Maps", "resources/_common/scenario/x.aoe2scenario")
        mod_at(mods, "local/New", "art/sprites/b_new_x1.sld")
        mod_at(mods, "local/Off", HOUSE)
        status(mods, on("local/Maps", 1), on("local/New", 2))
        assert indexed(game, chosen(mods)).model_dump_json() == before
        assert '"mod"' not in before

    def test_the_game_as_it_is_sold_or_mods_by_name(self, tmp_path: Path) -> None:
        game, mods = game_at(tmp_path / "game"), tmp_path / "mods"
        mod_at(mods, "local/A", HOUSE)
        mod_at(mods, "subscribed/7_B", HOUSE)
        status(mods, on("local/A", 1), on("subscribed/7_B", 2, Title="Bees"))
        assert indexed(game, chosen(mods, "none")).by_mod == {}
        assert indexed(game, chosen(mods, "bees, local/a")).by_mod == {"subscribed/7_B": 1}
        assert indexed(game, chosen(mods, "A")).by_mod == {"local/A": 1}
        with pytest.raises(GameFolderError, match="0 mods called 'C'") as raised:
            chosen(mods, "C")
        assert "local/A, subscribed/7_B" in raised.value.fix

    def test_two_players_with_mods_must_be_told_apart(self, tmp_path: Path) -> None:
        players = []
        for name in ("1", "2"):
            mods = mod_at(tmp_path / name, "local/A", HOUSE)
            players.append(read_mods(status(mods, on("local/A", 1))))
        players.append(PlayerMods(tmp_path / "0", ()))
        with pytest.raises(GameFolderError, match="Several players") as raised:
            choose_mods(players, "enabled", PACK)
        assert "OUTPOST_MODS_DIR_TOWN" in raised.value.fix
        assert choose_mods(players, "none", PACK) == ()
        assert choose_mods(players[1:], "enabled", PACK) == players[1].mods

    def test_a_mod_of_the_team_colours_counts(self, tmp_path: Path) -> None:
        game, mods = game_at(tmp_path / "game"), tmp_path / "mods"
        mod_at(mods, "local/Colours", "art/teams.json")
        status(mods, on("local/Colours", 1))
        assert that_show(read_mods(mods).mods, PACK)
        assert indexed(game, chosen(mods)).by_mod == {"local/Colours": 1}

    def test_a_pack_with_hexes_cannot_have_them(self) -> None:
        pack = load_pack("wesnoth").model_dump()
        with pytest.raises((ValueError, PackError), match="hexes"):
            GamePack.model_validate(pack | {"mods": {"folders": ["~/mods"]}})


class TestWhatIsTold:
    def test_the_check_lists_every_mod_that_matters(self, tmp_path: Path) -> None:
        game, mods = game_at(tmp_path / "game"), tmp_path / "mods"
        mod_at(mods, "local/Off", HOUSE)
        mod_at(mods, "local/Old", "art/sprites/b_gate_x1.smx")
        mod_at(mods, "local/Maps", "art/maps/x")
        mod_at(mods, "subscribed/1_On", HOUSE, GROUND)
        status(mods, on("subscribed/1_On", 1, Title="On"), on("local/Old", 2), on("local/Maps", 3))
        report = check_installed(PACK, game, chosen(mods))
        assert {mod.name: (mod.state, mod.files, mod.shown) for mod in report.mods} == {
            "subscribed/1_On": ("used", 2, 2),
            "local/Off": ("off", 1, 0),
            "local/Old": ("used", 0, 0),
        }
        notes = "\n".join(report.notes)
        assert "subscribed/1_On (2 files)" in notes
        assert "older format" in notes
        assert "turned off" in notes
        unused = check_installed(PACK, game, chosen(mods, "none"))
        assert "OUTPOST_MODS_TOWN" in "\n".join(unused.notes)

    def test_files_that_cannot_be_read_are_left_out_and_told(self, tmp_path: Path) -> None:
        game = game_at(tmp_path)

        def digest(file: Path) -> str:
            if file.name == "b_gate_x1.sld":
                raise PermissionError(13, "Permission denied")
            return sha256_of(file)

        found = index_game(game, PACK, digest)
        assert [entry.path for entry in found.index.sprites] == [HOUSE]
        assert list(found.oddities.unreadable) == [str(game / "art/sprites/b_gate_x1.sld")]
        assert "Permission denied" in found.oddities.notes[0]

    def test_suffixes_in_capitals_are_indexed_and_matched(self, tmp_path: Path) -> None:
        game = installed(
            tmp_path,
            "art/sprites/b_house_west_X1.SLD",
            "art/terrain/g_grs.DDS",
            "art/terrain/g_wtr.Dds",
        )
        assert len(indexed(game, ModChoice()).files) == 3
        report = check_installed(PACK, game)
        assert (report.classes[0].files, report.terrain.land, report.terrain.water) == (1, 1, 1)
