"""Boxes to correct and what became of them, as assets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from doubles.artifacts import write_export_reports
from doubles.models import export_metadata, write_detector
from doubles.pages import newest
from doubles.prelabels import screenshot, write_annotation_batch
from doubles.toy import CLASSES

from assets.core.building import NotMaterializedError
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.operations.gallery import make_gallery
from pipeline.annotation.prelabels import Prelabels
from pipeline.gallery.collections import GalleryError
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.coco_writer import write_coco
from pipeline.labels.formats.written_images import LabelledImage
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


def write_returned(folder: Path, scratch: Path) -> None:
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
    write_coco(scratch / "export.zip", images, CLASSES, content)
    ExportBatch.write(folder, read_export(scratch / "export.zip", CLASSES), scratch / "export.zip")


class Loop:
    """A toy game with a model and a batch of frames that goes out."""

    def __init__(self, game: Any) -> None:
        self.game, self.keys = game, GameKeys.of(game.pack)
        self.definitions = build_definitions(game.pack)
        self.resources = Resources.of(Paths.from_environment())

    def add_batch(self, name: str = "first", asset: str = "annotation_batch") -> None:
        self.partition(self.keys.annotation_batches, name)
        self.game.add(asset, lambda folder: write_annotation_batch(folder, "abc", "b"), name)

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
    loop.partition(loop.keys.export_batches, "returned")
    loop.game.add("cvat_export", lambda folder: write_returned(folder, tmp_path), "returned")
    page = loop.make(loop.keys.label_corrections, "returned")
    assert (page["frames_shown"], page["frames_blind"]) == (1, 1)
    assert page["frames_never_prelabelled"] == 1
    assert page["annotation_batches"] == "first"
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
    loop.partition(loop.keys.export_batches, "returned")
    loop.game.add("cvat_export", lambda folder: write_returned(folder, tmp_path), "returned")
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
