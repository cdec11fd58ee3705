"""What is said of a classifier that a job has trained, alone and beside the one before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.classifier_models import finished_job
from doubles.icons import write_voted_crops

from pipeline.community.classifiers.answers import ClassifierModelError
from pipeline.community.classifiers.dataset import (
    RULES,
    ClassifierData,
    read_images,
    select_images,
)
from pipeline.community.classifiers.model import ClassifierModel

Write = Callable[..., ClassifierModel]


@pytest.fixture
def data(tmp_path: Path) -> ClassifierData:
    voted = write_voted_crops(tmp_path / "voted", names=3)
    return read_images(voted, "icon", select_images(voted, "icon", RULES["icon"]), 64)


@pytest.fixture
def write(tmp_path: Path, data: ClassifierData) -> Write:
    """Makes the artifact of what the job has trained."""
    job = finished_job(tmp_path / "job", data)

    def write(name: str, *previous: ClassifierModel) -> ClassifierModel:
        (tmp_path / name).mkdir()
        return ClassifierModel.write(tmp_path / name, job, data, *previous)

    return write


def test_the_one_before_is_judged_only_by_images_that_it_has_not_learned_from(
    write: Write, data: ClassifierData
) -> None:
    first = write("first")
    assert first.evaluation.beside_previous is None
    gate = write("second", first).evaluation.beside_previous
    judges = [data.selection.examples[row].sha256 for row in data.rows("test")]
    assert gate is not None
    assert (gate.images, gate.new) == (len(judges), gate.old)

    learned = first.manifest.model_copy(update={"trained": tuple(judges[1:])})
    gate = write("third", replace(first, manifest=learned)).evaluation.beside_previous
    assert gate is not None
    assert gate.images == 1
    everything = first.manifest.model_copy(update={"trained": tuple(judges)})
    last = write("fourth", replace(first, manifest=everything))
    assert last.evaluation.beside_previous is None


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors", "metrics.jsonl"])
def test_one_that_was_cut_off_is_refused(write: Write, name: str) -> None:
    model = write("first")
    file = model.folder / name
    if name == "metrics.jsonl":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ClassifierModelError, match=name):
        ClassifierModel.open(model.folder)
