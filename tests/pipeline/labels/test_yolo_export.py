from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import ReadOptions, read_export
from pipeline.labels.formats.cvat_export import ExportError
from pipeline.labels.formats.yolo import LabelFileError

CLASSES = ("sheep", "wolf", "ship")
YOLO = ReadOptions(accept_yolo=True)
NAMES = "wolf\r\nSheep\r\ndragon\r\n"


def archive(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def image(shapes: Any, look: str) -> bytes:
    content = io.BytesIO()
    shapes.image(look, (64, 48)).save(content, "PNG")
    return content.getvalue()


def yolo_1_1(shapes: Any) -> dict[str, str | bytes]:
    """An export as CVAT writes it."""
    return {
        "obj.data": "classes = 3\nnames = data/obj.names\n",
        "obj.names": NAMES,
        "train.txt": "data/obj_train_data/day/a_0.png\n",
        "obj_train_data/day/a_0.png": image(shapes, "one"),
        "obj_train_data/day/a_0.txt": "0 0.5 0.5 0.25 0.25\n1 0.25 0.5 0.125 0.25\n2 .5 .5 .1 .1\n",
        "obj_train_data/a_1.png": image(shapes, "two"),
        "obj_Test_data/a_0.png": image(shapes, "three"),
        "obj_Test_data/a_0.txt": "0 0.5 0.5 1 1\n",
    }


@pytest.mark.parametrize(
    "members",
    [
        {"obj.data": "classes = 1", "obj.names": "wolf", "obj_train_data/a.txt": ""},
        {"export/obj.names": "wolf"},
        {"data.yaml": "names: {0: wolf}", "labels/train/a.txt": "0 0.5 0.5 0.1 0.1"},
    ],
)
def test_a_yolo_export_is_refused_with_the_reason(
    tmp_path: Path, members: dict[str, str | bytes]
) -> None:
    with pytest.raises(ExportError, match="only rectangles") as error:
        read_export(archive(tmp_path / "a.zip", members), CLASSES)
    assert "COCO 1.0" in error.value.fix


def test_yolo_1_1_is_read_where_it_is_accepted(tmp_path: Path, shapes: Any) -> None:
    source = archive(tmp_path / "a.zip", yolo_1_1(shapes))
    batch = read_export(source, CLASSES, options=YOLO)
    assert [(f.subset, f.folder, f.name, f.boxes) for f in batch.frames] == [
        ("Test", "", "a_0.png", (LabelledBox(1, Box(0, 0, 64, 48)),)),
        (
            "default",
            "day",
            "a_0.png",
            (LabelledBox(1, Box(24, 18, 40, 30)), LabelledBox(0, Box(12, 18, 20, 30))),
        ),
    ]
    assert [frame.name for frame in batch.unlabelled] == ["a_1.png"]
    assert [(label.name, label.shapes) for label in batch.unknown_labels] == [("dragon", 1)]
    assert [label.class_name for label in batch.respelt_labels] == ["sheep"]


def test_a_coco_export_is_read_as_ever_where_yolo_is_accepted(
    export: Any, shapes: Any, tmp_path: Path
) -> None:
    source = export.frame("a_0.png", shapes.rectangle("wolf", 0, 0, 5, 5)).write()
    assert read_export(source, CLASSES, options=YOLO) == read_export(source, CLASSES)


def test_a_yolo_batch_is_stored_like_any_other(tmp_path: Path, shapes: Any) -> None:
    members = yolo_1_1(shapes)
    del members["obj_Test_data/a_0.png"]
    source = archive(tmp_path / "a.zip", members)
    batch = read_export(source, CLASSES, options=YOLO)
    written = ExportBatch.write(tmp_path / "batch", batch, source)
    assert ExportBatch.open(tmp_path / "batch") == written


@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        ({"obj_train_data/a_1.txt": "9 0.5 0.5 0.1 0.1"}, LabelFileError, "class 9"),
        ({"obj_train_data/a_1.txt": "0 0.5 0.5"}, LabelFileError, "3 fields"),
        ({"obj_train_data/a_1.txt": b"\xff\xfe"}, ExportError, "is not text"),
        ({"obj_train_data/a_1.png": b"no image"}, ExportError, "corrupt"),
        ({"other/obj.names": "wolf"}, ExportError, "2 files obj.names"),
    ],
)
def test_a_damaged_yolo_export_names_the_place(
    tmp_path: Path,
    shapes: Any,
    changes: dict[str, str | bytes],
    error: type[Exception],
    problem: str,
) -> None:
    source = archive(tmp_path / "a.zip", {**yolo_1_1(shapes), **changes})
    with pytest.raises(error, match=problem):
        read_export(source, CLASSES, options=YOLO)


def test_a_turned_image_has_the_size_that_it_is_shown_at(tmp_path: Path, shapes: Any) -> None:
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    shapes.image("a", (48, 64)).save(turned, "JPEG", exif=exif)
    members = {
        "obj.names": NAMES,
        "obj_train_data/a_0.jpg": turned.getvalue(),
        "obj_train_data/a_0.txt": "0 0.5 0.5 1 1",
    }
    batch = read_export(archive(tmp_path / "a.zip", members), CLASSES, options=YOLO)
    assert batch.frames[0].boxes == (LabelledBox(1, Box(0, 0, 64, 48)),)


def test_the_subset_train_is_told_from_none(tmp_path: Path, shapes: Any) -> None:
    members = {
        "obj.names": NAMES,
        "obj_train_data/a_0.png": image(shapes, "none"),
        "obj_train_data/a_0.txt": "0 0.5 0.5 1 1",
        "obj_Train_data/a_0.png": image(shapes, "subset"),
    }
    batch = read_export(archive(tmp_path / "a.zip", members), CLASSES, options=YOLO)
    assert [frame.subset for frame in (*batch.frames, *batch.unlabelled)] == ["default", "Train"]
    members["obj_default_data/a_0.png"] = image(shapes, "another")
    with pytest.raises(ExportError, match=r"one subset, folder and name: default/a_0\.png"):
        read_export(archive(tmp_path / "b.zip", members), CLASSES, options=YOLO)
