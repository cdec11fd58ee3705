"""The evaluation as an asset: synthetic images are judged by both kinds of box."""

from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pytest
from detector_runtime.models.training_scale import TrainingScale
from doubles.artifacts import write_export_reports, write_stored_batch
from doubles.models import NOTHING, export_metadata, write_detector
from doubles.pages import shown
from doubles.toy import CLASSES, SIDE

from assets.core.runs import materialize
from assets.definitions import build_definitions
from pipeline.evaluation.detecting import looked_at, shipped_detector
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from resources.files import remove_tree

FOUND = (20.0, 20.0, 60.0, 60.0, 0.9, 0.0)
"""What the model sees in every image: corners, score, class."""


def write_model(folder: Path) -> None:
    """A model that looks at nothing."""
    rows = NOTHING.copy()
    rows[0] = FOUND
    write_detector(folder / "model.onnx", export_metadata(CLASSES), rows, (SIDE, SIDE))
    write_export_reports(folder, CLASSES)


def write_doubting_model(folder: Path) -> None:
    """As `write_model`, less sure."""
    rows = NOTHING.copy()
    rows[0] = (*FOUND[:4], 0.6, *FOUND[5:])
    write_detector(folder / "model.onnx", export_metadata(CLASSES), rows, (SIDE, SIDE))
    write_export_reports(folder, CLASSES)


def write_held_out_batch(folder: Path) -> None:
    """One frame, whose only house is where the model sees one."""
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images" / "seen.png"), np.full((SIDE, SIDE, 3), 90, np.uint8))
    house = LabelledBox(0, Box(*FOUND[:4]))
    frame = Frame("seen.png", "images/seen.png", SIDE, SIDE, "0" * 64, "0" * 16, (house,))
    write_stored_batch(folder, Batch(CLASSES, (frame,), (), (), ()))


@pytest.fixture
def merged_game(toy_game: Any) -> Any:
    """The toy game with a model, a training set of its drawn images, and a held-out frame."""
    toy_game.add_batch("heldout_a")
    toy_game.add("cvat_export", write_held_out_batch, "heldout_a")
    toy_game.add("onnx_export", write_model)
    make(toy_game, "synthetic_set", {"images": 10})
    make(toy_game, "cvat_merge")
    return toy_game


def make(toy_game: Any, name: str, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Materialize an asset; what its page shows."""
    key = dg.AssetKey(["toy", name])
    given = {f"toy__{name}": {"config": config}} if config else None
    with toy_game.instance() as instance:
        materialize(build_definitions(toy_game.pack), instance, [key], config=given)
        return shown(instance, key)


def evaluated(toy_game: Any) -> tuple[dict[str, Any], EvaluationReport]:
    shown = make(toy_game, "real_evaluation")
    return shown, Evaluation.open(Path(shown["folder"])).report


@pytest.mark.parametrize(
    ("metadata", "looks"),
    [
        ({}, f"whole, shrunk to {SIDE}x{SIDE}"),
        (
            TrainingScale("tile", 0.5, (64, 64)).to_metadata(),
            f"in tiles of {SIDE}x{SIDE}, at 0.5 input pixels per pixel",
        ),
    ],
)
def test_the_detector_is_opened_as_its_users_do_and_it_is_said_how_it_looks(
    tmp_path: Path, metadata: dict[str, str], looks: str
) -> None:
    told = export_metadata(CLASSES) | metadata
    model = write_detector(tmp_path / "m.onnx", told, size=(SIDE, SIDE))
    with shipped_detector(model) as detector:
        assert looked_at(detector) == looks


def test_drawn_images_are_judged_by_both_kinds_of_box(merged_game: Any) -> None:
    shown, report = evaluated(merged_game)
    assert report.real.micro.f1 == 1.0
    assert shown["judged_on"] == "held-out frames"
    assert shown["frames_of_trained_sessions"].startswith(f"0 of {report.real.frames}")
    visible, full = report.conventions
    assert (visible.box, full.box) == ("visible", "full")
    assert visible.truths == full.truths > 0
    assert visible.micro == report.synthetic.micro, "the pack's own labels are of visible boxes"
    assert shown["synthetic_f1_visible_boxes"] == visible.micro.f1
    assert shown["synthetic_f1_full_boxes"] == full.micro.f1
    assert f"| full | {full.truths} |" in shown["report"]
    assert "toy/synthetic_set" in report.inputs
    assert shown["looked_at"] == report.inputs["looked at"] == f"whole, shrunk to {SIDE}x{SIDE}"


def test_without_the_drawn_set_the_rest_is_judged_all_the_same(merged_game: Any) -> None:
    remove_tree(merged_game.store.root / "toy" / "synthetic_set")
    shown, report = evaluated(merged_game)
    assert report.conventions == ()
    assert report.synthetic is not None
    assert "what of an object its box holds" not in shown["report"]


def write_blind_model(folder: Path) -> None:
    """A model that never finds anything."""
    write_detector(folder / "model.onnx", export_metadata(CLASSES), NOTHING.copy(), (SIDE, SIDE))
    write_export_reports(folder, CLASSES)


def write_two_sessions(folder: Path) -> None:
    """Frames of two sessions, whose only house is where the model sees one."""
    (folder / "images").mkdir()
    house, frames = LabelledBox(0, Box(*FOUND[:4])), []
    for number, name in enumerate(("north_1", "north_2", "south_1", "south_2")):
        cv2.imwrite(str(folder / f"images/{name}.png"), np.full((SIDE, SIDE, 3), 90, np.uint8))
        digits = f"{number}"
        path = f"images/{name}.png"
        frames.append(Frame(f"{name}.png", path, SIDE, SIDE, digits * 64, digits * 16, (house,)))
    write_stored_batch(folder, Batch(CLASSES, tuple(frames), (), (), ()))


def checked(toy_game: Any) -> Any:
    with toy_game.instance() as instance:
        key = dg.AssetCheckKey(dg.AssetKey(["toy", "real_evaluation"]), "not_worse_than_packaged")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, 1)
        return record.event.dagster_event.event_specific_data.passed


def test_a_new_model_is_shown_beside_the_one_that_was_packaged(merged_game: Any) -> None:
    merged_game.add("cvat_export", write_two_sessions, "heldout_a")
    shown, report = evaluated(merged_game)
    assert "all models" not in shown.get("preview", ""), "there is one"
    assert report.champion is None, "the first model has nothing to be compared with"
    make(merged_game, "runtime_package")
    again, _ = evaluated(merged_game)
    assert "all models" not in again.get("preview", "")
    assert again["outcome"] == "unchanged, no work done", "it is not compared with itself"

    merged_game.add("onnx_export", write_blind_model)
    shown, report = evaluated(merged_game)
    compared = report.champion.comparison
    assert (compared.frames, compared.sessions, compared.verdict) == (4, 2, "worse")
    assert (shown["champion_f1"], shown["real_f1"]) == (1.0, 0.0)
    assert shown[f"beside {report.champion.version}"].startswith("worse (-1.000")
    assert "| AP50 | 0.000 | 1.000 | worse (" in shown["report"]
    assert not checked(merged_game)
    assert "real micro-F1 of all models" in shown["preview"]

    make(merged_game, "runtime_package")
    merged_game.add("onnx_export", write_doubting_model)
    _, third = evaluated(merged_game)
    assert third.champion.version != report.champion.version, "the newest, not the first"
    assert third.champion.comparison.verdict == "better"

    merged_game.add("onnx_export", write_model)
    shown, _ = evaluated(merged_game)
    assert shown["outcome"] == "unchanged, no work done", "what came later is no champion of it"


def test_a_package_whose_files_are_gone_is_passed_over(merged_game: Any) -> None:
    merged_game.add("cvat_export", write_two_sessions, "heldout_a")
    make(merged_game, "real_evaluation")
    make(merged_game, "runtime_package")
    merged_game.add("onnx_export", write_blind_model)
    remove_tree(merged_game.store.root / "toy" / "runtime_package")
    _, report = evaluated(merged_game)
    assert report.champion is None
