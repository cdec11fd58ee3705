"""Suggested thresholds: from the evaluation to the asset's page, the command and the pack."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pytest
from doubles.artifacts import recorded, write_stored_batch
from doubles.pages import shown
from doubles.toy import CLASSES, SIDE
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.core.building import latest_version
from assets.core.runs import materialize
from assets.definitions import build_definitions
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame, batch_frames
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.evaluation.reports.report import evaluate
from pipeline.games.pack import load_pack
from pipeline.labels.batches import Batch, ExportBatch, Frame
from pipeline.labels.boxes import Box, LabelledBox

HOUSES = 8
SESSIONS = 5


def write_sessions(folder: Path) -> None:
    """Frames of several sessions, with houses at the top."""
    (folder / "images").mkdir()
    frames = []
    for number in range(2 * SESSIONS):
        path = f"images/day{number // 2}_{number}.png"
        cv2.imwrite(str(folder / path), np.full((SIDE, SIDE, 3), 90, np.uint8))
        houses = tuple(LabelledBox(0, Box(8 * i, 2, 8 * i + 6, 8)) for i in range(HOUSES))
        name, digest = path.removeprefix("images/"), f"{number:064d}"
        frames.append(Frame(name, path, SIDE, SIDE, digest, f"{number:016d}", houses))
    write_stored_batch(folder, Batch(CLASSES, tuple(frames), (), (), ()))


def add_evaluation(game: Any, false_score: float, houses: int = HOUSES) -> None:
    """A model that is 0.8 sure of houses, and sees as many elsewhere that are none."""
    store, pack = game.store, game.pack
    with store.staging("toy/scratch") as folder:
        write_sessions(folder)
        truths = batch_frames(ExportBatch.open(folder))
    frames = [
        JudgedFrame(
            one.name,
            one.truths[:houses],
            tuple(
                ScoredBox(0, score, Box(8 * i, y, 8 * i + 6, y + 6))
                for i in range(houses)
                for score, y in ((0.8, 2), (false_score, 30))
            ),
            f"day {number // 2}",
        )
        for number, one in enumerate(truths)
    ]
    rules = pack.thresholds
    judged_at = tuple(rules.per_class.get(name, rules.default) for name in CLASSES)
    report = evaluate(frames, (), Judgement(CLASSES, judged_at), {})
    game.add("real_evaluation", lambda folder: Evaluation.write(folder, report, ()))


def make_thresholds(game: Any) -> dict[str, Any]:
    key = dg.AssetKey(["toy", "class_thresholds"])
    with game.instance() as instance:
        materialize(build_definitions(game.pack), instance, [key])
        return dict(shown(instance, key))


def thresholds(game: Any, *words: str, typed: str = "") -> Result:
    words = ("thresholds", *words, "--game", str(game.pack_folder))
    return CliRunner().invoke(app, words, input=typed)


def text_of(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture
def suggesting(toy_game: Any) -> Any:
    """The toy game with an evaluation that justifies another threshold for houses."""
    add_evaluation(toy_game, 0.5)
    return toy_game


def test_a_suggestion_is_shown_then_written_into_the_pack_and_then_it_is_outdated(
    suggesting: Any,
) -> None:
    page = make_thresholds(suggesting)
    assert page["suggested"] == 1
    assert page["judged_on"] == "10 frames of 5 sessions"
    assert "| house | 80 |" in page["classes"]
    assert "| better |" in page["classes"]
    assert "gain in F1 by class" in page["preview"]
    assert (page["f1"], page["cross_fitted_f1"]) == (pytest.approx(2 / 3, abs=1e-5), 1.0)

    # The name of a pack of one's own names nothing outside its folder.
    assert page["promote"] == "outpost thresholds promote --game FOLDER_OF_THE_PACK"

    file = suggesting.pack_folder / "pack.yaml"
    with file.open("a", encoding="utf-8") as stream:
        stream.write("# measured in May\n")
    before = file.read_bytes()
    refused = thresholds(suggesting, "promote", typed="n\n")
    assert refused.exit_code == 1
    assert "Micro-F1 of all classes: 0.667 now, 1.000 with house changed, +0.333" in text_of(
        refused
    )
    assert file.read_bytes() == before

    done = thresholds(suggesting, "promote", typed="y\n")
    assert done.exit_code == 0, done.output
    rules = load_pack(suggesting.pack_folder).thresholds
    assert 0.5 < rules.per_class["house"] < 0.8
    assert "# measured in May" in file.read_text("utf-8")
    assert "Materialize real_evaluation" in text_of(done)

    assert json.loads(thresholds(suggesting, "show", "--json").stdout)["changes"] == []
    after = thresholds(suggesting, "promote", "--yes")
    assert after.exit_code == 1
    assert "thresholds of the pack have changed since it was evaluated" in text_of(after)


def test_a_suggestion_of_another_evaluation_is_told_and_refused(suggesting: Any) -> None:
    make_thresholds(suggesting)
    before = (suggesting.pack_folder / "pack.yaml").read_bytes()
    add_evaluation(suggesting, 0.45)
    told = thresholds(suggesting, "show")
    assert told.exit_code == 0
    assert "come of another evaluation than the newest one" in text_of(told)
    refused = thresholds(suggesting, "promote", "--yes")
    assert refused.exit_code == 1
    assert "Materialize real_evaluation and class_thresholds again" in text_of(refused)
    assert (suggesting.pack_folder / "pack.yaml").read_bytes() == before

    make_thresholds(suggesting)
    document = json.loads(thresholds(suggesting, "promote", "--yes", "--json").stdout)
    assert document["outdated"] is None
    (change,) = document["changes"]
    assert (change["name"], change["old"]) == ("house", 0.35)
    assert document["written"] == str(suggesting.pack_folder / "pack.yaml")


def test_a_suggestion_for_the_model_before_is_told_and_refused(suggesting: Any) -> None:
    """Another model is sure of other things: what suits the one that was judged is not for it."""
    make_thresholds(suggesting)
    suggesting.add("onnx_export", lambda folder: (folder / "model").write_text("first"))
    # Of an evaluation that says nothing of its model, none is newer.
    assert "newer model" not in text_of(thresholds(suggesting, "show"))
    with suggesting.instance() as instance:
        export = latest_version(instance, dg.AssetKey(["toy", "onnx_export"]))
        evaluation = latest_version(instance, dg.AssetKey(["toy", "real_evaluation"]))
    assert export is not None
    assert evaluation is not None
    (record,) = suggesting.store.provenance_of(evaluation)
    recipe = record.recipe.model_copy(update={"inputs": (export,)})
    with suggesting.store.staging("toy/real_evaluation") as staged:
        shutil.copytree(suggesting.store.open(evaluation).path, staged, dirs_exist_ok=True)
        suggesting.store.commit(staged, recorded(recipe))
    assert "newer model" not in text_of(thresholds(suggesting, "show"))

    suggesting.add("onnx_export", lambda folder: (folder / "model").write_text("second"))
    assert "There is a newer model than the one" in text_of(thresholds(suggesting, "show"))
    before = (suggesting.pack_folder / "pack.yaml").read_bytes()
    assert thresholds(suggesting, "promote", "--yes").exit_code == 1
    assert (suggesting.pack_folder / "pack.yaml").read_bytes() == before


def test_few_objects_suggest_nothing_and_nothing_is_written(toy_game: Any) -> None:
    add_evaluation(toy_game, 0.5, houses=2)
    page = make_thresholds(toy_game)
    assert page["suggested"] == 0
    assert "fewer than 50 objects" in page["classes"]
    assert "promote" not in page
    refused = thresholds(toy_game, "promote", "--yes")
    assert refused.exit_code == 1
    assert "There is nothing to promote" in text_of(refused)


def test_before_there_is_a_suggestion_it_is_said_what_to_materialize(toy_game: Any) -> None:
    done = thresholds(toy_game, "show")
    assert done.exit_code == 1
    assert "toy/class_thresholds has not been materialized yet" in text_of(done)


def test_json_asks_nobody_so_it_needs_to_be_told(toy_game: Any) -> None:
    assert thresholds(toy_game, "promote", "--json").exit_code == 2
