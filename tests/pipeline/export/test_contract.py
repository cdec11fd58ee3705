"""A model that breaks the contract is refused with what to do; one that keeps it is described."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from detector_runtime.models.training_scale import SCALE_KEY, TrainingScale
from onnx import TensorProto, helper, numpy_helper

from pipeline.export.contract import (
    ContractReport,
    LearnedScale,
    OnnxContractError,
    check_onnx_contract,
)

CLASSES = ("knight", "sheep", "galley")
GOOD = {
    "end2end": "True",
    "names": "{0: 'knight', 1: 'sheep', 2: 'galley'}",
    "imgsz": "[128, 160]",
    "head": "Detect",
    "outpost_game": "demo",
    "outpost_training_set": "abc",
}


def write_model(
    file: Path,
    metadata: dict[str, str],
    rows: Sequence[int] = (300, 6),
    batch: int | str = 1,
    size: Sequence[int | str] = (128, 160),
) -> Path:
    """A model whose every image gives the same rows, scaled by its mean colour."""
    constant = numpy_helper.from_array(np.ones((1, *rows), np.float32), "rows")
    shape = numpy_helper.from_array(np.array([-1, 1, 1], np.int64), "shape")
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("Mul", ["column", "rows"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, *size])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, *rows])],
        [constant, shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    helper.set_model_props(model, metadata)
    onnx.save(model, str(file))
    return file


def test_a_model_that_keeps_the_contract_is_described(tmp_path: Path) -> None:
    report = check_onnx_contract(write_model(tmp_path / "m.onnx", GOOD), CLASSES)

    assert report.output_shape == (1, 300, 6)
    assert report.imgsz == (128, 160)
    assert report.class_names == CLASSES
    assert report.lineage == {"game": "demo", "training_set": "abc"}


def test_an_open_batch_and_size_keep_the_contract(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", GOOD, batch="batch", size=("height", "width"))

    report = check_onnx_contract(model, CLASSES)

    assert report.output_shape == ("batch", 300, 6)
    assert report.imgsz == (128, 160)


@pytest.mark.parametrize("rows", [(7, 8400), (300, 38), (8400, 6)])
def test_another_layout_is_refused(tmp_path: Path, rows: tuple[int, int]) -> None:
    model = write_model(tmp_path / "m.onnx", GOOD, rows)

    with pytest.raises(OnnxContractError, match=str(rows[1])) as caught:
        check_onnx_contract(model, CLASSES)

    assert "nms=False" in caught.value.fix


def test_a_fixed_batch_of_several_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnnxContractError, match="instead of one output"):
        check_onnx_contract(write_model(tmp_path / "m.onnx", GOOD, batch=4), CLASSES)


@pytest.mark.parametrize("end2end", ["False", None])
def test_the_right_shape_from_the_other_head_is_refused(
    tmp_path: Path, end2end: str | None
) -> None:
    metadata = {key: value for key, value in GOOD.items() if key != "end2end"}
    if end2end is not None:
        metadata["end2end"] = end2end

    with pytest.raises(OnnxContractError, match="non-maximum suppression") as caught:
        check_onnx_contract(write_model(tmp_path / "m.onnx", metadata), CLASSES)

    assert "nms=False" in caught.value.fix


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("{0: 'sheep', 1: 'knight', 2: 'galley'}", "class 0 is 'sheep' there and 'knight'"),
        ("{0: 'knight', 1: 'sheep'}", "2 of them instead of 3"),
        ("{}", "0 of them instead of 3"),
        ("7", "names none"),
    ],
)
def test_other_classes_are_refused_with_the_difference(
    tmp_path: Path, names: str, said: str
) -> None:
    model = write_model(tmp_path / "m.onnx", {**GOOD, "names": names})

    with pytest.raises(OnnxContractError, match=said):
        check_onnx_contract(model, CLASSES)


def test_unreadable_names_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", {**GOOD, "names": "__import__('os')"})

    with pytest.raises(OnnxContractError, match="no readable 'names'"):
        check_onnx_contract(model, CLASSES)


def test_names_are_in_the_order_of_their_ids_however_they_are_written(tmp_path: Path) -> None:
    shuffled = {**GOOD, "names": "{2: 'galley', 0: 'knight', 1: 'sheep'}"}

    assert check_onnx_contract(write_model(tmp_path / "m.onnx", shuffled), CLASSES)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", GOOD)
    model.write_bytes(model.read_bytes()[:100])

    with pytest.raises(OnnxContractError, match="cannot be loaded"):
        check_onnx_contract(model, CLASSES)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnnxContractError, match="no model at"):
        check_onnx_contract(tmp_path / "m.onnx", CLASSES)


def test_what_a_model_says_of_its_scale_is_reported(tmp_path: Path) -> None:
    assert check_onnx_contract(write_model(tmp_path / "old.onnx", GOOD), CLASSES).learned is None
    metadata = GOOD | TrainingScale("tile", 0.5, (320, 256)).to_metadata()

    report = check_onnx_contract(write_model(tmp_path / "m.onnx", metadata), CLASSES)

    said = LearnedScale(trained_on="tile", scale=0.5, image_size=(320, 256))
    assert report.learned == said
    assert ContractReport.model_validate_json(report.model_dump_json()) == report
    assert report.lineage == {"game": "demo", "training_set": "abc"}


def test_a_scale_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    metadata = GOOD | TrainingScale("tile", 0.5, (320, 256)).to_metadata() | {SCALE_KEY: "large"}

    with pytest.raises(OnnxContractError, match="how large it learned") as caught:
        check_onnx_contract(write_model(tmp_path / "m.onnx", metadata), CLASSES)

    assert "onnx_export" in caught.value.fix
