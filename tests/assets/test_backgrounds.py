"""Background assets: images, where the shore runs, and why textures are left out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.game import show_backgrounds
from pipeline.backgrounds.sets import BackgroundSet
from pipeline.demo_game.game_folder import MARKER, SPRITES, TEXTURES, drawing_version
from pipeline.demo_game.ground import TERRAINS, tile_of
from pipeline.formats.dds import write_dds
from pipeline.games.pack import GamePack, load_pack
from resources.artifacts import Artifacts
from resources.game_files import GameFiles
from resources.paths import Paths

Made = Callable[[dg.AssetKey], Path]


def shore_pack() -> GamePack:
    """The built-in game with scenes at the shore, and few backgrounds."""
    content = load_pack("demo").model_dump(mode="json")
    content["scenes"]["shore_fraction"] = 0.2
    content["terrain"] |= {
        "land_count": 2,
        "water_count": 1,
        "shore": {"beach": [{"include": "g_bch"}], "count": 2},
    }
    return GamePack.model_validate(content)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Materializes an asset of that game, and gives its folder."""
    paths = Paths.below(tmp_path / "home")
    game = tmp_path / "game"
    for folder in (SPRITES, TEXTURES):
        (game / folder).mkdir(parents=True)
    (game / SPRITES / "a_x1.sld").write_bytes(b"some bytes")
    for number, terrain in enumerate(TERRAINS):
        write_dds(game / TEXTURES / f"{terrain.name}.dds", tile_of(terrain, number))
    write_dds(game / TEXTURES / "o_grid.dds", tile_of(TERRAINS[0], 0))
    (game / MARKER).write_text(json.dumps({"drawing_version": drawing_version()}))
    artifacts = Artifacts(paths=paths)
    resources = {"game": GameFiles(paths=paths, folder=str(game)), "artifacts": artifacts}
    pack = shore_pack()
    definitions = build_definitions(pack, resources)
    with dg.instance_for_test() as instance:

        def make(key: dg.AssetKey) -> Path:
            materialize(definitions, instance, [GameKeys.of(pack).game_files, key])
            return latest(instance, artifacts.store, key).path

        yield make


def test_shore_backgrounds_are_made_and_shown(made: Made) -> None:
    folder = made(GameKeys.of(shore_pack()).backgrounds_of("shore"))
    entries = BackgroundSet.open(folder).entries
    assert [entry.kind for entry in entries] == ["shore", "shore"]
    assert all(entry.shore is not None for entry in entries)
    shown = show_backgrounds(BackgroundSet.open(folder))
    assert shown["backgrounds"] == 2
    assert {"textures", "left_out"} <= shown.keys()
    assert [image.title for image in shown["preview"]] == ["backgrounds"]


def test_the_page_of_terrain_says_why_textures_are_left_out_and_compares_samplings(
    made: Made,
) -> None:
    folder = made(GameKeys.of(shore_pack()).backgrounds_of("land"))
    left_out = json.loads((folder / "left_out.json").read_text("utf-8"))
    assert left_out["o_grid"] == "excluded by the pack"
    assert left_out["g_wtr"] == "not in terrain.land"
    shown = show_backgrounds(BackgroundSet.open(folder))
    assert "o_grid" in str(shown["left_out"])
    titles = [image.title for image in shown["preview"]]
    assert titles == ["backgrounds", "textures stretched and isometric"]
