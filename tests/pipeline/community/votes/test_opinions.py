"""What a classifier says of images that the votes leave open."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles.classifiers import COLOURS, write_classifier
from PIL import Image

from pipeline.community.classifiers.job import ClassifierSpec
from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.model import (
    CalibrationReport,
    ClassifierEvaluation,
    ClassifierMeta,
    ClassifierModel,
)
from pipeline.community.classifiers.scoring import ClassifierScores
from pipeline.community.votes.opinions import ModelsInUse
from pipeline.evaluation.metrics.intervals import Interval
from pipeline.evaluation.metrics.sessions import Estimate

RIGHT = Estimate(value=0.9, interval=Interval(low=0.8, high=0.95), standard_error=0.03, sessions=9)


def model_in(
    folder: Path, measured: Estimate | None = RIGHT, trained: tuple[str, ...] = ()
) -> ClassifierModel:
    """A classifier of mean colours, as if it had been trained and measured."""
    folder.mkdir()
    write_classifier(folder / "model.onnx")
    calibration = CalibrationReport(temperature=1.0, min_confidence=0.5, images=9, rule="")
    scores = ClassifierScores(
        images=9,
        names=3,
        over="groups",
        accuracy=RIGHT,
        images_of_new_groups=9,
        accuracy_of_new_groups=measured,
        unknown=0.0,
        accuracy_of_known=RIGHT,
        calibration_error_before=None,
        calibration_error=None,
        reliability=(),
        per_name=(),
        confusions=(),
        mistakes=(),
        unsure=(),
    )
    meta = ClassifierMeta(
        kind="icon",
        architecture="colours",
        input_side=64,
        names=3,
        bytes={},
        weights="scratch",
        contributors=3,
        images={},
        calibration=calibration,
        notes=(),
    )
    spec = ClassifierSpec(
        game="toy",
        kind="icon",
        classes=tuple(COLOURS),
        architecture="efficientnet_b0",
        input_side=64,
    )
    manifest = TrainingManifest(images=dict.fromkeys(trained, "Red Gem"), trained=trained)
    evaluation = ClassifierEvaluation(scores=scores, beside_previous=None)
    return ClassifierModel(folder, spec, meta, manifest, evaluation)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    colours = {"red": (220, 30, 30), "blue": (25, 35, 215), "grey": (90, 90, 90)}
    files = {name: tmp_path / f"{name}.png" for name in colours}
    for name, colour in colours.items():
        Image.new("RGB", (64, 64), colour).save(files[name])
    return files


def test_it_says_what_it_knows_and_weighs_what_was_measured(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    asked = ModelsInUse({"icon": model_in(tmp_path / "model")}, images)
    found = asked.opinions("icon", [*images])
    assert {digest: one.label for digest, one in found.items()} == {
        "red": "Red Gem",
        "blue": "Blue Gem",
    }
    assert all(one.reliability == 0.8 for one in found.values())
    assert asked.opinions("screen", ["red"]) == {}


def test_it_is_not_asked_about_what_it_has_learned_from(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    model = model_in(tmp_path / "model", trained=("red",))
    assert ModelsInUse({"icon": model}, images).opinions("icon", ["red", "blue"]).keys() == {"blue"}


def test_whose_accuracy_nobody_has_measured_is_not_asked(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    model = model_in(tmp_path / "model", measured=None)
    assert ModelsInUse({"icon": model}, images).opinions("icon", ["red"]) == {}


def test_what_was_withdrawn_does_not_speak_through_it(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    model = model_in(tmp_path / "model", trained=("grey", "of a withdrawn install"))
    assert ModelsInUse({"icon": model}, images).opinions("icon", ["red", "blue"]) == {}
