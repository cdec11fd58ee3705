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


@pytest.mark.slow
def test_a_chosen_batch_comes_back_as_an_export_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    resources = Resources.of(Paths.below(tmp_path))
    folder = resources.screenshots.path("demo")
    folder.mkdir(parents=True)
    for session in ("coast", "ridge"):
        drawn = stored_png(screenshot(session, 3).image)
        (folder / f"{session}_03.png").write_bytes(drawn)
    choose(resources, "demo", "first", ChoiceOptions(boxes=40, blind_share=0.5))
    file = label_batch(resources, "demo", "first")
    assert file == resources.exports.path("demo") / "first.zip"
    with open_instance(resources.state) as instance:
        assert instance.get_dynamic_partitions("demo_export_batches") == ["first"]
    batch = read_export(file, load_pack("demo").class_names)
    boxes = {frame.name: len(frame.boxes) for frame in batch.frames}
    assert boxes == {
        f"{session}_03.png": len(screenshot(session, 3).objects) for session in ("coast", "ridge")
    }
    assert sorted(frame.subset for frame in batch.frames) == ["Train", "Validation"]
    with pytest.raises(NotMaterializedError, match="second"):
        label_batch(resources, "demo", "second")


def test_a_game_that_nobody_drew_here_is_labelled_by_people(toy_game: Any) -> None:
    resources = Resources.of(Paths.below(toy_game.home))
    with pytest.raises(NoUnlabelledError, match="is not drawn by Outpost"):
        label_batch(resources, toy_game.pack_folder, "first")
