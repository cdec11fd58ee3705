"""CVAT's own auto-annotation with our runtime, run by the SDK's driver against the double."""

from pathlib import Path

import numpy as np
import pytest
from cvat_sdk import make_client
from cvat_sdk.auto_annotation import BadFunctionError, annotate_task
from cvat_sdk.core.client import Client
from detector_runtime.tools.cvat_function import create
from doubles.cvat import CvatDouble
from doubles.models import export_metadata, write_detector

from detector_runtime import ModelLoadError

from .conftest import LABELS, add_task

ROWS = np.zeros((300, 6), np.float32)
ROWS[0] = (10, 20, 40, 60, 0.75, 0)
ROWS[1] = (70, 20, 110, 60, 0.25, 1)


@pytest.fixture
def client(cvat: CvatDouble, tmp_path: Path) -> Client:
    made = make_client(cvat.origin, access_token=cvat.token)
    made.config.cache_dir = tmp_path / "cache"
    return made


def write_model(folder: Path, names: tuple[str, ...] = LABELS) -> str:
    return str(write_detector(folder / "model.onnx", export_metadata(names), ROWS))


def shapes_of(cvat: CvatDouble, task_id: int) -> list[tuple[str, int, float, str]]:
    task = cvat.tasks[task_id]
    names = {label["id"]: label["name"] for label in cvat.labels_of(task.project)}
    shapes = [s for s in task.shapes if s["source"] == "auto"]
    return [(names[s["label_id"]], s["frame"], s["score"], s["type"]) for s in shapes]


def test_scores_are_handed_on(cvat: CvatDouble, client: Client, tmp_path: Path) -> None:
    task = add_task(cvat, frames=6)
    annotate_task(client, task.id, create(write_model(tmp_path)))
    assert shapes_of(cvat, task.id) == [("sheep", n, 0.75, "rectangle") for n in range(6)]
    # The images are 64 px wide, the model's input is 128.
    assert task.shapes[-1]["points"] == pytest.approx([5, 10, 20, 30], abs=0.01)
    assert len(task.shapes) == 12


@pytest.mark.parametrize(("threshold", "count"), [(0.1, 4), (0.5, 2), (0.9, 0)])
def test_the_threshold_is_that_of_cvat(
    cvat: CvatDouble, client: Client, tmp_path: Path, threshold: float, count: int
) -> None:
    task, function = add_task(cvat), create(write_model(tmp_path), tiles=True)
    annotate_task(client, task.id, function, conf_threshold=threshold, clear_existing=True)
    assert len(task.shapes) == count


def test_labels_that_the_task_does_not_have(
    cvat: CvatDouble, client: Client, tmp_path: Path
) -> None:
    function = create(write_model(tmp_path, ("sheep", "castle")))
    task = add_task(cvat)
    with pytest.raises(BadFunctionError, match="castle"):
        annotate_task(client, task.id, function)
    annotate_task(client, task.id, function, allow_unmatched_labels=True, conf_threshold=0.1)
    assert {name for name, *_ in shapes_of(cvat, task.id)} == {"sheep"}


def test_the_mock_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DETECTOR_RUNTIME_MODEL", raising=False)
    monkeypatch.setattr("detector_runtime.bundle.installed_bundles", dict)
    with pytest.raises(ModelLoadError, match="no model"):
        create()
