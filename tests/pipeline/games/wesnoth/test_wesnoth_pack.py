"""The Wesnoth pack: its classes are those of the annotated screenshots, its rules find the art."""

import json
from pathlib import Path

import pytest

from pipeline.games.installed import check_installed, find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.formats.coco import read_export

ROOT = Path(__file__).resolve().parents[4]
SCREENSHOTS = ROOT.parent / "shared" / "data" / "wesnoth"

needs_screenshots = pytest.mark.skipif(not SCREENSHOTS.is_dir(), reason="no screenshots here")


@pytest.fixture(scope="module")
def pack() -> GamePack:
    return load_pack("wesnoth")


def test_no_code_knows_the_games_name() -> None:
    """The pack is YAML, and all that reads it would read another game's."""
    own = ROOT / "pipeline" / "games" / "wesnoth"
    assert not list(own.rglob("*.py"))
    layers = ("assets", "resources", "pipeline", "detector_runtime/src")
    sources = [file for layer in layers for file in (ROOT / layer).rglob("*.py")]
    assert len(sources) > 100
    assert [str(file) for file in sources if "wesnoth" in file.read_text("utf-8").lower()] == []


@needs_screenshots
def test_the_classes_and_where_they_live_are_those_of_the_screenshots(pack: GamePack) -> None:
    lists = json.loads((SCREENSHOTS / "batch1" / "classes.json").read_text())
    assert pack.class_names == (*lists["land"], *lists["water"])
    for scene, names in lists.items():
        assert all(known.scene == scene for known in pack.classes if known.name in names)


@needs_screenshots
def test_every_label_of_the_screenshots_is_a_class(pack: GamePack) -> None:
    batch = read_export(SCREENSHOTS / "batch1", pack.class_names)
    assert not batch.unknown_labels
    assert {box.class_id for frame in batch.frames for box in frame.boxes} == set(range(30))


def test_the_installed_game_has_every_class(pack: GamePack) -> None:
    folder = find_installed(pack)
    if folder is None:
        pytest.skip("the game is not installed")
    report = check_installed(pack, folder)
    assert report.covered
    assert {known.state for known in report.classes} == {"complete"}
    assert report.conflicts == {}
    assert report.unmatched == {}
    assert report.terrain.idle_patterns == ()


def test_every_class_is_placed_with_its_marks(pack: GamePack) -> None:
    placed = {rule.class_name for rule in pack.scenes.placements}
    assert placed == {*pack.class_names, "distractor"}
    assert {mark.image for mark in pack.scenes.overlays.marks} == set(pack.sprites.marks)
