"""Export batches that are withdrawn, renamed, retired and put back; CVAT's subsets end to end."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from doubles.exports import write_export
from PIL import Image
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from assets.graph.annotations import (
    forget_batch,
    held_out_batches,
    judged_frames,
    left_out_batches,
    merged_batches,
)
from assets.operations.export_batches import UnknownBatchError, batch_table, retire
from pipeline.games.pack import load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.merge import MergeError
from resources.defaults import Resources
from resources.exports.base import NotRestoredError
from resources.files import remove_tree
from resources.instance import open_instance
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)


class State:
    """A state folder with its instance open, and exports in it."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.resources = Resources.of(Paths.below(folder))
        self.instance = instance
        self.exports = self.resources.exports.path(PACK.name)
        self.exports.mkdir(parents=True, exist_ok=True)
        self.definitions = build_definitions(PACK, self.resources.by_name())

    def drop(self, name: str, turn: int = 0, frame: str = "a_0.png") -> None:
        image = Image.linear_gradient("L").rotate(90 * turn).resize((64, 48)).convert("RGB")
        write_export(
            self.exports / name, {frame: image}, ["sheep"], [(frame, "sheep", (9, 9, 9, 9))]
        )

    def read(self) -> None:
        """Read every export that is there."""
        exports, store = self.resources.exports, self.resources.artifacts.store
        for batch in register_batches(self.instance, PACK, exports, store):
            materialize(self.definitions, self.instance, [KEYS.cvat_export], partition=batch)

    def merged(self) -> list[str | None]:
        store = self.resources.artifacts.store
        return [b.version.partition for b in merged_batches(self.instance, store, PACK)]

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["batches", *words], obj=self.resources)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with open_instance(Resources.of(Paths.below(tmp_path)).state) as instance:
        yield State(tmp_path, instance)


def states(state: State) -> dict[str, str]:
    return {row.batch: row.state for row in batch_table(state.resources, "demo").rows}


def test_a_retired_batch_serves_nothing_until_it_is_put_back(state: State) -> None:
    state.drop("match.zip")
    state.drop("other.zip", turn=1)
    state.read()

    told = state.run("retire", "match")

    assert told.exit_code == 0, told.output
    assert state.merged() == ["other"]
    assert left_out_batches(state.instance, PACK) == ()
    assert not (state.exports / "match.zip").exists()
    assert states(state) == {"other": "used", "match": "retired"}

    assert state.run("restore", "match").exit_code == 0
    assert state.merged() == ["match", "other"]
    assert (state.exports / "match.zip").is_file()
    assert states(state) == {"match": "used", "other": "used"}


def test_a_batch_whose_partition_was_deleted_stays_out_until_it_is_put_back(state: State) -> None:
    """As in the UI; its export stays where it is."""
    state.drop("match.zip")
    state.drop("other.zip", turn=1)
    state.read()
    forget_batch(state.instance, PACK, "match")

    state.read()  # As by `outpost dev` when it starts.
    assert state.merged() == ["other"]
    assert states(state) == {"match": "taken out", "other": "used"}

    assert state.run("restore", "match").exit_code == 0
    assert state.merged() == ["match", "other"]
    assert states(state) == {"match": "used", "other": "used"}


def test_another_export_of_a_name_that_was_taken_out_is_read(state: State) -> None:
    state.drop("match.zip")
    state.read()
    forget_batch(state.instance, PACK, "match")
    state.drop("match.zip", turn=1)
    assert states(state) == {"match": "not taken yet"}
    state.read()
    assert state.merged() == ["match"]


def test_what_the_store_has_lost_is_read_again_though_its_partition_was_deleted(
    state: State,
) -> None:
    state.drop("match.zip")
    state.read()
    forget_batch(state.instance, PACK, "match")
    version = latest_version(state.instance, KEYS.cvat_export, "match")
    assert version is not None
    remove_tree(state.resources.artifacts.store.open(version).path)
    assert states(state) == {"match": "not taken yet"}
    state.read()
    assert state.merged() == ["match"]


def test_the_list_tells_what_becomes_of_each_batch(state: State) -> None:
    for number, name in enumerate(("gone", "heldout_x", "match", "replaced")):
        state.drop(f"{name}.zip", turn=number)
    state.read()
    (state.exports / "gone.zip").unlink()
    state.drop("replaced.zip", turn=2, frame="b_0.png")
    state.drop("new.zip")

    assert states(state) == {
        "gone": "used, export withdrawn",
        "heldout_x": "used",
        "match": "used",
        "new": "not taken yet",
        "replaced": "used as it was read before",
    }
    shown = json.loads(state.run("list", "--json").stdout)
    (held_out,) = [row for row in shown if row["held_out"]]
    assert (held_out["batch"], held_out["frames"], held_out["boxes"]) == ("heldout_x", 1, 1)
    assert "evaluation" in state.run("list").stdout


def test_a_batch_may_be_retired_twice_and_the_newest_comes_back(state: State) -> None:
    state.drop("match.zip")
    state.read()
    retire(state.resources, "demo", "match")
    state.drop("match.zip", frame="b_0.png")
    state.read()
    retire(state.resources, "demo", "match")

    assert state.run("restore", "match").exit_code == 0

    rows = batch_table(state.resources, "demo").rows
    assert [(row.batch, row.state) for row in rows] == [("match", "used"), ("match", "retired")]
    store = state.resources.artifacts.store
    (batch,) = merged_batches(state.instance, store, PACK)
    assert [frame.name for frame in ExportBatch.open(batch.path).batch.frames] == ["b_0.png"]


def test_what_was_never_read_is_no_batch_that_is_used(state: State) -> None:
    (state.exports / "empty.zip").touch()
    (state.exports / "folder").mkdir()
    assert states(state) == {"empty": "no whole export", "folder": "no whole export"}

    assert state.run("retire", "empty").exit_code == 0
    assert state.run("restore", "empty").exit_code == 0

    assert left_out_batches(state.instance, PACK) == ()
    assert (state.exports / "empty.zip").is_file()


def test_where_no_export_has_arrived_it_is_said_where_to_drop_one(state: State) -> None:
    told = state.run("retire", "match")
    assert told.exit_code == 1
    assert "Drop an export into" in told.output


def test_what_cannot_be_done_says_so_and_changes_nothing(state: State) -> None:
    state.drop("match.zip")
    state.read()
    with pytest.raises(UnknownBatchError, match="no batch 'mach'"):
        retire(state.resources, "demo", "mach")
    with pytest.raises(NotRestoredError, match="was retired"):
        state.resources.exports.restore(PACK.name, "match")
    retire(state.resources, "demo", "match")
    state.drop("match.zip", turn=1)
    told = state.run("restore", "match")
    assert told.exit_code == 1
    assert "match.zip is the batch 'match' now" in told.output
    assert state.merged() == []


def test_a_renamed_export_takes_the_place_of_its_batch(state: State) -> None:
    state.drop("match.zip")
    state.read()
    (state.exports / "match.zip").rename(state.exports / "heldout_match.zip")
    state.read()

    store = state.resources.artifacts.store
    assert state.merged() == []
    assert [one.batch for one in judged_frames(state.instance, store, PACK)] == ["heldout_match"]
    assert states(state) == {"heldout_match": "used"}


def test_frames_that_were_read_for_other_classes_are_not_judged(state: State) -> None:
    state.drop("heldout_match.zip")
    state.read()
    pack = PACK.model_copy(update={"classes": PACK.classes[:-1]})
    with pytest.raises(MergeError, match="'heldout_match' was read for another list of classes"):
        judged_frames(state.instance, state.resources.artifacts.store, pack)


def test_a_copy_under_another_name_takes_no_place(state: State) -> None:
    state.drop("match.zip")
    state.read()
    (state.exports / "copy.zip").write_bytes((state.exports / "match.zip").read_bytes())
    state.read()
    assert state.merged() == ["copy", "match"]


def test_frames_of_the_subset_test_are_judged_and_never_trained_on(state: State) -> None:
    """As CVAT writes a project whose tasks have subsets."""
    export = state.exports / "project"
    for number, subset in enumerate(("Train", "Validation", "Test")):
        image = Image.linear_gradient("L").rotate(90 * number).resize((64, 48)).convert("RGB")
        (export / "images" / subset).mkdir(parents=True)
        image.save(export / "images" / subset / "frame_000000.png")
        (export / "annotations").mkdir(exist_ok=True)
        told = {
            "images": [{"id": 1, "width": 64, "height": 48, "file_name": "frame_000000.png"}],
            "categories": [{"id": 1, "name": "sheep"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 9, 9]}],
        }
        (export / "annotations" / f"instances_{subset}.json").write_text(json.dumps(told))
    state.read()

    store = state.resources.artifacts.store
    (judged,) = judged_frames(state.instance, store, PACK)
    assert judged.frame.subset == "Test"
    assert state.merged() == ["project"]

    # What labels a frame of it anew is an input of the evaluation too, as the image is its own.
    state.drop("match.zip", turn=2)
    state.read()
    (judged,) = judged_frames(state.instance, store, PACK)
    assert judged.batch == "match"
    held_out = held_out_batches(state.instance, store, PACK)
    assert [one.version.partition for one in held_out] == ["match", "project"]
