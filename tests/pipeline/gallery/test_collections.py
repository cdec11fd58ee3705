"""Every kind of image set can be looked through, with what is to be known of each box."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from doubles.artifacts import write_set_summary, write_training_set_files
from doubles.exports import write_export
from PIL import Image

from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.evaluation.reports.report import evaluate
from pipeline.evaluation.verdicts import FrameVerdicts, ImageReference, Outcome, verdicts_on
from pipeline.gallery.collections import GalleryError, read_collection
from pipeline.gallery.items import Collection
from pipeline.gallery.sheets import MergedFrom
from pipeline.games.pack import MergeRules
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.merge import open_batches, plan_merge
from pipeline.labels.training_set import TrainingSet
from pipeline.provenance import ArtifactVersion

BOX = Box(10, 10, 30, 30)
ELSEWHERE = Box(50, 10, 70, 30)


def image(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((60, 80, 3), 99, np.uint8))
    return file


def no_other(_reference: ImageReference) -> Path:
    raise AssertionError("all images lie in the folder itself")


def read(folder: Path) -> Collection:
    return read_collection(folder, "some set", no_other)


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    image(tmp_path / "images/train/synth_000000.jpg")
    fully_seen = {
        "class": "tree",
        "covered_by": [],
        "dropped": None,
        "player": None,
        "full": [10, 10, 30, 30],
        "visible": [10, 10, 30, 30],
        "visible_fraction": 1.0,
        "truncated_fraction": 0.0,
        "scale": 1.0,
    }
    hidden = {
        **fully_seen,
        "class": "sheep",
        "covered_by": ["hud"],
        "dropped": "hidden",
        "player": 3,
        "visible": None,
        "visible_fraction": 0.1,
    }
    sidecar = {"size": [80, 60], "kind": "land", "zoom": 1.0, "objects": [fully_seen, hidden]}
    (tmp_path / "objects/train").mkdir(parents=True)
    (tmp_path / "objects/train/synth_000000.json").write_text(json.dumps(sidecar))
    write_set_summary(tmp_path, ["sheep", "tree"], images=1)
    return tmp_path


def test_a_synthetic_set_shows_what_was_dropped_and_what_covers_it(synthetic: Path) -> None:
    collection = read(synthetic)
    (item,) = collection.items
    assert (item.split, item.source) == ("train", "land scene")
    assert collection.class_names == ("sheep", "tree")
    seen, hidden = item.marks
    assert (seen.class_name, seen.kind, seen.note) == ("tree", "label", "")
    assert (hidden.kind, hidden.box) == ("dropped", BOX), "its full box, for want of a visible one"
    assert hidden.note == "hidden; 10% visible; behind hud"


def test_a_training_set_shows_split_and_source(tmp_path: Path) -> None:
    for name, subset in (("synth_000000", "train"), ("real_harbour_01", "val")):
        image(tmp_path / f"images/{subset}/{name}.jpg")
        labels = tmp_path / f"labels/{subset}/{name}.txt"
        labels.parent.mkdir(parents=True)
        labels.write_text("0 0.25 0.333333 0.25 0.333333\n")
    drawn_line, real_line = "images/train/synth_000000.jpg", "images/val/real_harbour_01.jpg"
    write_training_set_files(tmp_path, ["sheep"], [drawn_line], [real_line])
    drawn, real = read(tmp_path).items
    assert (drawn.split, drawn.source) == ("train", "synthetic")
    assert (real.split, real.source) == ("val", "real")
    assert real.marks[0].box.x1 == pytest.approx(10, abs=0.01)


def test_an_evaluation_shows_each_error_on_the_image_of_another_artifact(tmp_path: Path) -> None:
    names = ("sheep", "wolf")
    truths = (LabelledBox(0, BOX),)
    found = (ScoredBox(1, 0.9, BOX), ScoredBox(1, 0.8, ELSEWHERE))
    frame = JudgedFrame("harbour_01.png", truths, found)
    version = ArtifactVersion(asset="g/cvat_export", partition="b", data_version="0" * 64)
    reference = ImageReference(version=version, path="images/harbour_01.png")
    verdicts = tuple(verdicts_on(truths, found))
    judged = FrameVerdicts(name=frame.name, domain="real", image=reference, verdicts=verdicts)
    report = evaluate([frame], [], Judgement(names, (0.3, 0.3)), {})
    Evaluation.write(tmp_path, report, [judged])
    elsewhere = image(tmp_path / "elsewhere" / "x.png")
    collection = read_collection(tmp_path, "judged", lambda asked: {reference: elsewhere}[asked])
    (item,) = collection.items
    assert (item.image, item.width, item.height, item.source) == (elsewhere, 80, 60, "real")
    confused, false = item.marks
    assert (confused.class_name, confused.kind) == ("sheep", Outcome.CONFUSED)
    assert confused.note == "taken for wolf, score 0.90"
    assert (false.class_name, false.kind) == ("wolf", Outcome.FALSE)


def test_an_evaluation_of_before_there_were_verdicts_is_explained(tmp_path: Path) -> None:
    frame = JudgedFrame("a.png", (LabelledBox(0, BOX),), ())
    Evaluation.write(tmp_path, evaluate([frame], [], Judgement(("sheep",), (0.3,)), {}), ())
    (tmp_path / "frames.jsonl").unlink()
    with pytest.raises(EvaluationError, match="Materialize real_evaluation again"):
        read(tmp_path)


def flagged_batch(tmp_path: Path) -> Path:
    """A batch with a rejected shape, a double, and a frame whose shapes were all rejected."""
    frames = {"a_0.png": Image.new("RGB", (80, 60)), "a_1.png": Image.new("RGB", (80, 60), "red")}
    boxes = [
        *[("a_0.png", "sheep", (10, 10, 20, 20))] * 2,
        ("a_0.png", "wolf", (30, 10, 0, 20)),
        ("a_1.png", "wolf", (200, 10, 5, 20)),
    ]
    source = write_export(tmp_path / "export.zip", frames, ["sheep", "wolf"], boxes)
    batch = read_export(source, ("sheep", "wolf"))
    return ExportBatch.write(tmp_path / "batch", batch, source).folder


def test_a_batch_marks_what_was_rejected_and_what_looks_wrong(tmp_path: Path) -> None:
    first, second = read(flagged_batch(tmp_path)).items
    assert [(mark.class_name, mark.kind) for mark in first.marks] == [
        ("sheep", "label"),
        ("wolf", "rejected"),
        ("sheep", "double"),
    ]
    assert first.marks[1].note == "has no area"
    assert first.marks[1].box == Box(27, 10, 33, 30), "wide enough to be seen"
    outside, whole = second.marks
    assert (outside.kind, outside.box.x2) == ("rejected", 80), "at the edge that is nearest"
    assert (whole.class_name, whole.kind, whole.box) == (
        "whole frame",
        "no box",
        Box(0, 0, 80, 60),
    )


def test_a_batch_has_sheets_whose_rows_lead_to_their_frames(tmp_path: Path) -> None:
    rejected, findings = read(flagged_batch(tmp_path)).sheets
    assert (rejected.title, findings.title) == ("Rejected shapes (2)", "What looks wrong (2)")
    assert rejected.image
    assert rejected.rows[0].cells == ("a_0.png", "wolf", "rejected", "has no area")
    assert rejected.rows[0].filters == {"name": "a_0.png", "kinds": "rejected"}


def test_a_merge_names_real_frames_by_batch_and_place(tmp_path: Path) -> None:
    folder = flagged_batch(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    batches = {"one": folder, "two": other}
    plan = plan_merge(open_batches(batches), [], ("sheep", "wolf"), MergeRules())
    TrainingSet.write(tmp_path / "set", plan)
    beside = MergedFrom(batches, {"heldout_x": {"wolf": 3}})
    collection = read_collection(tmp_path / "set", "merged", no_other, beside)
    assert {(item.name, item.source) for item in collection.items} == {
        ("one/a_0.png", "batch one"),
        ("one/a_1.png", "batch one"),
    }
    coverage, rules, pairs = collection.sheets
    assert coverage.columns == ("class", "train: one", "held out: heldout_x")
    assert coverage.rows[1].cells == ("wolf", "0", "3")
    assert coverage.rows[1].filters == {"classes": "wolf"}
    assert any(row.cells[1] == "2 frames left out" for row in rules.rows)
    assert pairs.rows[0].cells[:2] == ("one/a_0.png", "two/a_0.png")
    assert pairs.rows[0].filters == {"name": "one/a_0.png"}


def test_frames_that_are_judged_although_trained_on_are_named_whatever_judges(
    tmp_path: Path,
) -> None:
    folder = flagged_batch(tmp_path)
    batches = {"one": folder, "heldout_x": folder}
    plan = plan_merge(open_batches(batches), [], ("sheep", "wolf"), MergeRules())
    (leak, *_) = plan.summary.held_out_leaks
    TrainingSet.write(tmp_path / "set", plan)
    *_, pairs = read_collection(tmp_path / "set", "merged", no_other, MergedFrom(batches)).sheets
    assert (leak.trained, leak.judged, "leak: same bytes") in [row.cells for row in pairs.rows]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="holds no image set"):
        read(tmp_path)
