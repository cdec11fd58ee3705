"""What is made from a game's files is made from those that were indexed."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.game import GROUND_CODE, SPRITE_CODE
from assets.keys import GameKeys
from assets.runs import materialize
from pipeline.games.demo.game_folder import MARKER, PALETTE, SPRITES, TEXTURES
from pipeline.games.demo.sources import drawing_version
from pipeline.games.index import GameFolderError
from resources.artifacts import Artifacts
from resources.game_files import GameFiles

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
def make(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Materializes one asset of the game, whose files have been indexed."""
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "home"))
    resources = {
        "game": GameFiles(folder=str(folder)),
        "artifacts": Artifacts(folder=str(tmp_path / "artifacts")),
    }
    definitions = build_definitions("demo", resources)
    with dg.instance_for_test() as instance:
        materialize(definitions, instance, [KEYS.game_files])
        yield lambda key: materialize(definitions, instance, [key])


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


@pytest.mark.parametrize("key", [KEYS.terrain_backgrounds, KEYS.water_backgrounds])
def test_backgrounds_are_not_made_from_other_textures(
    make: Make, folder: Path, key: dg.AssetKey
) -> None:
    (folder / TEXTURES / "a.dds").write_bytes(b"more bytes")
    with pytest.raises(GameFolderError, match=r"a\.dds has changed since"):
        make(key)


WITHOUT_A_SAY = {
    "pipeline.errors": "words",
    "pipeline.progress": "words",
    "pipeline.processes": "how a worker ends",
    "pipeline.games.pack": "values and classes, which the recipe states",
    "pipeline.games.sections": "which values are allowed",
    "pipeline.games.scene_rules": "values of scenes",
    "pipeline.formats.palette": "reads colours, which the sprite library states",
    "pipeline.games.index": "lists files, whose digests are inputs",
    "pipeline.manifests": "takes digests of what is kept for the next time",
    "pipeline.provenance": "names what is kept for the next time",
    "pipeline.games.terrain": "names textures, of which backgrounds are made",
    "pipeline.sprites.library": "holds sprites, of which no background is made",
}
"""What the code imports, and why no byte follows from it."""


@pytest.mark.parametrize(
    ("roots", "code"),
    [
        ({"pipeline.backgrounds.sets", "pipeline.backgrounds.textures"}, GROUND_CODE),
        ({"pipeline.sprites.extract"}, SPRITE_CODE),
    ],
)
def test_all_code_that_makes_pictures_counts_as_a_change(
    roots: set[str], code: tuple[str, ...], modules_behind: Any
) -> None:
    for module in modules_behind(roots, WITHOUT_A_SAY):
        listed = any(f"{module}.".startswith(f"{name}.") for name in code)
        assert listed or module in WITHOUT_A_SAY, module
