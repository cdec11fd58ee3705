"""What is written for CVAT comes back whole, through our own readers."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import ReadOptions, read_export
from pipeline.labels.formats.coco_writer import coco_document, coco_text, write_coco
from pipeline.labels.formats.written_images import LabelledImage, LabelWriteError
from pipeline.labels.formats.yolo_writer import write_yolo

CLASSES = ("sheep", "wolf", "town center")
SIZES = ((64, 48), (2, 2), (333, 7))
PATHS = (
    *("a.png", "a_1.png", "day1/a.png", "day1/b/x y.png", "day2/é.PNG", "a.b.png"),
    "Screenshot 2026-01-01 at 12.00.09\u202fPM.png",  # As macOS 13 writes it.
    "対戦\u3000一/a\u200e.png",
)
COCO_PIXELS = 0.0051
SMALLEST = 1.02
"""Pixels of a side: what is rounded to less than one is refused on reading."""
YOLO_PIXELS = 0.002
"""A line has six decimals of an image's side; of 333 pixels that is a third of a thousandth."""
Writer = Callable[..., None]


@cache
def png(size: tuple[int, int]) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, (90, 120, 30)).save(content, "PNG")
    return content.getvalue()


def content(image: LabelledImage) -> bytes:
    return png((image.width, image.height))


@st.composite
def boxes_in(draw: st.DrawFn, width: int, height: int) -> LabelledBox:
    def side(length: int) -> tuple[float, float]:
        first = draw(st.floats(0, length - SMALLEST))
        return first, draw(st.floats(min(first + SMALLEST, length), length))

    (x1, x2), (y1, y2) = side(width), side(height)
    return LabelledBox(draw(st.integers(0, len(CLASSES) - 1)), Box(x1, y1, x2, y2))


@st.composite
def image_sets(draw: st.DrawFn) -> list[LabelledImage]:
    images = []
    for path in draw(st.lists(st.sampled_from(PATHS), unique=True, min_size=1)):
        width, height = draw(st.sampled_from(SIZES))
        boxes = draw(st.lists(boxes_in(width, height), max_size=4))
        scored = draw(st.booleans())
        scores = [draw(st.floats(0, 1)) for _ in boxes] if scored else []
        images.append(LabelledImage(path, width, height, tuple(boxes), tuple(scores)))
    # An export without any box is refused.
    images[0] = LabelledImage(images[0].path, 64, 48, (LabelledBox(1, Box(0, 0, 64, 48)),))
    return images


@pytest.mark.parametrize(
    ("write", "options", "tolerance"),
    [
        (write_coco, ReadOptions(), COCO_PIXELS),
        (write_yolo, ReadOptions(accept_yolo=True), YOLO_PIXELS),
    ],
)
@settings(max_examples=25, deadline=None)
@given(images=image_sets())
def test_every_box_comes_back(
    write: Writer, options: ReadOptions, tolerance: float, images: list[LabelledImage]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "new" / "out.zip"
        write(target, images, CLASSES, content)
        batch = read_export(target, CLASSES, options=options)
    frames = {"/".join(filter(None, (f.folder, f.name))): f for f in batch.frames}
    frames |= {"/".join(filter(None, (f.folder, f.name))): f for f in batch.unlabelled}
    assert frames.keys() == {image.path for image in images}
    assert batch.rejected == ()
    for image in images:
        frame = frames[image.path]
        # A reader keeps one of two boxes that are the same.
        expected = list(image.boxes)
        for found in frame.boxes:
            near = [one for one in expected if is_near(found, one, tolerance)]
            assert near, found
        for one in expected:
            assert any(is_near(found, one, tolerance) for found in frame.boxes), one


def is_near(found: LabelledBox, written: LabelledBox, tolerance: float) -> bool:
    return found.class_id == written.class_id and all(
        abs(a - b) <= tolerance for a, b in zip(found.box, written.box, strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(images=image_sets())
def test_ids_start_at_one_and_scores_stand_beside_their_box(images: list[LabelledImage]) -> None:
    document = json.loads(coco_text(images, CLASSES))
    assert [one["id"] for one in document["categories"]] == [1, 2, 3]
    assert [one["name"] for one in document["categories"]] == list(CLASSES)
    annotations = document["annotations"]
    assert [one["id"] for one in annotations] == list(range(1, len(annotations) + 1))
    assert [one["id"] for one in document["images"]] == list(range(1, len(images) + 1))
    written = [
        (image.path, box.class_id + 1, round(image.scores[i], 6) if image.scores else None)
        for image in images
        for i, box in enumerate(image.boxes)
    ]
    paths = {one["id"]: one["file_name"] for one in document["images"]}
    assert written == [
        (paths[one["image_id"]], one["category_id"], one.get("score")) for one in annotations
    ]
    assert all(one["segmentation"] == [] and one["iscrowd"] == 0 for one in annotations)
    assert all(("score" in one) == ("source" in one["attributes"]) for one in annotations)


@pytest.mark.parametrize("write", [write_coco, write_yolo])
def test_the_same_images_give_the_same_bytes(tmp_path: Path, write: Writer) -> None:
    images = [LabelledImage("a.png", 64, 48, (LabelledBox(0, Box(1, 2, 30, 40)),), (0.25,))]
    for name in ("one.zip", "two.zip"):
        write(tmp_path / name, images, CLASSES)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_yolo_archive_has_the_whole_layout(tmp_path: Path) -> None:
    labelled = LabelledImage("day/a.png", 64, 48, (LabelledBox(2, Box(0, 0, 32, 48)),))
    write_yolo(tmp_path / "out.zip", [labelled, LabelledImage("b.jpg", 64, 48)], CLASSES)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    assert members == {
        "obj.data": "classes = 3\ntrain = data/train.txt\nnames = data/obj.names\n"
        "backup = backup/\n",
        "obj.names": "sheep\nwolf\ntown center\n",
        "train.txt": "data/obj_train_data/day/a.png\ndata/obj_train_data/b.jpg\n",
        "obj_train_data/day/a.txt": "2 0.250000 0.500000 0.500000 1.000000\n",
        "obj_train_data/b.txt": "",
    }


BOX = LabelledBox(0, Box(1, 1, 9, 9))


@pytest.mark.parametrize(
    ("images", "names", "said"),
    [
        ([LabelledImage("../a.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("/a.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("C:/a.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("a\\b.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("a\n.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("a\u2028.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("\u202fa.png", 64, 48)], CLASSES, "path"),
        ([LabelledImage("a.png", 64, 48)] * 2, CLASSES, "which 2 images have"),
        ([LabelledImage("a.png", 64, 48, (BOX._replace(class_id=3),))], CLASSES, "class 3"),
        ([LabelledImage("a.png", 64, 8, (BOX,))], CLASSES, "does not lie in"),
        ([LabelledImage("a.png", 64, 48, (LabelledBox(0, Box(1, 1, 1, 9)),))], CLASSES, "lie in"),
        (
            [LabelledImage("a.png", 64, 48, (LabelledBox(0, Box(1, 1, float("nan"), 9)),))],
            CLASSES,
            "lie in",
        ),
        ([LabelledImage("a.png", 64, 48, (BOX,), (0.5, 0.5))], CLASSES, "2 scores for 1"),
        ([LabelledImage("a.png", 64, 48, (BOX,), (1.5,))], CLASSES, "between 0 and 1"),
        ([], ("sheep", "sheep"), "name of its own"),
        ([], ("she\nep",), "name of its own"),
        ([], ("",), "name of its own"),
    ],
)
def test_what_cannot_be_read_as_meant_is_refused(
    tmp_path: Path, images: list[LabelledImage], names: tuple[str, ...], said: str
) -> None:
    for write in (write_coco, write_yolo):
        with pytest.raises(LabelWriteError, match=said):
            write(tmp_path / "out.zip", images, names)
    assert list(tmp_path.iterdir()) == []


def test_images_that_differ_by_suffix_alone_share_no_label_file(tmp_path: Path) -> None:
    images = [LabelledImage("a.png", 64, 48), LabelledImage("A.jpg", 64, 48)]
    with pytest.raises(LabelWriteError, match="share a label file"):
        write_yolo(tmp_path / "out.zip", images, CLASSES)
    assert len(coco_document(images, CLASSES)["images"]) == 2


@pytest.mark.parametrize("write", [write_coco, write_yolo])
def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path, write: Writer) -> None:
    target = tmp_path / "out.zip"
    target.write_bytes(b"old")

    def fails(_image: LabelledImage) -> bytes:
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        write(target, [LabelledImage("a.png", 64, 48)], CLASSES, fails)
    assert target.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.zip"]


def test_corners_are_written_to_a_hundredth_of_a_pixel() -> None:
    box = Box(1.0049, 2, 10.9999, 3.123456)
    document = coco_document([LabelledImage("a.png", 64, 48, (LabelledBox(0, box),))], CLASSES)
    assert document["annotations"][0]["bbox"] == [1.0, 2.0, 10.0, 1.12]
