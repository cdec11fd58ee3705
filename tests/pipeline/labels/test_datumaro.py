"""What datumaro, which writes CVAT's exports, puts into a file is read without losing a box."""

from __future__ import annotations

import json
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

SCRIPT = Path(__file__).with_name("write_datumaro_export.py")
VERSION = "1.13.12"
SHAPES = 10_000
CLASSES = ("sheep", "wolf", "ship")
SIZE = (320, 240)
PIXELS = 0.5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which datumaro has written, in an environment of its own."""
    folder = tmp_path_factory.mktemp("datumaro")
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv makes the environment of datumaro, and is not installed")
    python = [uv, "run", "--quiet", "--no-project", "--python", "3.11"]
    python += ["--with", f"datumaro=={VERSION}", "python"]
    ready = subprocess.run([*python, "-c", "import datumaro"], capture_output=True, text=True)
    if ready.returncode:
        pytest.skip(f"datumaro {VERSION} cannot be installed: {ready.stderr.strip()[-300:]}")
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
