"""Boxes to correct: those of blind frames stay, the others go out as CVAT imports them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.prelabels import prelabelled, screenshot, write_annotation_batch

from pipeline.annotation.annotation_batch import AnnotationBatch
from pipeline.annotation.prelabels import PrelabelError, Prelabels
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from pipeline.labels.formats.written_images import LabelWriteError

NAMES = ("sheep", "wolf")
SHEEP = ScoredBox(0, 0.9, Box(4, 4, 20, 20))
WOLF = ScoredBox(1, 0.123456789, Box(30, 10, 50, 30))
OVER_THE_EDGE = ScoredBox(1, 0.5, Box(-9, -9, 9, 9))
OUTSIDE = ScoredBox(1, 0.5, Box(64, 0, 90, 20))


@pytest.fixture
def batch(tmp_path: Path) -> AnnotationBatch:
    return write_annotation_batch(tmp_path / "batch", ["a", "b", "c"], blind=["b"])


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_boxes_are_kept_inside_the_frame_the_surest_first(batch: AnnotationBatch) -> None:
    found = prelabelled(batch, {"a": [WOLF, OUTSIDE, SHEEP, OVER_THE_EDGE]}, NAMES)
    assert [(one.class_name, one.box, one.score) for one in found.frames[0].boxes] == [
        ("sheep", SHEEP.box, 0.9),
        ("wolf", Box(0, 0, 9, 9), 0.5),
        ("wolf", WOLF.box, 0.123457),
    ]
    assert found.frames[1].boxes == ()
    assert found.per_class(blind=False) == {"sheep": 1, "wolf": 2}


def test_nothing_of_a_blind_frame_goes_out(batch: AnnotationBatch, tmp_path: Path) -> None:
    found = prelabelled(batch, {look: [SHEEP] for look in "abc"}, NAMES)
    written = Prelabels.write(tmp_path, found)
    assert [frame.name for frame in found.frames if frame.blind and frame.boxes] == ["b.png"]
    coco = json.loads(members(written.coco)["annotations/instances_default.json"])
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "c.png"]
    assert len(coco["annotations"]) == 2
    yolo = members(tmp_path / "yolo.zip")
    assert b"b.png" not in yolo["train.txt"]
    assert "obj_train_data/b.txt" not in yolo


def test_prelabels_of_before_are_read(batch: AnnotationBatch, tmp_path: Path) -> None:
    written = Prelabels.write(tmp_path, prelabelled(batch, {"a": [SHEEP]}, NAMES))
    file = tmp_path / "prelabels.json"
    older = json.loads(file.read_text())
    for frame in older["frames"]:
        frame["stored_sha256"] = frame["sha256"]
    file.write_text(json.dumps(older))
    assert Prelabels.open(tmp_path) == written


def test_what_is_written_is_read_and_the_same_bytes_each_time(
    batch: AnnotationBatch, tmp_path: Path
) -> None:
    found = prelabelled(batch, {"a": [SHEEP, WOLF]}, NAMES)
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Prelabels.write(tmp_path / name, found)
        contents.append({one.name: one.read_bytes() for one in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert contents[0].keys() == {"prelabels.json", "coco.zip", "yolo.zip"}
    assert Prelabels.open(tmp_path / "one").content == found


def test_frames_that_differ_by_suffix_alone_have_no_yolo_archive(
    batch: AnnotationBatch, tmp_path: Path
) -> None:
    found = prelabelled(batch, {"a": [SHEEP]}, NAMES)
    twin = found.frames[0].model_copy(update={"name": "a.jpg"})
    both = found.model_copy(update={"frames": (twin, *found.frames)})
    written = Prelabels.write(tmp_path, both)
    assert both.sharing_a_label_file == ("a.jpg", "a.png")
    assert written.coco.is_file()
    assert not (tmp_path / "yolo.zip").exists()


def test_a_box_of_no_class_is_refused(batch: AnnotationBatch, tmp_path: Path) -> None:
    found = prelabelled(batch, {"a": [SHEEP]}, NAMES)
    with pytest.raises(LabelWriteError, match="class -1"):
        Prelabels.write(tmp_path, found.model_copy(update={"class_names": ("wolf",)}))


def test_an_image_of_another_size_is_refused(batch: AnnotationBatch) -> None:
    screenshot("a", (32, 24)).save(batch.folder / "images" / "a.png")
    with pytest.raises(PrelabelError, match="32x24"):
        prelabelled(batch, {}, NAMES)


def test_a_damaged_or_missing_image_is_named(batch: AnnotationBatch) -> None:
    file = batch.folder / "images" / "a.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(PrelabelError, match=r"a\.png cannot be read"):
        prelabelled(batch, {}, NAMES)
    file.unlink()
    with pytest.raises(PrelabelError, match=r"a\.png cannot be read"):
        prelabelled(batch, {}, NAMES)


def test_an_empty_batch_has_empty_prelabels(batch: AnnotationBatch, tmp_path: Path) -> None:
    found = prelabelled(replace(batch, frames=()), {}, NAMES)
    Prelabels.write(tmp_path, found)
    assert Prelabels.open(tmp_path).content.frames == ()


def test_damaged_prelabels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "prelabels.json").write_text('{"frames": []}')
    with pytest.raises(PrelabelError, match="Materialize prelabels again"):
        Prelabels.open(tmp_path)
