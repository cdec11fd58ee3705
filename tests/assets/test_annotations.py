"""What a merge and a batch say about exports that they do without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.artifacts import write_set_summary
from doubles.exports import write_export
from doubles.pages import shown
from PIL import Image

from assets.core.building import NOTICE_LOGGER, AssetBuild, build_asset
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from assets.graph.annotations import dry_run, left_out_batches
from pipeline.games.pack import load_pack
from resources.artifacts import Artifacts
from resources.exports import ExportsFolder
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)


class Desk:
    """An instance, a store and an exports folder of one game."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance = instance
        paths = Paths.below(folder)
        self.exports = ExportsFolder(paths=paths, folder=str(folder / "exports"))
        self.exports.path("demo").mkdir()
        self.artifacts = Artifacts(paths=paths)
        resources = {"exports": self.exports, "artifacts": self.artifacts}
        self.definitions = build_definitions(PACK, resources)

    def drop(self, name: str, label: str = "sheep", frame: str = "", turned: bool = False) -> None:
        """An export with one image of one thing becomes a partition."""
        file = self.exports.path("demo") / name
        frame = frame or f"{file.stem}_00.png"
        image = Image.linear_gradient("L").rotate(90 * turned).resize((64, 48)).convert("RGB")
        write_export(file, {frame: image}, [label], [(frame, label, (10, 10, 20, 16))])
        register_batches(self.instance, PACK, self.exports)

    def make(self, key: dg.AssetKey, partition: str | None = None) -> dict[str, Any]:
        """Materialize one asset; returns what its page shows."""
        materialize(self.definitions, self.instance, [key], partition=partition)
        return shown(self.instance, key)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A game whose synthetic set is made."""
    with dg.instance_for_test() as instance:
        made = Desk(instance, tmp_path)
        resources = {"artifacts": made.artifacts}
        assert dg.materialize([tiny_synthetic_set], instance=instance, resources=resources).success
        yield made


@dg.asset(key=KEYS.synthetic_set)
def tiny_synthetic_set(
    context: dg.AssetExecutionContext, artifacts: Artifacts
) -> dg.MaterializeResult[Any]:
    build = AssetBuild(context, artifacts.store, KEYS.synthetic_set, "c1", {})
    return build_asset(build, write_synthetic_set, lambda _folder: {})


def write_synthetic_set(folder: Path) -> None:
    for subset, colour in (("train", (200, 40, 40)), ("val", (40, 40, 200))):
        for kind in ("images", "labels"):
            (folder / kind / subset).mkdir(parents=True)
        Image.new("RGB", (64, 48), colour).save(folder / f"images/{subset}/synth_{subset}.jpg")
        (folder / f"labels/{subset}/synth_{subset}.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    write_set_summary(folder, PACK.class_names, images=2)


def test_a_merge_names_the_batches_that_were_never_read(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("good.zip")
    desk.drop("refused.zip", label="dragon")
    desk.drop("heldout_later.zip")
    desk.make(KEYS.cvat_export, "good")
    with pytest.raises(Exception, match="dragon"):
        desk.make(KEYS.cvat_export, "refused")
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        shown = desk.make(KEYS.cvat_merge)
    assert shown["left_out_batches"] == "refused", "held-out batches never enter a merge"
    assert "'refused' is left out of the merge" in caplog.text
    assert "cvat_export [refused]" in caplog.text


def test_a_merge_of_all_batches_leaves_none_out(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    assert left_out_batches(desk.instance, PACK) == ()
    shown = desk.make(KEYS.cvat_merge)
    assert shown["left_out_batches"] == "none"
    assert "| keep | 0 | 0 | 1 | 1 |" in shown["coverage"]
    assert "| sheep | 1 | 0 | 0 | 0 |" in shown["coverage"]


def test_a_merge_names_the_batches_whose_replacement_was_refused(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    desk.drop("good.zip", label="dragon")
    with pytest.raises(Exception, match="dragon"):
        desk.make(KEYS.cvat_export, "good")
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        shown = desk.make(KEYS.cvat_merge)
    assert shown["outdated_batches"] == "good"
    assert "'good' was replaced since it was read" in caplog.text


def test_a_merge_of_what_lies_there_is_up_to_date(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    assert desk.make(KEYS.cvat_merge)["outdated_batches"] == "none"


def test_a_dry_run_warns_of_the_same(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    desk.drop("good.zip", label="dragon")
    desk.drop("unread.zip")
    store, rules = desk.artifacts.store, PACK.merge
    summary = dry_run(desk.instance, store, desk.exports, PACK, rules)
    texts = " ".join(summary.warnings)
    assert "'unread' is left out of the merge" in texts
    assert "'good' was replaced since it was read" in texts


def test_a_batch_says_which_export_of_its_name_was_passed_over(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("a b.zip")
    desk.drop("a_b.zip")
    assert desk.instance.get_dynamic_partitions("demo_export_batches") == ["a_b"]
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        assert desk.make(KEYS.cvat_export, "a_b")["frames"] == 1
    assert "a_b.zip is passed over, because a b.zip" in caplog.text


def test_frames_of_one_name_are_no_leak_and_the_same_image_is(desk: Desk) -> None:
    desk.drop("match.zip", frame="frame_000000.PNG")
    desk.drop("heldout_other.zip", frame="frame_000000.PNG", turned=True)
    desk.make(KEYS.cvat_export, "match")
    desk.make(KEYS.cvat_export, "heldout_other")
    assert desk.make(KEYS.cvat_merge)["real_train"] == 1
    desk.drop("heldout_same.zip", frame="quite_another.png")
    desk.make(KEYS.cvat_export, "heldout_same")
    with pytest.raises(Exception, match="leakage"):
        desk.make(KEYS.cvat_merge)


def test_a_merge_shows_what_was_corrected_and_how(desk: Desk) -> None:
    old, new = (f"task_7-2026_01_0{day}_10_00_00-coco 1.0" for day in (1, 9))
    for name, label in ((old, "sheep"), (new, "rider")):
        desk.drop(f"{name}.zip", label, frame="frame_000000.PNG")
        desk.make(KEYS.cvat_export, name.replace(" ", "_"))
    shown = desk.make(KEYS.cvat_merge)
    old, new = (name.replace(" ", "_") for name in (old, new))
    assert f"| {old} | {new} | a newer export of task_7 |" in shown["replaced_batches"]
    assert "1 relabelled" in shown["differences"]
    assert f"'{old}' is not used" in shown["warnings"]
    assert "| rider | 1 | 0 | 0 | 0 |" in shown["coverage"]
