"""`outpost evaluate` on real model files and real exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from detector_runtime.bundle import ThresholdTable
from doubles.artifacts import write_training_set_files
from doubles.exports import write_export
from doubles.models import NOTHING, export_metadata, write_detector
from PIL import Image
from typer.testing import CliRunner, Result

from assets.cli.app import app
from pipeline.evaluation.evaluation import Evaluation
from pipeline.export.contract import check_onnx_contract
from pipeline.games.pack import load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.formats.coco import read_export
from pipeline.release.bundle import Release, write_bundle

NAMES = load_pack("demo").class_names
SIDE = 64
HOUSE = (20.0, 20.0, 60.0, 60.0)


def model(file: Path, *scores: float, names: tuple[str, ...] = NAMES) -> Path:
    """A model that sees houses where there is one, with these scores."""
    rows = NOTHING.copy()
    for index, score in enumerate(scores):
        rows[index] = (*HOUSE, score, NAMES.index("house"))
    write_detector(file, export_metadata(names), rows, (SIDE, SIDE))
    return file


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two sessions of two screenshots, each with a house."""
    x1, y1, x2, y2 = HOUSE
    names = [f"{session}_{number}.png" for session in ("north", "south") for number in (1, 2)]
    images = {name: Image.new("RGB", (SIDE, SIDE), (90, 90, i)) for i, name in enumerate(names)}
    boxes = [(name, "house", (x1, y1, x2 - x1, y2 - y1)) for name in names]
    return write_export(tmp_path / "held.zip", images, ["house"], boxes)


def evaluate(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_a_model_is_judged_on_an_export_as_it_came(tmp_path: Path, export: Path) -> None:
    out = tmp_path / "report"
    done = evaluate(model(tmp_path / "a.onnx", 0.9), export, "--out", out)
    assert done.exit_code == 0, done.output
    assert "Real micro-F1 1.000 (1.000 to 1.000 over 2 sessions) on 4 frames" in done.output
    assert Evaluation.open(out).report.real.micro.f1 == 1
    page = (out / "report.html").read_text("utf-8")
    assert "<table>" in page
    assert "No frame has an error." in page


def test_a_model_that_gives_all_that_it_can_is_told_in_the_report_and_not_in_the_log(
    tmp_path: Path, export: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "report"
    full = model(tmp_path / "a.onnx", 0.9, *[0.02] * (len(NOTHING) - 1))
    done = evaluate(full, export, "--out", out, "--modes", "--against", full)
    assert done.exit_code == 0, done.output
    assert "more may be there" not in done.output + caplog.text
    assert Evaluation.open(out).report.real.truncated_frames == 4
    page = (out / "report.html").read_text("utf-8")
    assert "In 4 of 4 real frames the model gave all the detections that it can." in page
    part = model(tmp_path / "b.onnx", 0.9, *[0.02] * (len(NOTHING) - 2))
    assert evaluate(part, export, "--out", tmp_path / "part").exit_code == 0
    assert Evaluation.open(tmp_path / "part").report.real.truncated_frames == 0
    assert "that it can" not in (tmp_path / "part" / "report.html").read_text("utf-8")


def test_two_models_are_compared_and_the_worst_frames_are_shown(
    tmp_path: Path, export: Path
) -> None:
    out = tmp_path / "report"
    weak, strong = model(tmp_path / "weak.onnx"), model(tmp_path / "strong.onnx", 0.9)
    done = evaluate(weak, export, "--out", out, "--against", strong, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["champion"]["version"] == "strong.onnx"
    page = (out / "report.html").read_text("utf-8")
    assert "this model" in page
    for number in range(4):
        (drawn,) = (out / "frames").glob(f"worst_{number}_*.jpg")
        assert f'src="frames/{drawn.name}"' in page
        Image.open(drawn).verify()


def test_the_modes_of_the_runtime_are_a_table_where_they_are_asked_for(
    tmp_path: Path, export: Path
) -> None:
    weights, out = model(tmp_path / "a.onnx", 0.9), tmp_path / "report"
    done = evaluate(weights, export, "--out", out, "--modes")
    assert done.exit_code == 0, done.output
    assert "detect_adaptive" in done.output
    modes = Evaluation.open(out).report.modes
    assert [one.f1 for one in modes] == [1, 1, 1, 1]
    assert "<td>detect_adaptive</td>" in (out / "report.html").read_text("utf-8")
    plain = tmp_path / "plain"
    assert evaluate(weights, export, "--out", plain).exit_code == 0
    assert Evaluation.open(plain).report.modes == ()
    assert "detect_adaptive" not in (plain / "report.html").read_text("utf-8")


def test_a_batch_of_the_store_will_do_and_a_confidence_may_be_given(
    tmp_path: Path, export: Path
) -> None:
    batch, out = tmp_path / "batch", tmp_path / "report"
    ExportBatch.write(batch, read_export(export, NAMES), export)
    weights = model(tmp_path / "a.onnx", 0.9)
    assert evaluate(weights, batch, "--out", out, "--confidence", "0.95").exit_code == 0
    assert Evaluation.open(out).report.real.micro.f1 == 0


def test_what_cannot_be_judged_is_told_and_nothing_is_written(tmp_path: Path, export: Path) -> None:
    good, out = model(tmp_path / "a.onnx", 0.9), tmp_path / "report"
    other = model(tmp_path / "b.onnx", names=("cat", "dog"))
    broken = tmp_path / "c.onnx"
    broken.write_bytes(b"no model")
    cases = {
        "There is nothing at": (tmp_path / "gone.onnx", export),
        "the classes cat, dog": (other, export),
        "c.onnx": (broken, export),
        "held.txt": (good, tmp_path / "held.txt"),
    }
    (tmp_path / "held.txt").write_text("no export", "utf-8")
    for text, words in cases.items():
        done = evaluate(*words, "--out", out)
        assert done.exit_code == 1, text
        assert text in " ".join(done.output.split())
        assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("kept", "utf-8")
    assert "is there already" in " ".join(evaluate(good, export, "--out", out).output.split())


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_judged(
    tmp_path: Path, export: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("here")
    done = evaluate(model(tmp_path / "a.onnx", 0.9), export, "--out", file / "sub" / "report")
    assert done.exit_code == 1
    assert "cannot be written" in " ".join(done.output.split())
    assert "evaluating" not in done.output
    assert file.read_text() == "here"


def bundle(folder: Path, version: str, confidence: float) -> Path:
    """The model that is 0.6 sure of a house, which counts from a confidence."""
    folder.mkdir()
    file = model(folder / "raw.onnx", 0.6)
    release = Release("demo", version, ThresholdTable(default=confidence))
    write_bundle(folder / "bundle", file, check_onnx_contract(file, NAMES), release)
    return folder / "bundle"


def test_a_bundle_counts_from_its_own_confidence_and_is_told_from_others_of_its_name(
    tmp_path: Path, export: Path
) -> None:
    out = tmp_path / "report"
    sure, unsure = bundle(tmp_path / "a", "1.0.0", 0.5), bundle(tmp_path / "b", "2.0.0", 0.9)
    assert evaluate(unsure, export, "--out", out, "--against", sure).exit_code == 0
    report = Evaluation.open(out).report
    assert report.champion is not None
    assert report.champion.version == "demo 1.0.0"
    of_record = report.champion.comparison.of_record
    assert (report.real.micro.f1, of_record.new, of_record.old) == (0, 0, 1)


def test_the_real_validation_frames_of_a_training_set_will_do(tmp_path: Path) -> None:
    folder, out = tmp_path / "set", tmp_path / "report"
    listed = [f"images/val/{name}" for name in ("real_a_0.png", "synth_0.png")]
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for line in listed:
        Image.new("RGB", (SIDE, SIDE)).save(folder / line)
        label = folder / "labels" / "val" / f"{Path(line).stem}.txt"
        label.write_text(f"{NAMES.index('house')} 0.625 0.625 0.625 0.625\n")
    write_training_set_files(folder, NAMES, [], listed)
    done = evaluate(model(tmp_path / "a.onnx", 0.9), folder, "--out", out)
    assert done.exit_code == 0, done.output
    (frame,) = Evaluation.open(out).report.real.per_frame
    assert (frame.name, frame.true_positives, frame.errors) == ("real_a_0.png", 1, 0)


def test_a_folder_that_was_read_for_another_game_is_refused(tmp_path: Path, export: Path) -> None:
    other, weights = ("house", "mill"), model(tmp_path / "a.onnx", 0.9)
    ExportBatch.write(tmp_path / "batch", read_export(export, other), export)
    (tmp_path / "set").mkdir()
    write_training_set_files(tmp_path / "set", other, [], [])
    for name in ("batch", "set"):
        done = evaluate(weights, tmp_path / name, "--out", tmp_path / "report")
        assert done.exit_code == 1
        assert "was read for other classes than those of demo" in " ".join(done.output.split())


def test_a_model_of_other_classes_is_refused_before_any_frame_is_looked_at(
    tmp_path: Path, export: Path
) -> None:
    other = tmp_path / "other.onnx"
    write_detector(other, export_metadata(NAMES[::-1]), NOTHING, (SIDE, SIDE))
    done = evaluate(
        model(tmp_path / "a.onnx", 0.9), export, "--out", tmp_path / "report", "--against", other
    )
    assert done.exit_code == 1
    told = " ".join(done.output.split())
    assert "other.onnx has other classes than the model that it is compared with" in told
    assert "evaluating" not in told
    assert not (tmp_path / "report").exists() or not list((tmp_path / "report").iterdir())
