"""The synthetic set is one artifact, whatever steps and processes it was drawn by."""

import base64
import json
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.runs import Outcome, materialize
from assets.synthetic import SceneConfigError
from pipeline.scenes.write import SceneSetError
from pipeline.sprites.library import SpriteLibraryError
from resources.artifacts import ArtifactMissingError
from resources.files import remove_tree

KEY = dg.AssetKey(["toy", "synthetic_set"])


def draw(toy_game: Any, **config: Any) -> Outcome:
    with toy_game.instance() as instance:
        given = {"toy__synthetic_set": {"config": config}} if config else None
        return materialize(build_definitions(toy_game.pack), instance, [KEY], config=given)[0]


def materialize_in_steps(toy_game: Any, **config: Any) -> dict[str, int]:
    """As the UI's run worker does it; how often each step succeeded."""
    command = [sys.executable, "-m", "dagster", "asset", "materialize"]
    options = ["-m", "assets.definitions", "--select", "toy/synthetic_set"]
    run = json.dumps({"ops": {"toy__synthetic_set": {"config": config}}})
    done = subprocess.run(
        [*command, *options, "--config-json", run],
        env=toy_game.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with toy_game.instance() as instance:
        record = instance.get_run_records(limit=1)[0].dagster_run
        assert record.is_success
        steps = instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
        return {str(entry.step_key): 1 for entry in steps}


def newest(toy_game: Any) -> dg.AssetMaterialization:
    with toy_game.instance() as instance:
        event = instance.get_latest_materialization_event(KEY)
        assert event is not None
        assert event.asset_materialization is not None
        return event.asset_materialization


def plot_of(metadata: Any) -> str:
    """The drawing of sizes and positions, out of the link that holds it."""
    encoded = metadata["sizes_and_positions"].value.partition("base64,")[2].rstrip(")")
    return base64.b64decode(encoded).decode("utf-8")


def test_the_shards_do_not_show_in_the_set(toy_game: Any) -> None:
    whole = draw(toy_game)
    remove_tree(toy_game.store.root / "toy" / "synthetic_set")
    cut = draw(toy_game, shard_images=7)
    assert not whole.skipped
    assert not cut.skipped
    assert cut.data_version == whole.data_version


def test_what_is_unchanged_is_not_drawn_again(toy_game: Any) -> None:
    first = draw(toy_game)
    again = draw(toy_game, shard_images=9)
    assert again.skipped, "the size of the shards changes nothing"
    assert again.data_version == first.data_version
    other = draw(toy_game, seed=7)
    assert not other.skipped
    assert other.data_version != first.data_version


def test_no_workshop_is_left(toy_game: Any) -> None:
    draw(toy_game, shard_images=7)
    assert not list((toy_game.store.root / "toy/synthetic_set/staging").iterdir())


def test_the_asset_page_tells_how_it_went(toy_game: Any) -> None:
    draw(toy_game)
    metadata = newest(toy_game).metadata
    assert metadata["images"].value == 40
    assert metadata["land_scenes"].value + metadata["water_scenes"].value == 40
    assert metadata["images_per_second"].value > 0
    assert "No real frames" in plot_of(metadata)


def test_real_frames_are_shown_beside_the_drawn_ones_and_change_nothing(toy_game: Any) -> None:
    first = draw(toy_game)
    toy_game.add_batch("harbour")
    again = draw(toy_game)
    assert again.skipped
    assert again.data_version == first.data_version
    plot = plot_of(newest(toy_game).metadata)
    assert "No real frames" not in plot
    assert "real: 1 in 1 pictures" in plot


def test_real_frames_that_cannot_be_read_spoil_nothing(toy_game: Any) -> None:
    toy_game.add_batch("harbour")
    (batch,) = toy_game.store.root.glob("toy/cvat_export@harbour/*/files/labels.json")
    batch.chmod(0o644)
    batch.write_text("nonsense")
    draw(toy_game)
    assert "No real frames" in plot_of(newest(toy_game).metadata)


def test_configuration_that_does_not_fit_is_explained(toy_game: Any) -> None:
    with pytest.raises(SceneConfigError, match="must not exceed 1"):
        draw(toy_game, water_fraction=0.8, shore_fraction=0.4)


def test_a_broken_library_is_told_at_once(toy_game: Any) -> None:
    """Repeating a shard would not mend it, so it is not repeated."""
    (folder,) = toy_game.store.root.glob("toy/sprites/*/files")
    index = folder / "index.json"
    index.chmod(0o644)
    index.write_text("[" + " " * (index.stat().st_size - 1))
    with pytest.raises((SpriteLibraryError, SceneSetError, ArtifactMissingError)):
        draw(toy_game)


def test_each_shard_is_a_step_with_a_process_of_its_own(toy_game: Any) -> None:
    steps = materialize_in_steps(toy_game, shard_images=20)
    drawn = sorted(name for name in steps if "draw_shard" in name)
    assert [name.rpartition("[")[2] for name in drawn] == ["from_00000000]", "from_00000020]"]
    version = (newest(toy_game).tags or {})["dagster/data_version"]
    remove_tree(toy_game.store.root / "toy" / "synthetic_set")
    assert draw(toy_game).data_version == version
