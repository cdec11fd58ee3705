"""What datumaro, which CVAT reads and writes with, puts into a file is read without losing a box;
and what is written for CVAT, it reads so."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.labels.batches import Batch
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.coco_writer import write_coco
from pipeline.labels.formats.written_images import LabelledImage
from pipeline.labels.formats.yolo_writer import write_yolo

SCRIPT = Path(__file__).with_name("write_datumaro_export.py")
READER = Path(__file__).with_name("read_with_datumaro.py")
VERSION = "1.13.12"
SHAPES = 10_000
CLASSES = ("sheep", "wolf", "ship")
SIZE = (320, 240)
PIXELS = 0.5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python() -> list[str]:
    """The command of a Python with datumaro, in an environment of its own."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv makes the environment of datumaro, and is not installed")
    python = [uv, "run", "--quiet", "--no-project", "--python", "3.11"]
    python += ["--with", f"datumaro=={VERSION}", "python"]
    ready = subprocess.run([*python, "-c", "import datumaro"], capture_output=True, text=True)
    if ready.returncode:
        pytest.skip(f"datumaro {VERSION} cannot be installed: {ready.stderr.strip()[-300:]}")
    return python


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, python: list[str]) -> Path:
    """The folder in which datumaro has written."""
    folder = tmp_path_factory.mktemp("datumaro")
    subprocess.run([*python, SCRIPT, folder, "42", str(SHAPES)], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def batch(written: Path) -> Batch:
    return read_export(written / "export", CLASSES)


@pytest.fixture(scope="module")
def drawn(written: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((written / "drawn.json").read_text("utf-8"))
    return found


@pytest.mark.timeout(600)
def test_no_box_is_lost_or_moved(batch: Batch, drawn: list[dict[str, Any]]) -> None:
    boxes = boxes_by_image(batch)
    lost = [
        shape for shape in drawn if shape["kind"] != "rotated_bbox" and not taken_from(boxes, shape)
    ]
    assert lost == []
    assert sum(map(len, boxes.values())) == 0
    assert len(drawn) == SHAPES
    assert batch.rejected == ()
    assert batch.unknown_labels == ()


@pytest.mark.timeout(600)
def test_what_datumaro_itself_leaves_out_is_known(
    written: Path, batch: Batch, drawn: list[dict[str, Any]]
) -> None:
    """Shapes of its type for rotated boxes, which CVAT does not use, and no others."""
    files = (written / "export" / "annotations").glob("instances_*.json")
    annotations = sum(len(json.loads(file.read_text("utf-8"))["annotations"]) for file in files)
    kinds = Counter(shape["kind"] for shape in drawn)
    assert min(kinds.values()) > SHAPES / 20
    assert annotations == SHAPES - kinds["rotated_bbox"]
    assert sum(batch.per_class.values()) == annotations


@pytest.mark.timeout(600)
def test_subsets_and_folders_are_kept(batch: Batch, drawn: list[dict[str, Any]]) -> None:
    frames = (*batch.frames, *batch.unlabelled)
    assert {frame.subset for frame in frames} == {"default", "Train", "Validation", "Test"}
    assert {frame.folder for frame in frames} == {"", "day1", "day1/b", "day2"}
    assert len(frames) == len({(shape["subset"], shape["path"]) for shape in drawn})


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("write", "layout", "pixels"),
    [(write_coco, "coco_instances", 0.0051), (write_yolo, "yolo", 0.009)],
)
def test_what_is_written_for_cvat_is_read_as_it_is_meant(
    tmp_path: Path, python: list[str], write: Any, layout: str, pixels: float
) -> None:
    """datumaro rounds each side to a hundredth of a pixel when it reads."""
    images = written_images()
    write(tmp_path / "out.zip", images, CLASSES)
    shutil.unpack_archive(tmp_path / "out.zip", tmp_path / "out")
    sizes = json.dumps({image.path.rpartition(".")[0]: [SIZE[1], SIZE[0]] for image in images})
    command = [*python, READER, tmp_path / "out", layout, sizes]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.strip().splitlines()[-1])
    assert read["labels"] == list(CLASSES)
    assert read["items"].keys() == {image.path.rpartition(".")[0] for image in images}
    for image in images:
        found = sorted(read["items"][image.path.rpartition(".")[0]], key=lambda one: one[2])
        boxes = sorted(zip(image.boxes, image.scores, strict=True), key=lambda one: one[0].box)
        assert len(found) == len(boxes)
        for (label, kind, points, score), (box, given) in zip(found, boxes, strict=True):
            assert (label, kind) == (CLASSES[box.class_id], "bbox")
            assert points == pytest.approx(list(box.box), abs=pixels)
            assert score == (pytest.approx(given) if layout == "coco_instances" else None)


def written_images() -> list[LabelledImage]:
    rng = random.Random(7)
    images = []
    for path in ("a.png", "day1/a.png", "day1/b/x y.jpg", "empty.png"):
        boxes = []
        for _ in range(0 if path == "empty.png" else 25):
            x, y = (round(rng.uniform(0, length - 40), 3) for length in SIZE)
            box = Box(x, y, x + rng.randint(1, 40), y + rng.randint(1, 40))
            boxes.append(LabelledBox(rng.randrange(len(CLASSES)), box))
        scores = tuple(round(rng.random(), 6) for _ in boxes)
        images.append(LabelledImage(path, *SIZE, tuple(boxes), scores))
    return images


def boxes_by_image(batch: Batch) -> dict[tuple[str, str], list[LabelledBox]]:
    found = defaultdict(list)
    for frame in batch.frames:
        path = "/".join(part for part in (frame.folder, frame.stem) if part)
        found[frame.subset, path] += frame.boxes
    return found


def taken_from(
    boxes: Mapping[tuple[str, str], list[LabelledBox]], shape: Mapping[str, Any]
) -> bool:
    """Take the box of a shape out of those that were read, if it is there."""
    expected = LabelledBox(CLASSES.index(shape["label"]), Box(*shape["box"]).clipped(*SIZE))
    left = boxes[shape["subset"], shape["path"]]
    near = [found for found in left if is_near(found, expected)]
    if near:
        left.remove(near[0])
    return bool(near)


def is_near(one: LabelledBox, other: LabelledBox) -> bool:
    sides: Sequence[tuple[float, float]] = list(zip(one.box, other.box, strict=True))
    return one.class_id == other.class_id and all(abs(a - b) <= PIXELS for a, b in sides)
