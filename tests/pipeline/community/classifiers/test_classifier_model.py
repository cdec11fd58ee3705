"""A whole training: from voted crops to the artifact, again from its weights, and damage."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from doubles.icons import icon_name, write_voted_crops

from pipeline.community.classifiers.answers import ClassifierModelError, ask
from pipeline.community.classifiers.dataset import (
    RULES,
    ClassifierData,
    read_images,
    select_images,
)
from pipeline.community.classifiers.job import (
    ClassifierHyperparameters,
    ClassifierSpec,
    classifier_job_spec,
    write_classifier_job,
)
from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.jobs.events import JobEvent, MessageEvent
from pipeline.jobs.failures import JobFailedError
from pipeline.jobs.local import run_job
from pipeline.jobs.program.constants import OUTPUTS_FOLDER, STOP_FILE

pytestmark = pytest.mark.slow

QUICK = ClassifierHyperparameters(
    epochs=2, least_steps=0, finetune_epochs=1, head_epochs=5, batch=16, full_size_fraction=0.5
)


def data_of(folder: Path, names: int) -> ClassifierData:
    voted = write_voted_crops(folder, names=names, players=10, each=2)
    return read_images(voted, "icon", select_images(voted, "icon", RULES["icon"]), 64)


def spec_of(data: ClassifierData) -> ClassifierSpec:
    return ClassifierSpec(
        game="demo",
        kind="icon",
        classes=data.selection.classes,
        architecture="efficientnet_b0",
        input_side=64,
        pretrained=False,
        hyperparameters=QUICK,
        lineage={"voted_crops": "0123"},
    )


def trained(
    folder: Path, data: ClassifierData, previous: ClassifierModel | None = None
) -> tuple[ClassifierModel, list[JobEvent]]:
    data.write(folder / "data")
    spec, events = spec_of(data), []
    weights = previous.weights if previous else None
    job = write_classifier_job(folder / "job", spec, folder / "data", weights)
    run_job(job, classifier_job_spec(spec), events.append)
    (folder / "artifact").mkdir()
    return ClassifierModel.write(folder / "artifact", job.parent, data, previous), events


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClassifierModel, list[JobEvent]]:
    folder = tmp_path_factory.mktemp("first")
    return trained(folder, data_of(folder / "voted", names=4))


def test_the_artifact_is_read_back(first: tuple[ClassifierModel, list[JobEvent]]) -> None:
    model, _ = first
    assert ClassifierModel.open(model.folder) == model
    assert model.meta.weights == "scratch"
    assert model.meta.contributors == 10
    assert sum(model.meta.images.values()) <= 80
    assert [epoch.input_side for epoch in model.epochs()] == [32, 64]
    assert model.evaluation.scores.images == model.meta.images["test"] > 0
    assert model.evaluation.beside_previous is None
    assert model.sheet is not None
    assert set(model.manifest.images.values()) == {icon_name(number) for number in range(4)}
    pickles = {file.suffix for file in model.folder.iterdir()} & {".pt", ".pth", ".pkl"}
    assert pickles == set()


def test_the_export_keeps_the_runtimes_contract(
    first: tuple[ClassifierModel, list[JobEvent]],
) -> None:
    model, _ = first
    session = onnxruntime.InferenceSession(str(model.onnx))
    (taken,) = session.get_inputs()
    assert (taken.name, taken.shape[1:]) == ("images", [3, 64, 64])
    images = np.random.default_rng(0).random((3, 3, 64, 64), dtype=np.float32)
    for count in (1, 3):
        probabilities, features = session.run(
            ["probabilities", "features"], {"images": images[:count]}
        )
        assert probabilities.shape == (count, 4)
        assert probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        assert np.linalg.norm(features, axis=1) == pytest.approx(1.0, abs=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == list(model.spec.classes)
    assert (facts["input_size"], facts["kind"]) == ("64,64", "icon")
    assert float(facts["min_confidence"]) == model.meta.calibration.min_confidence
    assert facts["outpost_voted_crops"] == "0123"


def test_the_next_one_starts_from_its_weights_and_is_compared_with_it(
    first: tuple[ClassifierModel, list[JobEvent]], tmp_path: Path
) -> None:
    before, data = first[0], data_of(tmp_path / "voted", names=5)
    (changed_sides, *_), gone = data.rows("test"), "f" * 64
    learned = data.selection.examples[changed_sides].sha256
    earlier = TrainingManifest(images={gone: "No longer used"}, trained=(gone, learned))
    before = replace(before, manifest=before.manifest.after(earlier))
    model, events = trained(tmp_path, data, before)
    told = [event.message for event in events if isinstance(event, MessageEvent)]
    assert "Fine-tuning the previous classifier: 4 names are kept, 1 are new" in told
    assert [epoch.stage for epoch in model.epochs()] == ["head", "train"]
    assert model.meta.weights == "previous"
    gate = model.evaluation.beside_previous
    assert gate is not None
    assert (gate.names_added, gate.names_lost) == (1, 0)
    assert {gone, learned, *before.manifest.images} <= {*model.manifest.images}
    assert {gone, learned, *before.manifest.trained} <= {*model.manifest.trained}
    judged = {data.selection.examples[row].sha256 for row in data.rows("test")}
    assert model.evaluation.scores.images == len(judged - {*before.manifest.trained})
    assert ClassifierModel.open(model.folder) == model


def test_a_training_that_is_stopped_is_exported_and_one_that_is_killed_goes_on(
    first: tuple[ClassifierModel, list[JobEvent]], tmp_path: Path
) -> None:
    data = data_of(tmp_path / "voted", names=4)
    data.write(tmp_path / "data")
    spec = spec_of(data)
    job = write_classifier_job(tmp_path / "job", spec, tmp_path / "data")

    class GivenUpError(Exception):
        pass

    def give_up(event: JobEvent) -> None:
        if event.event == "epoch":
            raise GivenUpError

    with pytest.raises(GivenUpError):
        run_job(job, classifier_job_spec(spec), give_up)
    checkpoint = tmp_path / "job" / OUTPUTS_FOLDER / "checkpoint.pt"
    assert checkpoint.is_file()
    again = write_classifier_job(tmp_path / "again", spec, tmp_path / "data", resume=checkpoint)
    (tmp_path / "again" / STOP_FILE).touch()
    events: list[JobEvent] = []
    outputs = run_job(again, classifier_job_spec(spec), events.append)
    told = [event.message for event in events if isinstance(event, MessageEvent)]
    assert any(message.startswith("Going on after epoch 1 of 2") for message in told)
    assert [event.epoch for event in events if event.event == "epoch"] == [2]
    assert (outputs / "model.onnx").is_file()
    assert not (outputs / "checkpoint.pt").exists()


def test_labels_of_another_model_are_refused(
    first: tuple[ClassifierModel, list[JobEvent]], tmp_path: Path
) -> None:
    model, _ = first
    copy = tmp_path / "copy"
    shutil.copytree(model.folder, copy)
    (copy / "labels.json").write_text('{"0": "something else"}', "utf-8")
    with pytest.raises(ClassifierModelError, match="other classes"):
        ClassifierModel.open(copy)


def test_what_is_no_classifier_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ClassifierModelError, match="cannot be asked"):
        ask(tmp_path / "model.onnx", np.zeros((1, 64, 64, 3), dtype=np.uint8))


def test_an_array_that_could_hold_code_is_not_read(tmp_path: Path) -> None:
    data = data_of(tmp_path / "voted", names=3)
    data.write(tmp_path / "data")
    np.save(tmp_path / "data" / "labels.npy", np.array([print], dtype=object), allow_pickle=True)
    spec = spec_of(data)
    job = write_classifier_job(tmp_path / "job", spec, tmp_path / "data")
    with pytest.raises(JobFailedError, match="allow_pickle"):
        run_job(job, classifier_job_spec(spec))
