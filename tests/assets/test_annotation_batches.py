"""What to label next, as assets and as commands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_runtime.classify.hashes import perceptual_hash
from doubles.artifacts import write_export_reports, write_stored_batch
from doubles.models import NOTHING, export_metadata, write_detector
from doubles.pages import newest
from doubles.toy import CLASSES, SIDE
from PIL import Image
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.graph.annotation_batches import BatchNameError, ConfusionError, confused_ids
from pipeline.annotation.annotation_batch import AnnotationBatch, SelectionSummary
from pipeline.games.pack import GamePack, PackError, load_pack
from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.comparing.thumbnails import thumbnail_of
from pipeline.manifests import sha256_of

SESSIONS = ("hill", "shore", "wood")


def view(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = rng.integers(20, 235, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def write_model(folder: Path) -> None:
    """Sees in every image a sure house, and something that may be a house or a boat."""
    rows = NOTHING.copy()
    rows[:3] = [(20, 20, 60, 60, 0.9, 0), (70, 70, 110, 110, 0.5, 0), (70, 70, 110, 110, 0.45, 1)]
    write_detector(folder / "model.onnx", export_metadata(CLASSES), rows, (SIDE, SIDE))
    write_export_reports(folder, CLASSES)


@pytest.fixture
def captured(toy_game: Any) -> Any:
    """The toy game with nine screenshots of three sessions."""
    folder = screenshots(toy_game)
    folder.mkdir(parents=True)
    for number in range(9):
        view(number).save(folder / f"{SESSIONS[number % 3]}_{number:02d}.png")
    return toy_game


def screenshots(toy_game: Any) -> Path:
    folder: Path = toy_game.home / "screenshots" / "toy"
    return folder


def outpost(toy_game: Any, *words: str) -> Result:
    return CliRunner().invoke(app, ["annotate", *words, "--game", str(toy_game.pack_folder)])


def chosen(toy_game: Any, name: str, *words: str) -> AnnotationBatch:
    result = outpost(toy_game, "choose", name, "--json", *words)
    assert result.exit_code == 0, result.output
    return AnnotationBatch.open(Path(json.loads(result.stdout)["folder"]))


def test_frames_are_chosen_for_a_budget_with_their_reasons(captured: Any) -> None:
    captured.add("onnx_export", write_model)
    batch = chosen(captured, "first", "--boxes", "12")
    assert len(batch.frames) == 4, "three boxes a frame: what counts of the model's"
    assert [frame.blind for frame in batch.frames].count(True) == 1
    assert {frame.session for frame in batch.frames} == set(SESSIONS)
    for frame in batch.frames:
        assert sha256_of(batch.image_of(frame)) == frame.sha256
        kinds = {reason.kind for reason in frame.reasons}
        assert kinds == (
            {"random"} if frame.blind else {"uncertainty", "disagreement", "diversity"}
        )
    heaviest = next(frame for frame in batch.frames if not frame.blind).reasons[0]
    assert heaviest.text.startswith("house 0.50: is there one?")
    assert heaviest.box == Box(70, 70, 110, 110)
    with captured.instance() as instance:
        page = newest(instance, GameKeys.of(captured.pack).annotation_batch).metadata
    assert page["frames"].value == 4
    assert "house 0.50" in str(page["chosen"].value)
    assert str(page["preview"].value).count("](/logs/images/") >= 3


@pytest.mark.slow
def test_the_same_is_chosen_again_and_nothing_twice(captured: Any) -> None:
    captured.add("onnx_export", write_model)
    first = chosen(captured, "first", "--boxes", "9")
    second = chosen(captured, "second", "--boxes", "9")
    assert not {frame.sha256 for frame in first.frames} & {frame.sha256 for frame in second.frames}
    assert SelectionSummary.open(second.folder).labelled == len(first.frames)
    assert chosen(captured, "first", "--boxes", "9").folder == first.folder
    assert chosen(captured, "second", "--boxes", "9").folder == second.folder
    rows = json.loads(outpost(captured, "list", "--json").stdout)
    assert [(row["batch"], row["state"], row["frames"]) for row in rows] == [
        ("first", "prelabelled", 3),
        ("second", "prelabelled", 3),
    ]


def test_a_run_without_configuration_keeps_what_was_chosen(captured: Any) -> None:
    """As *Materialize all* starts one: whatever was captured, labelled or trained since."""
    first, key = chosen(captured, "first", "--boxes", "9"), GameKeys.of(captured.pack)
    view(30).save(screenshots(captured) / "later_01.png")
    captured.add("cvat_task", lambda folder: (folder / "task.json").write_text("{}"), "first")
    with captured.instance() as instance:
        definitions = build_definitions(captured.pack)
        (kept,) = materialize(definitions, instance, [key.annotation_batch], partition="first")
        assert kept.skipped
        instance.add_dynamic_partitions(str(key.annotation_batches.name), ["second"])
        (other,) = materialize(definitions, instance, [key.annotation_batch], partition="second")
        assert not other.skipped, "of a new name it chooses"
    assert outpost(captured, "choose", "first", "--boxes", "60").exit_code == 1
    assert chosen_folder(captured, "first") == first.folder


def chosen_folder(toy_game: Any, name: str) -> Path:
    rows = json.loads(outpost(toy_game, "list", "--json").stdout)
    return next(Path(row["folder"]) for row in rows if row["batch"] == name)


def test_unreadable_screenshots_are_not_called_none(captured: Any) -> None:
    for file in screenshots(captured).iterdir():
        file.write_bytes(b"no image")
    refused = outpost(captured, "choose", "first", "--boxes", "9")
    assert refused.exit_code == 1
    assert "None of the 9 files" in refused.stderr
    assert "hill_00.png" in refused.stderr


def test_a_batch_at_the_annotators_is_not_chosen_anew(captured: Any) -> None:
    first = chosen(captured, "first", "--boxes", "30")
    captured.add("cvat_task", lambda folder: (folder / "task.json").write_text("{}"), "first")
    assert chosen(captured, "first", "--boxes", "30").folder == first.folder
    refused = outpost(captured, "choose", "first", "--boxes", "60")
    assert refused.exit_code == 1
    assert "is in CVAT already" in refused.stderr


def test_without_a_model_the_choice_is_by_diversity_and_says_so(captured: Any) -> None:
    result = outpost(captured, "choose", "first", "--boxes", "45")
    assert result.exit_code == 0, result.output
    assert "There is no model yet" in result.stdout
    (row,) = json.loads(outpost(captured, "list", "--json").stdout)
    assert (row["frames"], row["blind"], row["sessions"] >= 2) == (3, 1, True)


def write_labels(folder: Path, files: Iterable[Path]) -> None:
    """An export batch with five houses in each image."""
    frames = []
    for file in files:
        with Image.open(file) as image:
            phash, thumbnail = perceptual_hash(image), thumbnail_of(image)
        boxes = (LabelledBox(0, Box(10, 10, 40, 50)),) * 5
        path = f"images/{file.name}"
        frames.append(
            Frame(
                *(file.name, path, SIDE, SIDE, sha256_of(file), phash, boxes), thumbnail=thumbnail
            )
        )
    write_stored_batch(folder, Batch(CLASSES, tuple(frames), (), (), ()))


def test_a_batch_that_has_come_back_is_not_chosen_anew(captured: Any) -> None:
    first = chosen(captured, "first", "--boxes", "30")
    files = [first.image_of(frame) for frame in first.frames]
    captured.add_batch("returned")
    captured.add("cvat_export", lambda folder: write_labels(folder, files), "returned")
    refused = outpost(captured, "choose", "first", "--boxes", "30")
    assert refused.exit_code == 1
    assert "have come back labelled, in the export batch 'returned'" in refused.stderr
    assert chosen(captured, "second", "--boxes", "30").frames
    assert chosen_folder(captured, "first") == first.folder


def test_labelled_frames_are_left_out_and_their_classes_counted(captured: Any) -> None:
    labelled = sorted(screenshots(captured).iterdir())[:4]

    captured.add_batch("old")
    captured.add("cvat_export", lambda folder: write_labels(folder, labelled), "old")
    batch = chosen(captured, "first", "--boxes", "1000")
    summary = SelectionSummary.open(batch.folder)
    assert (summary.screenshots, summary.labelled, summary.candidates) == (9, 4, 5)
    assert len(batch.frames) == 5
    assert not {frame.source for frame in batch.frames} & {file.name for file in labelled}
    assert summary.weights["boat"] > 1 > summary.weights["house"]
    assert summary.boxes_per_detection == 5.0, "boxes of a labelled frame, without a model"
    assert any("too few screenshots" in note for note in summary.notes)


def test_hard_negatives_are_of_classes_that_compete(captured: Any) -> None:
    captured.add("onnx_export", write_model)
    key = GameKeys.of(captured.pack).hard_negatives
    with captured.instance() as instance:
        instance.add_dynamic_partitions("toy_annotation_batches", ["pairs"])
        definitions = build_definitions(captured.pack)
        config = {"toy__hard_negatives": {"config": {"boxes": 9, "confusions": [["all"]]}}}
        materialize(definitions, instance, [key], partition="pairs", config=config)
        page = newest(instance, key).metadata
    batch = AnnotationBatch.open(Path(str(page["folder"].value)))
    assert len(batch.frames) == 3
    assert not any(frame.blind for frame in batch.frames)
    assert batch.frames[0].reasons[0].text == "house 0.50 or boat 0.45?"


def test_what_cannot_be_chosen_says_what_to_do(toy_game: Any) -> None:
    for words, said in (
        (("choose", "first"), "There are no screenshots in"),
        (("choose", "../first"), "A batch cannot be called"),
        (("choose", "first", "--confusions"), "No classes are named"),
        (("demo-screenshots",), "is not drawn by Outpost"),
    ):
        result = outpost(toy_game, *words)
        assert (result.exit_code, said in result.stderr) == (1, True), result.output
    assert outpost(toy_game, "list").stdout.startswith("No batch was chosen yet")
    with toy_game.instance() as instance:
        assert instance.get_dynamic_partitions("toy_annotation_batches") == []


@pytest.mark.parametrize("asset", ["annotation_batch", "hard_negatives"])
def test_a_name_that_the_ui_took_and_no_batch_can_have(captured: Any, asset: str) -> None:
    key, name = getattr(GameKeys.of(captured.pack), asset), "../../../out"
    with captured.instance() as instance:
        instance.add_dynamic_partitions("toy_annotation_batches", [name])
        with pytest.raises(BatchNameError, match="cannot be called"):
            materialize(build_definitions(captured.pack), instance, [key], partition=name)


def test_broken_files_are_passed_over_and_what_is_out_leaves_nothing(captured: Any) -> None:
    (screenshots(captured) / "broken.png").write_bytes(b"no image")
    summary = SelectionSummary.open(chosen(captured, "first", "--boxes", "10000").folder)
    assert list(summary.unreadable) == ["broken.png"]
    assert summary.screenshots == 9
    result = outpost(captured, "choose", "second")
    assert result.exit_code == 1
    assert "All 9 screenshots" in result.stderr


@pytest.mark.parametrize("game", ["aoe2", "demo"])
def test_packs_name_what_is_taken_for_one_another(game: str) -> None:
    pack = load_pack(game)
    found = confused_ids(pack, pack.annotation.confusions)
    names = {pack.class_names[index] for group in found for index in group}
    assert (
        names
        >= {
            "aoe2": {"camel_line", "battle_elephant", "cavalry_archer", "knight_line"},
            "demo": {"swordsman", "spearman"},
        }[game]
    )


def test_an_unknown_class_in_a_confusion_is_named(toy_game: Any) -> None:
    pack: GamePack = toy_game.pack
    with pytest.raises(ConfusionError, match="camel"):
        confused_ids(pack, [["house", "camel"]])
    with pytest.raises(ConfusionError, match="one class alone"):
        confused_ids(pack, [["house"]])
    file = toy_game.pack_folder / "pack.yaml"
    file.write_text(f"{file.read_text('utf-8')}\n", "utf-8")
    text = file.read_text("utf-8").replace("confusions: []", "confusions: [[hause]]")
    file.write_text(text, "utf-8")
    with pytest.raises(PackError, match=r"confusions\[0\].*hause"):
        load_pack(toy_game.pack_folder)
