from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.labels.batches import BatchError, ExportBatch, purpose_of
from pipeline.labels.formats.coco import read_export
from pipeline.manifests import manifest_of, sha256_of

CLASSES = ("sheep", "wolf", "ship")
OLD_LABELS = ("class_names", "frames", "unlabelled", "unknown_labels", "rejected")
OLD_REPORT = (
    "frames",
    "unlabelled_frames",
    "boxes",
    "per_class",
    "sessions",
    "unknown_labels",
    "rejected_shapes",
    "rejected_reasons",
    "rejected",
)


@pytest.fixture
def source(export: Any, shapes: Any) -> Any:
    export.labels = (*CLASSES, "dragon")
    export.frame(
        "day/a_0.png",
        shapes.rectangle("wolf", 1.5, 2, 10, 12, rotation=30),
        shapes.rectangle("dragon", 1, 2, 3, 4),
        shapes.rectangle("sheep", 1, 2, 0, 4),
    )
    return export.frame("b_0.png")


def test_a_stored_batch_is_read_back_whole(source: Any, tmp_path: Path) -> None:
    batch = read_export(source.write(), CLASSES)
    written = ExportBatch.write(tmp_path / "batch", batch, source.folder)
    assert ExportBatch.open(tmp_path / "batch") == written
    stored = written.batch
    assert stored.frames[0].boxes == batch.frames[0].boxes
    assert (stored.unknown_labels, stored.rejected) == (batch.unknown_labels, batch.rejected)
    for frame, original in (
        (stored.frames[0], "images/default/day/a_0.png"),
        (stored.unlabelled[0], "images/default/b_0.png"),
    ):
        copied = (tmp_path / "batch" / frame.path).read_bytes()
        assert copied == (source.folder / original).read_bytes()


def test_a_batch_has_the_same_bytes_however_it_was_exported(source: Any, tmp_path: Path) -> None:
    archive = source.zip()
    for name, path in (("one", archive), ("two", archive), ("three", source.folder)):
        ExportBatch.write(tmp_path / name, read_export(path, CLASSES), path)
        if path.is_dir():
            (tmp_path / name / "source.json").write_bytes(
                (tmp_path / "one" / "source.json").read_bytes()
            )
    assert manifest_of(tmp_path / "one") == manifest_of(tmp_path / "two")
    assert manifest_of(tmp_path / "one") == manifest_of(tmp_path / "three")


def test_the_report_counts_what_was_not_used(source: Any, tmp_path: Path) -> None:
    ExportBatch.write(tmp_path / "batch", read_export(source.write(), CLASSES), source.folder)
    report = json.loads((tmp_path / "batch" / "report.json").read_text())
    assert report["per_class"] == {"sheep": 0, "wolf": 1, "ship": 0}
    assert report["unknown_labels"] == {"dragon": 1}
    assert report["rejected_reasons"] == {"has no area": 1}
    assert report["unlabelled_frames"] == ["b_0.png"]


def test_the_report_names_labels_that_are_spelt_otherwise(
    export: Any, shapes: Any, tmp_path: Path
) -> None:
    export.labels = ("Sheep",)
    source = export.frame("a_0.png", shapes.rectangle("Sheep", 0, 0, 5, 5)).write()
    batch = ExportBatch.write(tmp_path / "batch", read_export(source, CLASSES), source)
    assert batch.report.respelt_labels == {"Sheep": "sheep"}


def test_a_batch_that_was_stored_by_an_earlier_version_is_read(source: Any, tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    written = ExportBatch.write(folder, read_export(source.write(), CLASSES), source.folder)
    for name, kept in (("labels.json", OLD_LABELS), ("report.json", OLD_REPORT)):
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({key: document[key] for key in kept}))
    read = ExportBatch.open(folder)
    assert read.batch.frames == written.batch.frames
    assert read.batch.respelt_labels == ()


def test_the_source_is_named_without_its_folder(source: Any, tmp_path: Path) -> None:
    archive = source.zip()
    ExportBatch.write(tmp_path / "batch", read_export(archive, CLASSES), archive)
    assert json.loads((tmp_path / "batch" / "source.json").read_text())["file"] == "export.zip"


def test_an_export_that_changes_meanwhile_is_noticed(
    source: Any, shapes: Any, tmp_path: Path
) -> None:
    batch = read_export(source.write(), CLASSES)
    shapes.image("another").save(source.folder / "images/default/b_0.png")
    with pytest.raises(BatchError, match=r"b_0\.png has changed"):
        ExportBatch.write(tmp_path / "batch", batch, source.folder)


@pytest.mark.parametrize("content", [None, "{}", "nonsense"])
def test_a_folder_that_holds_no_batch_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "labels.json").write_text(content)
    with pytest.raises(BatchError, match="does not belong to a whole batch"):
        ExportBatch.open(tmp_path)


def test_the_report_counts_frames_of_unknown_sessions_under_no_name(
    export: Any, shapes: Any, tmp_path: Path
) -> None:
    for name in ("harbour_0.png", "harbour_1.png", "Screenshot (12).png"):
        export.frame(name, shapes.rectangle("wolf", 0, 0, 5, 5))
    source = export.write()
    written = ExportBatch.write(tmp_path / "batch", read_export(source, CLASSES), source)
    assert written.report.sessions == {"harbour": 2, "": 1}


def test_frames_of_one_name_lie_in_their_folders(export: Any, shapes: Any, tmp_path: Path) -> None:
    source = export.frame("a.png", shapes.rectangle("wolf", 0, 0, 5, 5)).write()
    (frame,) = read_export(source, CLASSES).frames
    frames = tuple(
        replace(frame, folder=folder, subset=subset)
        for folder in ("", "day1", "Day1")
        for subset in ("default", "Test")
    )
    batch = replace(read_export(source, CLASSES), frames=frames)
    stored = ExportBatch.write(tmp_path / "batch", batch, source)
    paths = [one.path for one in stored.batch.frames]
    assert paths[:2] == ["images/a.png", "images/Test/a.png"]
    assert [path for path in paths if "Day1" in path and "~" not in path] == [
        "images/Day1/a.png",
        "images/Test/Day1/a.png",
    ]
    assert len({path.casefold() for path in paths}) == 6
    assert all(stored.image_of(one).is_file() for one in stored.batch.frames)
    assert stored.report.subsets == {"default": 3, "Test": 3}


def test_an_archive_tells_when_it_was_written(export: Any, shapes: Any, tmp_path: Path) -> None:
    source = export.frame("a.png", shapes.rectangle("wolf", 0, 0, 5, 5)).zip()
    for name, date in (("known", (2026, 1, 9, 10, 0, 0)), ("unknown", (1980, 1, 1, 0, 0, 0))):
        dated = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(source) as read, zipfile.ZipFile(dated, "w") as archive:
            for entry in read.namelist():
                archive.writestr(zipfile.ZipInfo(entry, date), read.read(entry))
        batch = read_export(dated, CLASSES)
        written = ExportBatch.write(tmp_path / name, batch, dated)
        assert written.source.written == (datetime(*date) if name == "known" else None)
        assert ExportBatch.open(tmp_path / name).source == written.source


def test_a_batch_of_before_is_still_read(source: Any, tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    ExportBatch.write(folder, read_export(source.write(), CLASSES), source.folder)
    for file, fields in (
        ("report.json", ("subsets",)),
        ("source.json", ("written",)),
        ("labels.json", ("thumbnail", "subset", "folder")),
    ):
        told = json.loads((folder / file).read_text())
        records = [*told["frames"], *told["unlabelled"]] if file == "labels.json" else [told]
        for record in records:
            for field in fields:
                del record[field]
        (folder / file).write_text(json.dumps(told))
    (frame,) = ExportBatch.open(folder).batch.frames
    assert (frame.thumbnail, frame.subset, frame.place) == ("", "default", "a_0.png")


def test_a_folder_that_is_named_like_a_subset_keeps_its_images(
    export: Any, shapes: Any, tmp_path: Path
) -> None:
    export.frame("Train/a.png", shapes.rectangle("wolf", 0, 0, 5, 5), look="folder").write()
    export.subset, export.images, export.annotations = "Train", [], []
    source = export.frame("a.png", shapes.rectangle("sheep", 0, 0, 5, 5), look="subset").write()
    stored = ExportBatch.write(tmp_path / "batch", read_export(source, CLASSES), source)
    assert {one.place for one in stored.batch.frames} == {"Train/a.png"}
    for frame in stored.batch.frames:
        assert sha256_of(stored.image_of(frame)) == frame.sha256


@pytest.mark.parametrize(
    ("subset", "purpose"),
    [
        *[(name, "train") for name in ("Train", "train", "Training")],
        *[(name, "validation") for name in ("Validation", "VALIDATION", "val", "Valid")],
        *[(name, "test") for name in ("Test", " test ", "Testing")],
        *[(name, "any") for name in ("", "default", "tests of May", "day1")],
    ],
)
def test_a_subset_is_what_it_is_called_however_it_is_spelt(subset: str, purpose: str) -> None:
    assert purpose_of(subset) == purpose
