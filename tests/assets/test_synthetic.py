"""The synthetic set is one artifact, whatever steps and processes it was drawn by."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from doubles import pages

import assets.graph.scenes
from assets.core.launchpad import LaunchpadError
from assets.core.page_images import images_folder, images_named_in
from assets.core.runs import Outcome, materialize
from assets.definitions import build_definitions
from assets.graph.scenes import NOT_SCENE_CODE, SCENE_CODE, synthetic_assets
from pipeline.provenance import modules_behind
from pipeline.scenes.dataset.layout import SceneSetError, Shard
from pipeline.scenes.dataset.shards import draw_shard
from pipeline.sprites.library import SpriteLibraryError
from resources.artifacts import ArtifactMissingError
from resources.files import remove_tree

ROOT = Path(__file__).parents[2]
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
        return pages.newest(instance, KEY)


def plot_of(toy_game: Any) -> str:
    """The drawing of sizes and positions that the newest page shows."""
    with toy_game.instance() as instance:
        folder = images_folder(instance)
    assert folder is not None
    names = images_named_in(newest(toy_game).metadata)
    return next((folder / name).read_text("utf-8") for name in names if name.endswith(".svg"))


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
    assert "No real frames" in plot_of(toy_game)
    assert "| house | 40 |" in metadata["per_class"].value, "1 to 3, in half of 40 scenes"


def test_real_frames_are_shown_beside_the_drawn_ones_and_change_nothing(toy_game: Any) -> None:
    first = draw(toy_game)
    toy_game.add_batch("harbour")
    again = draw(toy_game)
    assert again.skipped
    assert again.data_version == first.data_version
    plot = plot_of(toy_game)
    assert "No real frames" not in plot
    assert "real: 1 in 1 images" in plot


def test_real_frames_that_cannot_be_read_spoil_nothing(toy_game: Any) -> None:
    toy_game.add_batch("harbour")
    (batch,) = toy_game.store.root.glob("toy/cvat_export@harbour/*/files/labels.json")
    batch.chmod(0o644)
    batch.write_text("nonsense")
    draw(toy_game)
    assert "No real frames" in plot_of(toy_game)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"water_fraction": 0.8, "shore_fraction": 0.4}, "water_fraction and shore_fraction toget"),
        ({"water_fraction": 1.5}, "water_fraction: must be at most 1 .got"),
        ({"shore_fraction": -0.1}, "shore_fraction: must be at least 0"),
        ({"images": 0}, "images: must be at least 1 .got 0"),
        ({"shard_images": 0}, "shard_images: must be at least 1"),
        ({"seed": -1}, "seed: must be at least 0"),
    ],
)
def test_configuration_that_does_not_fit_is_explained(
    toy_game: Any, config: dict[str, float], problem: str
) -> None:
    with pytest.raises(LaunchpadError, match=problem):
        draw(toy_game, **config)


def test_shores_that_a_game_does_not_have_are_explained(toy_game: Any) -> None:
    with pytest.raises(LaunchpadError, match="no shore backgrounds of toy"):
        draw(toy_game, shore_fraction=0.3)


def test_every_field_of_the_launchpad_says_what_it_is(toy_game: Any) -> None:
    (asset,) = synthetic_assets(toy_game.pack)
    assert asset.node_def.config_schema
    fields = asset.node_def.config_schema.config_type.fields
    assert set(fields) == {
        *("images", "seed", "water_fraction", "shore_fraction", "enhanced", "gated"),
        "shard_images",
    }
    assert [name for name, field in fields.items() if not field.description] == []


def test_the_modes_of_the_original_are_switches_of_the_launchpad(toy_game: Any) -> None:
    """Nothing gated, nothing enhanced, no water backgrounds; a check tells of it and lets it by."""
    draw(toy_game, gated=False, enhanced=False, water_fraction=0.0)
    shown = newest(toy_game).metadata
    assert (shown["gated"].value, shown["enhanced"].value) == (False, False)
    assert shown["land_scenes"].value == 40
    assert drawn_of(shown, "boat") > 0, "boats stand on land"
    assert checks(toy_game) == {"scene_separation": True, "gated": False, "label_sanity": True}
    draw(toy_game)
    assert checks(toy_game) == {"scene_separation": True, "gated": True, "label_sanity": True}


def drawn_of(metadata: Any, name: str) -> int:
    """Labels of a class, and what was dropped of it."""
    (row,) = (r for r in metadata["per_class"].value.splitlines() if r.startswith(f"| {name} |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    return int(cells[2]) + int(cells[3])


def checks(toy_game: Any) -> dict[str, bool]:
    """The verdicts of the set's newest checks."""
    names = ("scene_separation", "gated", "label_sanity")
    with toy_game.instance() as instance:
        found = {
            name: instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(KEY, name))
            for name in names
        }
    return {name: record.event.asset_check_evaluation.passed for name, record in found.items()}


def test_a_broken_library_is_told_at_once(toy_game: Any) -> None:
    """Repeating a shard would not fix it, so it is not repeated."""
    (folder,) = toy_game.store.root.glob("toy/sprites/*/files")
    index = folder / "index.json"
    index.chmod(0o644)
    index.write_text("[" + " " * (index.stat().st_size - 1))
    with pytest.raises((SpriteLibraryError, SceneSetError, ArtifactMissingError)):
        draw(toy_game)


@pytest.mark.slow
def test_each_shard_is_a_step_with_a_process_of_its_own(toy_game: Any) -> None:
    steps = materialize_in_steps(toy_game, shard_images=20)
    drawn = sorted(name for name in steps if "draw_shard" in name)
    assert [name.rpartition("[")[2] for name in drawn] == ["from_00000000]", "from_00000020]"]
    version = (newest(toy_game).tags or {})["dagster/data_version"]
    remove_tree(toy_game.store.root / "toy" / "synthetic_set")
    assert draw(toy_game).data_version == version


def job_of_the_code_location() -> ReconstructableJob:
    """What the UI's run worker executes, for the game that the environment names."""
    location = ReconstructableRepository.for_module("assets.definitions", "defs")
    return location.get_reconstructable_job("__ASSET_JOB")


class Interruption:
    """Lets one shard fail once, and knows what was drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
        self.drawn: list[int] = []
        self.due = [first]
        monkeypatch.setattr(assets.graph.scenes, "draw_shard", self.draw)

    def draw(self, scratch: Path, shard: Shard, *rest: Any) -> None:
        if shard.first in self.due:
            self.due.remove(shard.first)
            raise SceneSetError("The power went.", "Wait.")
        self.drawn.append(shard.first)
        draw_shard(scratch, shard, *rest)


@pytest.fixture
def reconstructable_game(toy_game: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OUTPOST_GAMES", str(toy_game.pack_folder))
    monkeypatch.setenv("OUTPOST_EXECUTOR", "in_process")
    return toy_game


def execute(
    instance: dg.DagsterInstance, repeating: dg.ReexecutionOptions | None = None
) -> dg.JobExecutionResult:
    """A run of the set alone, in shards of 10 images."""
    return dg.execute_job(
        job_of_the_code_location(),
        instance,
        run_config={"ops": {"toy__synthetic_set": {"config": {"shard_images": 10}}}},
        asset_selection=[KEY],
        reexecution_options=repeating,
        raise_on_error=False,
    )


def test_going_on_after_a_failure_draws_what_is_missing_and_nothing_else(
    reconstructable_game: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interruption = Interruption(monkeypatch, first=20)
    with reconstructable_game.instance() as instance:
        failed = execute(instance)
        assert not failed.success
        assert sorted(interruption.drawn) == [0, 10, 30]
        interruption.drawn.clear()
        again = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        assert execute(instance, again).success
        assert interruption.drawn == [20]
    version = (newest(reconstructable_game).tags or {})["dagster/data_version"]
    remove_tree(reconstructable_game.store.root / "toy" / "synthetic_set")
    assert draw(reconstructable_game).data_version == version


def test_ctrl_c_ends_the_drawing_at_once(toy_game: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster 1.13 repeats a step that was told to end, where it has a policy for failures."""
    shards = []

    def told_to_end(_scratch: Path, shard: Shard, *_: Any) -> None:
        shards.append(shard.first)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(assets.graph.scenes, "draw_shard", told_to_end)
    with pytest.raises(KeyboardInterrupt):
        draw(toy_game)
    assert shards == [0]


def test_a_run_whose_workshop_was_collected_says_what_to_do(
    reconstructable_game: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`outpost gc` removes what nobody has gone on with for a day."""
    Interruption(monkeypatch, first=20)
    with reconstructable_game.instance() as instance:
        failed = execute(instance)
        remove_tree(reconstructable_game.store.root / "toy/synthetic_set/staging")
        repeated = execute(instance, dg.ReexecutionOptions.from_failure(failed.run_id, instance))
        assert not repeated.success
        (problem,) = (str(e.event_specific_data) for e in repeated.get_step_failure_events())
        assert "No synthetic set was started in" in problem
        assert "materialize the set again" in problem
        retried = instance.all_logs(repeated.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
        assert not retried, "no repetition would bring it back"


def test_shards_of_other_sprites_never_meet_in_one_set(
    reconstructable_game: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps of a failed run are executed again, after what they draw was made anew."""
    interruption = Interruption(monkeypatch, first=20)
    with reconstructable_game.instance() as instance:
        failed = execute(instance)
        reconstructable_game.redraw_sprites()
        interruption.drawn.clear()
        assert execute(instance, dg.ReexecutionOptions(parent_run_id=failed.run_id)).success
        assert sorted(interruption.drawn) == [0, 10, 20, 30]


def test_other_code_does_not_finish_what_it_did_not_begin(
    reconstructable_game: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Interruption(monkeypatch, first=20)
    with reconstructable_game.instance() as instance:
        failed = execute(instance)
        monkeypatch.setattr(assets.graph.scenes, "code_version_behind", lambda *_, **__: "another")
        repeated = execute(instance, dg.ReexecutionOptions.from_failure(failed.run_id, instance))
        assert not repeated.success
        problems = [str(event.event_specific_data) for event in repeated.get_step_failure_events()]
        assert "have changed since this set was begun" in problems[0]


def test_all_code_that_draws_counts_as_a_change_and_no_other() -> None:
    """What shows, compares or shares out images may change without drawing them again."""
    found = modules_behind(*SCENE_CODE, without=NOT_SCENE_CODE)
    rooms = {name.split(".")[2] for name in found if name.startswith("pipeline.scenes.")}
    assert rooms == {"plan", "pixels", "sources", "planning", "rendering", "dataset"}
    assert {"pipeline.scenes.pixels.compiled_kernels", "pipeline.labels.boxes"} <= found
    assert not {"pipeline.scenes.dataset.shards", "pipeline.scenes.dataset.checks"} & found
    everything = modules_behind(*SCENE_CODE)
    assert everything >= NOT_SCENE_CODE, "an exception that nothing needs any more"


@pytest.mark.parametrize(("images", "shard_images"), [(1, 500), (3, 1)])
def test_sets_of_any_size_can_be_drawn(toy_game: Any, images: int, shard_images: int) -> None:
    draw(toy_game, images=images, shard_images=shard_images)
    assert newest(toy_game).metadata["images"].value == images
