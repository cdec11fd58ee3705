"""What is made from a game's files is made from those that were indexed."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.game import (
    GROUND_CODE,
    NOT_GROUND_CODE,
    NOT_SPRITE_CODE,
    SPRITE_CODE,
    game_assets,
)
from pipeline.demo_game.game_folder import MARKER, PALETTE, SPRITES, TEXTURES, drawing_version
from pipeline.games.index import GameFolderError
from pipeline.games.pack import ModRules, load_pack
from pipeline.provenance import modules_behind
from resources.artifacts import Artifacts
from resources.game_files import GameFiles
from resources.paths import Paths

KEYS = GameKeys("demo")
FILES = (SPRITES / "a_x1.sld", SPRITES / "b_x1.sld", TEXTURES / "a.dds", PALETTE)

Make = Callable[[dg.AssetKey], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A game's folder whose files cannot be decoded: nothing here gets as far."""
    game = tmp_path / "game"
    for file in FILES:
        (game / file).parent.mkdir(parents=True, exist_ok=True)
        (game / file).write_bytes(b"some bytes")
    (game / MARKER).write_text(json.dumps({"drawing_version": drawing_version()}))
    return game


@pytest.fixture
def make(tmp_path: Path, folder: Path) -> Iterator[Make]:
    """Materializes one asset of the game, whose files have been indexed."""
    paths = Paths.below(tmp_path / "home")
    game = GameFiles(paths=paths, folder=str(folder))
    resources = {"game": game, "artifacts": Artifacts(paths=paths)}
    definitions = build_definitions("demo", resources)
    with dg.instance_for_test() as instance:
        materialize(definitions, instance, [KEYS.game_files])
        yield lambda key: materialize(definitions, instance, [key])


class TestMods:
    """A game of one's own whose player has a mod turned on."""

    @pytest.fixture
    def mods(self, tmp_path: Path) -> Path:
        folder = tmp_path / "players/76/mods"
        file = folder / "subscribed/12_Red" / SPRITES / "A_X1.sld"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"other bytes")
        (folder / "mod-status.json").write_text(
            json.dumps({"Mods": [{"Path": "subscribed/12_Red", "Enabled": True, "Title": "Red"}]})
        )
        return folder

    @pytest.fixture
    def shown(
        self, tmp_path: Path, folder: Path, mods: Path
    ) -> Iterator[Callable[..., dict[str, Any]]]:
        """What the page of the indexed files shows."""
        paths = Paths.below(tmp_path / "home")
        pack = load_pack("demo").model_copy(
            update={"mods": ModRules(folders=[str(tmp_path / "players/*/mods")])}
        )
        (asset, *_) = game_assets(pack)
        artifacts = Artifacts(paths=paths)
        with dg.instance_for_test() as instance:

            def materialized(**options: str) -> dict[str, Any]:
                game = GameFiles(paths=paths, folder=str(folder), **options)
                resources = {"game": game, "artifacts": artifacts}
                result = dg.materialize([asset], instance=instance, resources=resources)
                (event,) = result.get_asset_materialization_events()
                metadata = event.materialization.metadata
                return {name: item.value for name, item in metadata.items()}

            yield materialized

    def test_the_page_and_the_index_say_whose_file_it_is(
        self, shown: Callable[..., dict[str, Any]]
    ) -> None:
        with_mod = shown()
        assert "subscribed/12_Red" in str(with_mod["files_from_mods"])
        assert "used" in str(with_mod["mods"])
        without = shown(mods="none")
        assert "files_from_mods" not in without
        assert "on in the game, not used" in str(without["mods"])
        assert with_mod["folder"] != without["folder"]

    def test_the_variables_choose_too(
        self,
        shown: Callable[..., dict[str, Any]],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("OUTPOST_MODS", "none")
        assert "files_from_mods" not in shown()
        monkeypatch.setenv("OUTPOST_MODS_DEMO", "red")
        assert "files_from_mods" in shown()
        monkeypatch.setenv("OUTPOST_MODS_DIR_DEMO", str(tmp_path / "nowhere"))
        with pytest.raises(GameFolderError, match="no folder of mods"):
            shown()

    def test_what_a_link_to_nothing_leaves_out_is_shown(
        self, shown: Callable[..., dict[str, Any]], folder: Path
    ) -> None:
        try:
            (folder / SPRITES / "c_x1.sld").symlink_to(folder / "gone")
        except OSError:
            pytest.skip("no links may be made here")
        assert "c_x1.sld" in str(shown()["left_out"])


@pytest.mark.parametrize("file", [SPRITES / "b_x1.sld", PALETTE])
def test_sprites_are_not_made_from_other_bytes_of_the_same_size(
    make: Make, folder: Path, file: Path
) -> None:
    os.utime(folder / SPRITES / "a_x1.sld", ns=(0, 0))  # Touched, and still what it was.
    (folder / file).write_bytes(b"more bytes")
    with pytest.raises(
        GameFolderError, match=f"{re.escape(file.name)} has changed since"
    ) as raised:
        make(KEYS.sprites)
    assert "Materialize game_files again" in raised.value.fix


def test_sprites_are_not_made_when_a_file_is_new(make: Make, folder: Path) -> None:
    (folder / SPRITES / "c_x1.sld").write_bytes(b"some bytes")
    with pytest.raises(GameFolderError, match=r"c_x1\.sld is new since"):
        make(KEYS.sprites)


def test_sprites_are_not_made_when_a_file_is_gone(make: Make, folder: Path) -> None:
    (folder / SPRITES / "b_x1.sld").unlink()
    with pytest.raises(GameFolderError, match=r"b_x1\.sld is gone since"):
        make(KEYS.sprites)


@pytest.mark.parametrize("key", [KEYS.backgrounds_of("land"), KEYS.backgrounds_of("water")])
def test_backgrounds_are_not_made_from_other_textures(
    make: Make, folder: Path, key: dg.AssetKey
) -> None:
    (folder / TEXTURES / "a.dds").write_bytes(b"more bytes")
    with pytest.raises(GameFolderError, match=r"a\.dds has changed since"):
        make(key)


@pytest.mark.parametrize(
    ("roots", "without", "counted", "not_counted"),
    [
        (
            GROUND_CODE,
            NOT_GROUND_CODE,
            {"pipeline.backgrounds.soften", "pipeline.formats.dds", "pipeline.games.files"},
            {"pipeline.games.index", "pipeline.sprites.extract", "pipeline.scenes.plan"},
        ),
        (
            SPRITE_CODE,
            NOT_SPRITE_CODE,
            {"pipeline.formats.sld.decoder", "pipeline.sprites.compose", "pipeline.games.matching"},
            {"pipeline.games.terrain", "pipeline.backgrounds.textures", "pipeline.scenes.plan"},
        ),
    ],
)
def test_all_code_that_makes_images_counts_as_a_change(
    roots: tuple[str, ...], without: frozenset[str], counted: set[str], not_counted: set[str]
) -> None:
    found = modules_behind(*roots, without=without)
    assert counted <= found
    assert not found & (not_counted | without)
    everything = modules_behind(*roots)
    assert without <= everything, "an exception that nothing needs any more"
