"""Boxes to correct and what became of them, as assets."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from doubles.artifacts import write_export_reports
from doubles.cvat import CvatDouble, running_cvat
from doubles.models import export_metadata, write_detector
from doubles.pages import newest
from doubles.prelabels import screenshot, write_annotation_batch
from doubles.toy import CLASSES
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.core.building import NotMaterializedError
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.operations.annotating.batch_choice import chosen_batches
from assets.operations.gallery import make_gallery
from assets.operations.kept_artifacts import collect_garbage
from pipeline.annotation.annotation_batch import SelectionSummary
from pipeline.annotation.prelabels import Prelabels
from pipeline.gallery.collections import GalleryError
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.coco_writer import write_coco
from pipeline.labels.formats.written_images import LabelledImage
from resources.artifacts import ABANDONED_AFTER_SECONDS
from resources.cvat import Cvat
from resources.defaults import Resources
from resources.paths import Paths

HOUSE = LabelledBox(0, Box(10, 10, 30, 40))
BOAT = LabelledBox(1, Box(40, 4, 60, 20))


def write_model(folder: Path) -> None:
    rows = np.zeros((300, 6), np.float32)
    # A frame of 64x48 stands in a square of 128 below and above 16 grey rows.
    rows[0], rows[1] = (20, 36, 60, 96, 0.9, 0), (80, 24, 120, 56, 0.4, 1)
    write_detector(folder / "model.onnx", export_metadata(CLASSES), rows)
    write_export_reports(folder, CLASSES)


def write_returned(folder: Path, scratch: Path, names: str = "abz") -> None:
    import io

    def content(image: LabelledImage) -> bytes:
        file = io.BytesIO()
        screenshot(image.path.partition(".")[0]).save(file, "PNG")
        return file.getvalue()

    images = [
        LabelledImage("a.png", 64, 48, (HOUSE,)),
        LabelledImage("b.png", 64, 48, (HOUSE, LabelledBox(0, Box(1, 1, 9, 9)))),
        LabelledImage("z.png", 64, 48, (HOUSE,)),
    ]
    images = [image for image in images if image.path.partition(".")[0] in names]
    write_coco(scratch / "export.zip", images, CLASSES, content)
    ExportBatch.write(folder, read_export(scratch / "export.zip", CLASSES), scratch / "export.zip")


def age(folder: Path) -> None:
    then = time.time() - ABANDONED_AFTER_SECONDS - 60
    for place in (*folder.rglob("*"), folder):
        os.utime(place, (then, then))


def write_batch(folder: Path, blind: str) -> None:
    write_annotation_batch(folder, "abc", blind)
    SelectionSummary(
        screenshots=3,
        unreadable={},
        duplicates=0,
        labelled=0,
        candidates=3,
        sessions={"": 3},
        model="",
        boxes_per_detection=1.0,
        weights={},
        boxes=6,
    ).write(folder)


class Loop:
    """A toy game with a model and a batch of frames that goes out."""

    def __init__(self, game: Any) -> None:
        self.game, self.keys = game, GameKeys.of(game.pack)
        self.definitions = build_definitions(game.pack, {"cvat": Cvat(poll_seconds=0.01)})
        self.resources = Resources.of(Paths.from_environment())

    def add_batch(
        self, name: str = "first", asset: str = "annotation_batch", blind: str = "b"
    ) -> None:
        self.partition(self.keys.annotation_batches, name)
        self.game.add(asset, lambda folder: write_batch(folder, blind), name)

    def receive(self, scratch: Path, export: str = "returned", names: str = "abz") -> None:
        """What people made of the batch comes back."""
        self.partition(self.keys.export_batches, export)
        self.game.add("cvat_export", lambda folder: write_returned(folder, scratch, names), export)

    def states(self, name: str) -> list[tuple[str, str]]:
        """What `outpost annotate list` tells of a batch."""
        batches = chosen_batches(self.resources, self.game.pack_folder)
        return [(one.asset, one.state) for one in batches if one.batch == name]

    def partition(self, partitions: dg.DynamicPartitionsDefinition, name: str) -> None:
        with self.game.instance() as instance:
            instance.add_dynamic_partitions(str(partitions.name), [name])

    def make(self, key: dg.AssetKey, partition: str, **config: Any) -> dict[str, Any]:
        """What the page shows."""
        ops = {key.to_python_identifier(): {"config": config}} if config else {}
        with self.game.instance() as instance:
            materialize(self.definitions, instance, [key], partition=partition, config=ops)
            metadata = newest(instance, key).metadata
        return {name: item.value for name, item in metadata.items()}


@pytest.fixture
def loop(toy_game: Any) -> Loop:
    toy_game.add("onnx_export", write_model)
    return Loop(toy_game)


def test_a_batch_gets_boxes_to_correct(loop: Loop) -> None:
    loop.add_batch()
    page = loop.make(loop.keys.prelabels, "first", tiles=True)
    assert (page["frames"], page["blind_frames"]) == (3, 1)
    assert (page["boxes"], page["blind_boxes"]) == (4, 2)
    assert "| house | 2 | 1 |" in page["per_class"]
    assert "detector_runtime" in page["model"]
    assert "boxes to correct" in page["preview"]
    assert "scores" in page["preview"]
    assert Prelabels.open(Path(page["folder"])).coco.is_file()
    assert loop.make(loop.keys.prelabels, "first", tiles=True)["outcome"].startswith("unchanged")
    sure = loop.make(loop.keys.prelabels, "first", tiles=True, confidence=0.5)
    assert sure["boxes"] == 2


def test_what_came_back_is_compared_and_shown_in_the_gallery(loop: Loop, tmp_path: Path) -> None:
    loop.add_batch()
    loop.make(loop.keys.prelabels, "first", tiles=True)
    loop.receive(tmp_path)
    page = loop.make(loop.keys.label_corrections, "returned")
    assert (page["frames_shown"], page["frames_blind"]) == (1, 1)
    assert page["frames_never_prelabelled"] == 1
    assert page["annotation_batches"] == "first"
    assert page["outcome_of_prelabels"] == "2 frames of first came back, 1 of them blind."
    assert page["outcome_of_boxes"].startswith("Of 2 boxes that people saw, 1 were kept")
    assert page["kept_share"] == 0.5
    assert "| house | 1 | 1 | 0 | 0 | 0 | 0 | 100% |  |" in page["corrections"]
    assert "| boat | 1 | 0 | 0 | 0 | 1 | 0 | 0% |  |" in page["corrections"]
    assert "| house | 1 | 1 | 0 | 0 | 0 | 1 | 100% |  |" in page["blind_comparison"]
    assert "too few" in page["bias_of_prelabels"]
    assert "what became of the boxes" in page["preview"]
    for asset, words in (
        ("prelabels@first", ("prelabel", "blind")),
        ("label_corrections@returned", ("kept", "deleted", "added", "What became of the boxes")),
    ):
        folder = make_gallery(loop.resources, f"toy/{asset}", None).parent
        data = (folder / "data.js").read_text("utf-8")
        assert all(word in data for word in words)
    with pytest.raises(GalleryError, match="page for each batch"):
        make_gallery(loop.resources, "toy/label_corrections", None)


def test_a_batch_that_never_went_out_says_so(loop: Loop, tmp_path: Path) -> None:
    loop.receive(tmp_path)
    page = loop.make(loop.keys.label_corrections, "returned")
    assert page["outcome_of_prelabels"].startswith("No frame of this batch was pre-labelled")
    assert page["corrections"] == "none"


def test_hard_negatives_are_prelabelled_too(loop: Loop) -> None:
    loop.add_batch("cavalry", "hard_negatives")
    assert loop.make(loop.keys.prelabels, "cavalry")["frames"] == 3


def test_without_a_model_or_a_batch_it_is_told_what_to_do(toy_game: Any) -> None:
    loop = Loop(toy_game)
    loop.partition(loop.keys.annotation_batches, "first")
    with pytest.raises(NotMaterializedError, match=r"toy/annotation_batch\[first\]|first"):
        loop.make(loop.keys.prelabels, "first")
    loop.add_batch()
    with pytest.raises(NotMaterializedError, match="no model of this game") as caught:
        loop.make(loop.keys.prelabels, "first")
    assert "yoloe" in caught.value.fix


@pytest.fixture
def cvat(monkeypatch: pytest.MonkeyPatch) -> Iterator[CvatDouble]:
    with running_cvat() as double:
        double.use(monkeypatch)
        yield double


def test_what_is_found_after_the_push_changes_no_comparison(
    loop: Loop, cvat: CvatDouble, tmp_path: Path
) -> None:
    loop.add_batch()
    sent = Path(loop.make(loop.keys.prelabels, "first", tiles=True)["folder"])
    page = loop.make(loop.keys.cvat_task, "first")
    assert (page["frames"], page["boxes"]) == (3, 4)
    newer = Path(loop.make(loop.keys.prelabels, "first", tiles=True, confidence=0.5)["folder"])
    cvat.tasks.pop(max(cvat.tasks))
    loop.make(loop.keys.cvat_task, "first")
    loop.receive(tmp_path)
    page = loop.make(loop.keys.label_corrections, "returned")
    assert "| boat | 1 | 0 | 0 | 0 | 1 | 0 | 0% |  |" in page["corrections"]

    with loop.game.instance() as instance:
        instance.wipe_assets([loop.keys.prelabels, loop.keys.label_corrections])
    age(loop.game.home / "artifacts")
    collect_garbage(loop.resources, delete=True)
    assert sent.is_dir(), "the tasks in CVAT were made from it"
    assert not newer.exists()
    assert loop.make(loop.keys.label_corrections, "returned")["corrections"] == page["corrections"]


def test_the_bias_is_told_where_blind_frames_come_back_in_an_export_of_their_own(
    loop: Loop, tmp_path: Path
) -> None:
    loop.add_batch()
    loop.make(loop.keys.prelabels, "first", tiles=True)
    for export, names in (("shown", "a"), ("blind", "b"), ("unrelated", "z")):
        loop.receive(tmp_path, export, names)
        page = loop.make(loop.keys.label_corrections, export)
        assert ("with frames of shown" in page["bias_of_prelabels"]) is (export == "blind")
    page = loop.make(loop.keys.label_corrections, "shown")
    assert page["bias_of_prelabels"].endswith("with frames of blind")
    assert (page["frames_shown"], page["frames_blind"]) == (1, 0)
    loop.make(loop.keys.label_corrections, "blind")
    for export in ("shown", "blind"):
        again = loop.make(loop.keys.label_corrections, export)
        assert again["outcome"].startswith("unchanged"), "it does not go round in circles"


def test_boxes_that_were_not_sent_were_seen_by_nobody(
    loop: Loop, cvat: CvatDouble, tmp_path: Path
) -> None:
    loop.add_batch()
    loop.make(loop.keys.prelabels, "first", tiles=True)
    assert loop.make(loop.keys.cvat_task, "first", with_prelabels=False)["boxes"] == 0
    assert len(cvat.tasks) == 2
    loop.receive(tmp_path)
    page = loop.make(loop.keys.label_corrections, "returned")
    assert (page["frames_shown"], page["frames_blind"]) == (0, 1)
    assert page["frames_sent_without_boxes"] == 1
    assert page["corrections"] == "none"
    assert "| sent without boxes | 1 |" in page["agreement"]
    assert page["bias_of_prelabels"] == "cannot be told: no shown frames came back so far"


def test_hard_negatives_go_to_cvat_with_boxes_or_without(loop: Loop, cvat: CvatDouble) -> None:
    loop.add_batch("cavalry", "hard_negatives")
    with pytest.raises(NotMaterializedError, match="No boxes to correct") as caught:
        loop.make(loop.keys.cvat_task, "cavalry")
    assert "outpost annotate prelabel cavalry" in caught.value.fix
    assert "--no-prelabels" in caught.value.fix
    assert not cvat.tasks
    loop.make(loop.keys.prelabels, "cavalry", tiles=True)
    assert loop.make(loop.keys.cvat_task, "cavalry")["boxes"] == 4
    loop.add_batch("boats", "hard_negatives")
    assert loop.make(loop.keys.cvat_task, "boats", with_prelabels=False)["boxes"] == 0


def test_of_two_batches_of_a_name_the_newer_one_counts(loop: Loop) -> None:
    loop.add_batch()
    assert loop.make(loop.keys.prelabels, "first")["blind_frames"] == 1
    assert loop.states("first") == [("annotation_batch", "prelabelled")]
    loop.add_batch("first", "hard_negatives", blind="")
    assert loop.states("first") == [
        ("annotation_batch", "prelabelled"),
        ("hard_negatives", "chosen"),
    ]
    assert loop.make(loop.keys.prelabels, "first")["blind_frames"] == 0
    assert loop.states("first") == [
        ("annotation_batch", "chosen"),
        ("hard_negatives", "prelabelled"),
    ]


def test_boxes_are_found_from_the_command_line(loop: Loop) -> None:
    loop.add_batch()

    def prelabel(name: str, *words: str) -> Result:
        game = ["--game", str(loop.game.pack_folder)]
        return CliRunner().invoke(app, ["annotate", "prelabel", name, *words, *game])

    found = prelabel("first", "--tiles", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["frames"], told["blind"], told["boxes"], told["unchanged"]) == (3, 1, 4, False)
    assert Path(told["coco"]).is_file()
    assert "found 2 boxes" in prelabel("first", "--tiles", "--confidence", "0.5").stdout
    for name, words, said in (
        ("second", (), "There is no annotation batch 'second'"),
        ("first", ("--backend", "yoloe"), "checkpoint"),
        ("first", ("--backend", "other"), "other"),
    ):
        result = prelabel(name, *words)
        assert (result.exit_code > 0, said in result.stderr) == (True, True), result.output
