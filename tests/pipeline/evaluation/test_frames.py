from __future__ import annotations

import json
from collections.abc import Sequence
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
from pipeline.labels.training_set import MergedFrame, TrainingSet

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


def sessions_merged_from(folder: Path, places: Sequence[tuple[str, str]]) -> list[str | None]:
    """The session of each real validation frame of a set, by the batches and places of them."""
    names = [f"real_a_{number}.png" for number in range(len(places))]
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for name in names:
        Image.new("RGB", (100, 50)).save(folder / "images" / "val" / name)
        (folder / "labels" / "val" / f"{Path(name).stem}.txt").write_text("")
    listed = [f"images/val/{name}" for name in names]
    write_training_set_files(folder, ("sheep", "wolf"), [], listed)
    summary = json.loads((folder / "merge_summary.json").read_text())
    summary |= {"real_val": len(places), "validation_leak_count": 0}
    (folder / "merge_summary.json").write_text(json.dumps(summary))
    merged = [
        MergedFrame(
            **{"image": image, "batch": batch, "place": place, "width": 100, "height": 50},
            **{"sha256": "0" * 64, "phash": "0" * 16, "thumbnail": ""},
        )
        for image, (batch, place) in zip(listed, places, strict=True)
    ]
    lines = "".join(f"{frame.model_dump_json()}\n" for frame in merged)
    (folder / "real_frames.jsonl").write_text(lines)
    frames = validation_frames(TrainingSet.open(folder), real=True)
    assert [frame.image.name for frame in frames] == names
    return [frame.session for frame in frames]


def test_the_session_of_a_validation_frame_is_told_by_where_it_comes_from(tmp_path: Path) -> None:
    sessions = sessions_merged_from(
        tmp_path,
        [("a", "north_1.png"), ("a", "north_2.png"), ("b", "day 1/0.png"), ("b", "day 1/1.png")],
    )
    assert sessions == ["north", "north", "day 1", "day 1"]


def test_a_subset_is_no_session_and_what_is_not_known_is_one_of_its_batch(tmp_path: Path) -> None:
    places = [(batch, f"Validation/{number}.png") for batch in "ab" for number in (1, 2)]
    sessions = sessions_merged_from(tmp_path, places)
    assert sessions == ["unknown, of a"] * 2 + ["unknown, of b"] * 2


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
