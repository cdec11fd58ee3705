from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from doubles.artifacts import write_stored_batch, write_training_set_files
from PIL import Image

from pipeline.evaluation.frames import batch_frames, true_frames, validation_frames
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement, score_frames
from pipeline.labels.batches import Batch, BatchFrame, ExportBatch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.training_set import TrainingSet

TRUTH = LabelledBox(1, Box(10, 10, 20, 30))


@pytest.fixture
def training_set(tmp_path: Path) -> TrainingSet:
    names = ("real_a_0.png", "synth_000000.png")
    for kind in ("images", "labels"):
        (tmp_path / kind / "val").mkdir(parents=True)
    for name in names:
        Image.new("RGB", (100, 50)).save(tmp_path / "images" / "val" / name)
        label = tmp_path / "labels" / "val" / f"{Path(name).stem}.txt"
        label.write_text("1 0.150000 0.400000 0.100000 0.400000\n")
    listed = [f"images/val/{name}" for name in names]
    write_training_set_files(tmp_path, ("sheep", "wolf"), [], listed)
    return TrainingSet.open(tmp_path)


def test_real_and_synthetic_validation_frames_are_told_apart(training_set: TrainingSet) -> None:
    real = validation_frames(training_set, real=True)
    synthetic = validation_frames(training_set, real=False)
    assert [frame.name for frame in real] == ["real_a_0.png"]
    assert [frame.name for frame in synthetic] == ["synth_000000.png"]


def test_labels_are_in_the_pixels_of_the_image(training_set: TrainingSet) -> None:
    frame = validation_frames(training_set, real=True)[0]
    assert frame.image.is_file()
    truth = frame.truths[0]
    assert (truth.class_id, truth.box.rounded()) == (1, TRUTH.box)


def test_the_frames_of_a_batch_leave_out_unlabelled_ones(tmp_path: Path) -> None:
    frame = Frame("h_0.png", "images/h_0.png", 100, 50, "0" * 64, "0" * 16, (TRUTH,))
    other = Frame("h_1.png", "images/h_1.png", 100, 50, "0" * 64, "0" * 16, ())
    write_stored_batch(tmp_path, Batch(("a", "b"), (frame,), (other,), (), ()))
    frames = batch_frames(ExportBatch.open(tmp_path))
    assert [(one.name, one.image, one.truths) for one in frames] == [
        ("h_0.png", tmp_path / "images" / "h_0.png", (TRUTH,))
    ]


def test_frames_of_one_name_are_judged_by_batch_and_place(
    tmp_path: Path, judgement: Judgement
) -> None:
    frame = Frame("frame_000000.PNG", "images/a.png", 100, 50, "0" * 64, "0" * 16, (TRUTH,))
    frames = true_frames(
        BatchFrame(batch, tmp_path, replace(frame, folder=folder))
        for batch in ("heldout_a", "heldout_b")
        for folder in ("", "day 1")
    )
    scores = score_frames([one.judged(()) for one in frames], judgement)
    assert [one.name for one in scores.per_frame] == [
        "heldout_a/frame_000000.PNG",
        "heldout_a/day 1/frame_000000.PNG",
        "heldout_b/frame_000000.PNG",
        "heldout_b/day 1/frame_000000.PNG",
    ]


def test_a_frame_is_judged_with_what_was_found(training_set: TrainingSet) -> None:
    frame = validation_frames(training_set, real=True)[0]
    found = (ScoredBox(1, 0.9, TRUTH.box),)
    judged = frame.judged(found)
    assert (judged.name, judged.truths, judged.detections) == (frame.name, frame.truths, found)
