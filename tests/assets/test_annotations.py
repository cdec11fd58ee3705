"""What a merge and a batch say about exports that they do without."""

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.artifacts import recorded, write_set_summary
from doubles.exports import write_export
from doubles.pages import shown
from PIL import Image

from assets.core.building import NOTICE_LOGGER, AssetBuild, build_asset, latest
from assets.core.keys import GameKeys
from assets.core.page_images import images_folder
from assets.core.runs import CheckFailedError, materialize, register_batches
from assets.definitions import build_definitions
from assets.graph.annotations import dry_run, left_out_batches
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import READ_AGAIN
from pipeline.labels.merge import MergeError
from pipeline.provenance import Recipe
from pipeline.release.lineage.audit import AuditReport, audit
from resources.artifacts import Artifacts
from resources.exports import Exports
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)


class Desk:
    """An instance, a store and an exports folder of one game."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, pack: GamePack = PACK) -> None:
        self.instance = instance
        paths = Paths.below(folder)
        self.exports = Exports(paths=paths, folder=str(folder / "exports"))
        self.exports.path("demo").mkdir()
        self.artifacts = Artifacts(paths=paths)
        resources = {"exports": self.exports, "artifacts": self.artifacts}
        self.definitions = build_definitions(pack, resources)

    def drop(self, name: str, *labels: str, frame: str = "", turned: bool = False) -> None:
        """An export with one image, of a sheep or of things so labelled, becomes a partition."""
        file = self.exports.path("demo") / name
        frame = frame or f"{file.stem}_00.png"
        image = Image.linear_gradient("L").rotate(90 * turned).resize((64, 48)).convert("RGB")
        used = labels or ("sheep",)
        boxes = [(frame, name, (10 + 25 * n, 10, 20, 16)) for n, name in enumerate(used)]
        write_export(file, {frame: image}, used, boxes)
        register_batches(self.instance, PACK, self.exports, self.artifacts.store)

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
    desk.drop("refused.zip", "dragon")
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
    assert "| keep | 0 | 0 | 0 | 1 | 1 |" in shown["coverage"]
    assert "| sheep | 1 | 0 | 0 | 0 | 0 |" in shown["coverage"]


def test_a_merge_names_the_batches_whose_replacement_was_refused(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    desk.drop("good.zip", "dragon")
    with pytest.raises(Exception, match="dragon"):
        desk.make(KEYS.cvat_export, "good")
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        shown = desk.make(KEYS.cvat_merge)
    assert shown["outdated_batches"] == "good"
    assert "'good' was replaced since it was read" in caplog.text


def test_a_merge_names_the_batches_whose_export_was_taken_away(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    assert desk.make(KEYS.cvat_merge)["withdrawn_batches"] == "none"
    (desk.exports.path("demo") / "good.zip").unlink()
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        page = desk.make(KEYS.cvat_merge)
    assert (page["withdrawn_batches"], page["real_train"]) == ("good", 1)
    warnings = dry_run(desk.instance, desk.artifacts.store, desk.exports, PACK, PACK.merge).warnings
    for told in (caplog.text, " ".join(warnings)):
        assert "The export of the batch 'good' is no longer where it was" in told
        assert "`outpost batches retire good --game demo`" in told


def test_a_merge_of_what_lies_there_is_up_to_date(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    assert desk.make(KEYS.cvat_merge)["outdated_batches"] == "none"


def test_a_dry_run_warns_of_the_same(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    desk.drop("good.zip", "dragon")
    desk.drop("unread.zip")
    store, rules = desk.artifacts.store, PACK.merge
    summary = dry_run(desk.instance, store, desk.exports, PACK, rules)
    texts = " ".join(summary.warnings)
    assert "'unread' is left out of the merge" in texts
    assert "'good' was replaced since it was read" in texts
    assert "leakage" not in texts
    desk.drop("heldout_match.zip")
    desk.make(KEYS.cvat_export, "heldout_match")
    warnings = dry_run(desk.instance, store, desk.exports, PACK, rules).warnings
    assert any("1 held-out frames are trained on" in text for text in warnings)


def test_a_dry_run_names_exports_that_are_no_partition_yet(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.make(KEYS.cvat_export, "good")
    for name in ("new.zip", "heldout_new.zip"):
        shutil.copyfile(desk.exports.path("demo") / "good.zip", desk.exports.path("demo") / name)
    store, rules = desk.artifacts.store, PACK.merge
    texts = dry_run(desk.instance, store, desk.exports, PACK, rules).warnings
    told = [text for text in texts if "was not taken yet" in text]
    assert len(told) == 1
    assert told[0].startswith("The export 'new' has arrived")
    assert "demo_export_sensor" in told[0]


def test_a_batch_says_which_export_of_its_name_was_passed_over(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.drop("a b.zip")
    desk.drop("a_b.zip")
    assert desk.instance.get_dynamic_partitions("demo_export_batches") == ["a_b"]
    with caplog.at_level("INFO", NOTICE_LOGGER.name):
        assert desk.make(KEYS.cvat_export, "a_b")["frames"] == 1
    assert "a_b.zip is passed over, because a b.zip" in caplog.text


def test_an_unknown_label_fails_a_check_that_names_the_nearest_class(desk: Desk) -> None:
    desk.drop("good.zip", "sheep", "Goldmime")
    with pytest.raises(CheckFailedError, match="nearest class is 'gold_mine'"):
        desk.make(KEYS.cvat_export, "good")
    with pytest.raises(CheckFailedError, match="'Goldmime' is no class of this game"):
        desk.make(KEYS.cvat_merge)


def test_a_label_that_the_pack_leaves_out_fails_nothing(tmp_path: Path) -> None:
    rules = PACK.merge.model_copy(update={"left_out_labels": ["gold-mime"]})
    with dg.instance_for_test() as instance:
        desk = Desk(instance, tmp_path, PACK.model_copy(update={"merge": rules}))
        desk.drop("good.zip", "sheep", "Gold Mime")
        page = desk.make(KEYS.cvat_export, "good")
    assert "| Gold Mime | 1 |" in page["unknown_labels"]


def test_a_label_that_a_batch_leaves_out_fails_nothing(desk: Desk) -> None:
    desk.drop("good.zip", "sheep", "Gold Mime")
    config = {"demo__cvat_export": {"config": {"left_out_labels": ["gold_mime"]}}}
    materialize(
        desk.definitions, desk.instance, [KEYS.cvat_export], partition="good", config=config
    )
    assert "| Gold Mime | 1 |" in shown(desk.instance, KEYS.cvat_export)["left_out_labels"]
    assert desk.make(KEYS.cvat_merge)["unknown_labels"] == "none"


def test_a_label_spelt_otherwise_fails_nothing_and_is_shown(desk: Desk) -> None:
    desk.drop("good.zip", "sheep", "Gold Mine")
    assert "| Gold Mine | gold_mine |" in desk.make(KEYS.cvat_export, "good")["respelt_labels"]


def test_what_looks_wrong_is_on_the_page_of_the_batch(desk: Desk) -> None:
    file = desk.exports.path("demo") / "good.zip"
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    boxes = [("a_0.png", "sheep", (10, 10, side, 16)) for side in (20, 20, 3)]
    write_export(file, {"a_0.png": image}, ["sheep"], boxes)
    register_batches(desk.instance, PACK, desk.exports, desk.artifacts.store)
    page = desk.make(KEYS.cvat_export, "good")
    assert "| double | 1 |" in page["finding_counts"]
    assert "/jpg) | sheep | 10, 10, 13, 26 | is only 3.0x16.0 px large |" in page["findings"]


def test_rejected_shapes_are_on_the_page_with_their_crops(desk: Desk) -> None:
    file = desk.exports.path("demo") / "good.zip"
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    boxes = [("a_0.png", "sheep", (10, 10, side, 16)) for side in (20, 0, 20)]
    write_export(file, {"a_0.png": image}, ["sheep"], boxes)
    register_batches(desk.instance, PACK, desk.exports, desk.artifacts.store)
    page = desk.make(KEYS.cvat_export, "good")
    row = r"\[a\\_0\.png\]\(/logs/images/(\w+)/jpg\) \| sheep \| 10, 10, 10, 26 \| has no area"
    (digest,) = re.findall(row, page["rejected"])
    folder = images_folder(desk.instance)
    assert folder is not None
    with Image.open(folder / f"{digest}.jpg") as frame:
        assert frame.size == (64, 48)
        red, green, _ = frame.convert("RGB").getpixel((10, 18))  # type: ignore[misc]
    assert red > green + 40, "the shape is outlined"
    titles = ("labelled frames", "rejected shapes", "what looks wrong")
    assert [title in page["preview"] for title in titles] == [True] * 3
    assert page["gallery"] == "outpost gallery demo/cvat_export@good"


def test_a_long_table_says_how_many_rows_there_are(desk: Desk) -> None:
    file = desk.exports.path("demo") / "good.zip"
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    boxes = [("a_0.png", "sheep", (10, 10, side, 16)) for side in (20, *[0] * 60)]
    write_export(file, {"a_0.png": image}, ["sheep"], boxes)
    register_batches(desk.instance, PACK, desk.exports, desk.artifacts.store)
    page = desk.make(KEYS.cvat_export, "good")
    assert page["rejected"].count("has no area") == 50
    assert "| ... 50 of 60 are shown |  |  |  |" in page["rejected"]


def test_a_merge_shows_its_coverage_with_what_is_held_out(desk: Desk) -> None:
    desk.drop("good.zip")
    desk.drop("heldout_x.zip", "rider", turned=True)
    desk.make(KEYS.cvat_export, "good")
    desk.make(KEYS.cvat_export, "heldout_x")
    page = desk.make(KEYS.cvat_merge)
    assert "| class | train: good | train: synthetic |" in page["coverage_by_source"]
    assert "held out: heldout_x |" in page["coverage_by_source"]
    assert "| rider | 0 | 0 | 1 | 0 | 0 |" in page["coverage"]
    assert "boxes by split and source" in page["preview"]
    assert "rider" in page["zero_real_classes"]
    assert "sheep" in page["unvalidated_classes"]
    assert page["gallery"] == "outpost gallery demo/cvat_merge"


def test_a_merge_shows_what_each_rule_did_and_what_it_left_out(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.drop(f"{name}.zip", frame="same.png")
        desk.make(KEYS.cvat_export, name)
    page = desk.make(KEYS.cvat_merge)
    assert "| an image of several batches is taken from one | 1 frames left out |" in page["rules"]
    assert page["duplicate_count"] == 1
    assert "what rules left out" in page["preview"]


def test_a_yolo_export_is_read_when_the_launchpad_says_so(desk: Desk) -> None:
    image = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(image, "PNG")
    with zipfile.ZipFile(desk.exports.path("demo") / "good.zip", "w") as archive:
        archive.writestr("obj.names", "sheep")
        archive.writestr("obj_train_data/a_0.png", image.getvalue())
        archive.writestr("obj_train_data/a_0.txt", "0 0.5 0.5 0.5 0.5")
    register_batches(desk.instance, PACK, desk.exports, desk.artifacts.store)
    with pytest.raises(OutpostError, match="only rectangles"):
        desk.make(KEYS.cvat_export, "good")
    config = {"demo__cvat_export": {"config": {"accept_yolo": True}}}
    materialize(
        desk.definitions, desk.instance, [KEYS.cvat_export], partition="good", config=config
    )
    assert shown(desk.instance, KEYS.cvat_export)["boxes"] == 1


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


def test_held_out_frames_that_cannot_be_judged_fail_the_check_of_leaks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MergeError("Batch 'heldout_x' was read for another list of classes.", READ_AGAIN)

    monkeypatch.setattr("assets.checks.judged_frames", refuse)
    desk.drop("match.zip")
    desk.make(KEYS.cvat_export, "match")
    with pytest.raises(CheckFailedError, match="another list of classes"):
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
    assert "| rider | 1 | 0 | 0 | 0 | 0 |" in shown["coverage"]
    audited = [entry.version.partition for entry in audit_of_a_model(desk).chain]
    assert {old, new} <= set(audited), "what gave way is still there to be looked at"


def audit_of_a_model(desk: Desk) -> AuditReport:
    """Of weights that were trained on the newest training set."""
    store = desk.artifacts.store
    merged = latest(desk.instance, store, KEYS.cvat_merge).version
    recipe = Recipe(asset="demo/trained_weights", code_version="c", config={}, inputs=(merged,))
    with store.staging(recipe.asset) as staged:
        (staged / "best.pt").write_bytes(b"weights")
        artifact, _ = store.commit(staged, recorded(recipe))
    return audit(artifact.path / "best.pt", store, {})
