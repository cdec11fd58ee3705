"""The captures as CVAT exports: read by the real reader, byte by byte the same."""

import io
import json
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.demo_game import captures as module
from pipeline.demo_game.captures import BATCHES, ExportBatchError, write_export_batches
from pipeline.demo_game.renderer import Screenshot
from pipeline.games.pack import load_pack
from pipeline.labels.formats.coco import read_export

pytestmark = pytest.mark.slow
"""All screenshots of the built-in game are drawn for these: half a minute of two cores."""

Sessions = dict[str, tuple[Screenshot, ...]]
CLASSES = load_pack("demo").class_names


def coco_of(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        return dict(json.loads(archive.read("annotations/instances_default.json")))


def test_three_batches_are_written_for_use_and_for_judging(demo_exports: Path) -> None:
    names = {"session_harbour.zip", "session_valley.zip", "heldout_session.zip"}
    assert {file.name for file in demo_exports.glob("*.zip")} == names
    patterns = load_pack("demo").merge.held_out
    kept = {name for name in names for pattern in patterns if fnmatch(Path(name).stem, pattern)}
    assert kept == {"heldout_session.zip"}


@pytest.mark.parametrize("name", BATCHES)
def test_an_archive_has_the_layout_of_cvat(demo_exports: Path, name: str) -> None:
    session, _ = BATCHES[name]
    frames = [f"images/default/{session}_{number:02d}.png" for number in range(24)]
    with zipfile.ZipFile(demo_exports / name) as archive:
        assert archive.namelist() == [*frames, "annotations/instances_default.json"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert archive.testzip() is None


@pytest.mark.parametrize("name", BATCHES)
def test_labels_are_numbered_from_1_in_another_order_than_the_packs(
    demo_exports: Path, name: str
) -> None:
    categories = coco_of(demo_exports / name)["categories"]
    assert [category["id"] for category in categories] == list(range(1, 17))
    names = [category["name"] for category in categories]
    assert set(names) == set(CLASSES)
    assert names != list(CLASSES)


@pytest.mark.parametrize("name", BATCHES)
def test_ids_are_unique_and_refer_to_what_is_there(demo_exports: Path, name: str) -> None:
    coco = coco_of(demo_exports / name)
    images = {image["id"] for image in coco["images"]}
    assert len(images) == 24
    ids = [annotation["id"] for annotation in coco["annotations"]]
    assert ids == list(range(1, len(ids) + 1))
    assert {annotation["image_id"] for annotation in coco["annotations"]} == images


@pytest.mark.parametrize("name", ["session_harbour.zip", "heldout_session.zip"])
def test_boxes_have_no_segmentation_but_a_rotation(demo_exports: Path, name: str) -> None:
    for annotation in coco_of(demo_exports / name)["annotations"]:
        assert annotation["segmentation"] == []
        assert annotation["iscrowd"] == 0
        assert set(annotation["attributes"]) - {"owner"} == {"occluded", "rotation"}
        assert annotation["area"] == annotation["bbox"][2] * annotation["bbox"][3]


def test_polygons_surround_what_is_seen(demo_exports: Path, sessions: Sessions) -> None:
    annotations = coco_of(demo_exports / "session_valley.zip")["annotations"]
    seen = [seen for frame in sessions["valley"] for seen in frame.objects]
    for annotation, truth in zip(annotations, seen, strict=True):
        assert annotation["iscrowd"] == 0
        assert set(annotation["attributes"]) - {"owner"} == {"occluded"}
        assert all(len(piece) >= 6 for piece in annotation["segmentation"])
        assert annotation["area"] >= 0.9 * truth.mask.sum()


def test_some_objects_are_cut_into_several_polygons(demo_exports: Path) -> None:
    annotations = coco_of(demo_exports / "session_valley.zip")["annotations"]
    assert any(len(annotation["segmentation"]) > 1 for annotation in annotations)


@pytest.mark.parametrize("name", BATCHES)
def test_the_real_reader_finds_every_box(demo_exports: Path, sessions: Sessions, name: str) -> None:
    batch = read_export(demo_exports / name, CLASSES)
    assert batch.unknown_labels == ()
    assert batch.rejected == ()
    for frame, truth in zip(batch.frames, sessions[BATCHES[name][0]], strict=True):
        assert frame.stem == truth.name
        for box, seen in zip(frame.boxes, truth.objects, strict=True):
            assert CLASSES[box.class_id] == seen.class_name
            assert box.box == seen.box


def test_images_are_the_screenshots(demo_exports: Path, sessions: Sessions) -> None:
    with zipfile.ZipFile(demo_exports / "heldout_session.zip") as archive:
        stored = archive.read("images/default/heldout_07.png")
    image = np.asarray(Image.open(io.BytesIO(stored)))
    assert np.array_equal(image, sessions["heldout"][7].image)


def test_what_lies_there_is_kept_and_what_is_missing_is_written_again(
    tmp_path: Path, demo_exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []
    archive = module._archive

    def watched(name: str, frames: Any, report: Any) -> bytes:
        played.append(name)
        return archive(name, frames, report)

    monkeypatch.setattr(module, "_archive", watched)
    # The bytes do not depend on how many processes draw.
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    for file in demo_exports.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_export_batches(tmp_path)
    assert played == []
    (tmp_path / "session_harbour.zip").unlink()
    write_export_batches(tmp_path)
    assert played == ["session_harbour.zip"]
    name = "session_harbour.zip"
    assert (tmp_path / name).read_bytes() == (demo_exports / name).read_bytes()


def test_a_batch_that_would_be_the_same_is_not_touched(
    tmp_path: Path, demo_exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sensor that watches the folder must not see news where there are none."""
    stored = {name: (demo_exports / name).read_bytes() for name in BATCHES}
    monkeypatch.setattr(module, "_archives", lambda files, _: (stored[f.name] for f in files))
    write_export_batches(tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("*.zip")}
    monkeypatch.setattr(module, "drawing_version", lambda: "newer code, same art")
    write_export_batches(tmp_path)
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("*.zip")} == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(ExportBatchError, match="cannot be written"):
        write_export_batches(tmp_path / "exports")
