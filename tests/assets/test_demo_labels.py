"""The built-in game labels a batch that was chosen of its screenshots, and no other."""

from pathlib import Path
from typing import Any

import pytest

from assets.core.building import NotMaterializedError
from assets.operations.annotating.batch_choice import (
    ChoiceOptions,
    NoUnlabelledError,
    choose,
    label_batch,
)
from pipeline.demo_game.captures import stored_png
from pipeline.demo_game.renderer import screenshot
from pipeline.games.pack import load_pack
from pipeline.labels.formats.coco import read_export
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths


def test_a_chosen_batch_comes_back_as_an_export_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    resources = Resources.of(Paths.below(tmp_path))
    folder = resources.screenshots.path("demo")
    folder.mkdir(parents=True)
    (folder / "coast_03.png").write_bytes(stored_png(screenshot("coast", 3).image))
    choose(resources, "demo", "first", ChoiceOptions(boxes=20, blind_share=0.0))
    file = label_batch(resources, "demo", "first")
    assert file == resources.exports.path("demo") / "first.zip"
    with open_instance(resources.state) as instance:
        assert instance.get_dynamic_partitions("demo_export_batches") == ["first"]
    batch = read_export(file, load_pack("demo").class_names)
    assert [frame.name for frame in batch.frames] == ["coast_03.png"]
    assert len(batch.frames[0].boxes) == len(screenshot("coast", 3).objects)
    with pytest.raises(NotMaterializedError, match="second"):
        label_batch(resources, "demo", "second")


def test_a_game_that_nobody_drew_here_is_labelled_by_people(toy_game: Any) -> None:
    resources = Resources.of(Paths.below(toy_game.home))
    with pytest.raises(NoUnlabelledError, match="is not drawn by Outpost"):
        label_batch(resources, toy_game.pack_folder, "first")
