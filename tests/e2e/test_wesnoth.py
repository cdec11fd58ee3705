"""A second real game from its installed art to a synthetic set, gated and not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.reader import WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.sprites.library import OpenLibrary
from resources.artifacts import Artifacts
from resources.paths import Paths

PACK = load_pack("wesnoth")
KEYS = GameKeys.of(PACK)
IMAGES = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_installed(PACK) is None, reason="apt install wesnoth-1.16-data to run this"
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool, str], Path]]:
    """Gives the folder of an asset, with gating or without; what is there is not made again."""
    home = tmp_path_factory.mktemp("wesnoth")
    with dg.instance_for_test() as instance:
        paths = Paths.below(home)
        artifacts = Artifacts(paths=paths)

        def make(gated: bool, asset: str) -> Path:
            keys = [*KEYS.scene_sources, KEYS.synthetic_set]
            definitions = build_definitions(small(gated), {"paths": paths, "artifacts": artifacts})
            materialize(definitions, instance, [KEYS.game_files])
            for key in keys:
                materialize(definitions, instance, [key])
            key = next(key for key in keys if key.path[-1] == asset)
            return latest(instance, artifacts.store, key).path

        yield make


def small(gated: bool) -> GamePack:
    terrain, scenes = PACK.terrain, PACK.scenes
    assert terrain.shore is not None
    shore = terrain.shore.model_copy(update={"count": 12})
    few = {"land_count": 4, "water_count": 2, "shore": shore}
    return PACK.model_copy(
        update={
            "terrain": terrain.model_copy(update=few),
            "scenes": scenes.model_copy(update={"images": IMAGES, "gated": gated}),
        }
    )


def test_every_class_has_sprites_and_the_player_shows_on_most(made: Callable[..., Path]) -> None:
    entries = OpenLibrary(made(True, "sprites")).entries.values()
    first = {entry.class_name: entry for entry in reversed(entries)}
    owned = [name for name in PACK.class_names if first[name].player_weight is not None]
    assert len(owned) > len(PACK.class_names) / 2


def test_the_gated_set_is_whole_and_keeps_land_and_water_apart(made: Callable[..., Path]) -> None:
    folder = made(True, "synthetic_set")
    counts = json.loads((folder / "set.json").read_text())["counts"]
    assert set(counts) == set(PACK.class_names)
    assert min(counts.values()) > 0
    assert label_problems(SyntheticSet.open(folder), PACK) == ()
    assert scene_separation_problems(SyntheticSet.open(folder), PACK) == ()


def test_without_gating_classes_stand_where_they_never_do(made: Callable[..., Path]) -> None:
    folder = made(False, "synthetic_set")
    assert label_problems(SyntheticSet.open(folder), PACK) == ()
    water = {known.name for known in PACK.classes if known.scene == "water"}
    on_land = [scene for scene in SyntheticSet.open(folder).scenes() if scene.kind == "land"]
    assert water & {name for scene in on_land for name in labelled(scene)}


def labelled(scene: WrittenScene) -> Iterator[str]:
    return (item.class_name for item in scene.objects if item.dropped is None)
