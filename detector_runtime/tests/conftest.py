"""Small ONNX models, built here: there are no trained weights to test with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import detector_runtime
from detector_runtime.bundle import BundleManifest, FileDigest, IoContract, ThresholdTable

NAMES = ("sheep", "villager", "town_center")


@pytest.fixture(autouse=True)
def _no_model_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests run where no model lies, and share no detector."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DETECTOR_RUNTIME_MODEL", raising=False)
    yield
    detector_runtime.reset_detector()


def _metadata(model: onnx.ModelProto, names: Sequence[str] | None, extra: dict[str, str]) -> None:
    values = dict(extra)
    if names is not None:
        values["names"] = str(dict(enumerate(names)))
    for key, value in values.items():
        model.metadata_props.add(key=key, value=value)


def _constant_model(output: np.ndarray, shape: Sequence[Any]) -> onnx.ModelProto:
    """Gives `output` whatever it sees; adds 0 times the image, so that the input counts."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["output0"]),
    ]
    declared = list(output.shape)
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, declared)],
        [
            numpy_helper.from_array(output.astype(np.float32), "rows"),
            numpy_helper.from_array(np.float32(0), "zero"),
        ],
    )
    return _finished(graph)


def _block_model(shape: Sequence[Any], rows: int, cell: int = 16) -> onnx.ModelProto:
    """Sees red blocks of `cell` pixels; those with green in them are of class 1.

    Its score is the mean of red less blue, so it depends on every pixel and grey is nothing. Any
    height, width and batch.
    """
    nodes = [
        helper.make_node("Split", ["images"], ["red", "green", "blue"], axis=1),
        helper.make_node("Sub", ["red", "blue"], ["redness"]),
        _pool("redness", "red_cells", cell),
        _pool("green", "green_cells", cell),
        helper.make_node("Shape", ["red_cells"], ["cells_shape"]),
        helper.make_node("Gather", ["cells_shape", "three"], ["columns"], axis=0),
        helper.make_node("Flatten", ["red_cells"], ["red_flat"], axis=1),
        helper.make_node("Flatten", ["green_cells"], ["green_flat"], axis=1),
        helper.make_node("TopK", ["red_flat", "rows"], ["score", "index"], axis=1),
        helper.make_node("GatherElements", ["green_flat", "index"], ["green_top"], axis=1),
        helper.make_node("Greater", ["green_top", "half"], ["is_green"]),
        helper.make_node("Cast", ["is_green"], ["class"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["index", "columns"], ["row_index"]),
        helper.make_node("Mod", ["index", "columns"], ["column_index"]),
        helper.make_node("Cast", ["row_index"], ["row"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["column_index"], ["column"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["column", "cell"], ["x1"]),
        helper.make_node("Mul", ["row", "cell"], ["y1"]),
        helper.make_node("Add", ["x1", "cell"], ["x2"]),
        helper.make_node("Add", ["y1", "cell"], ["y2"]),
    ]
    columns = ["x1", "y1", "x2", "y2", "score", "class"]
    nodes += [helper.make_node("Unsqueeze", [name, "two"], [f"{name}_column"]) for name in columns]
    nodes.append(
        helper.make_node("Concat", [f"{name}_column" for name in columns], ["output0"], axis=2)
    )
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [shape[0], rows, 6])],
        [
            numpy_helper.from_array(np.int64(3), "three"),
            numpy_helper.from_array(np.array([2], np.int64), "two"),
            numpy_helper.from_array(np.array([rows], np.int64), "rows"),
            numpy_helper.from_array(np.float32(0.5), "half"),
            numpy_helper.from_array(np.float32(cell), "cell"),
        ],
    )
    return _finished(graph)


def _pool(source: str, target: str, cell: int) -> onnx.NodeProto:
    return helper.make_node(
        "AveragePool", [source], [target], kernel_shape=[cell, cell], strides=[cell, cell]
    )


def _finished(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


@pytest.fixture
def constant_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model that always gives the same rows."""

    def make(
        rows: Any,
        *,
        names: Sequence[str] | None = NAMES,
        shape: Sequence[Any] = (1, 3, 64, 64),
        name: str = "model.onnx",
        **metadata: str,
    ) -> Path:
        output = np.array(rows, np.float32)
        model = _constant_model(output[None] if output.ndim == 2 else output, shape)
        _metadata(model, names, metadata)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make


@pytest.fixture
def block_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model that finds red blocks of 16 pixels."""

    def make(
        *,
        shape: Sequence[Any] = (1, 3, 64, 64),
        rows: int = 8,
        names: Sequence[str] | None = NAMES,
        name: str = "blocks.onnx",
        **metadata: str,
    ) -> Path:
        model = _block_model(shape, rows)
        _metadata(model, names, metadata)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make


@pytest.fixture
def make_bundle(tmp_path: Path, block_model: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a bundle folder around a block model; `io` and `changes` replace manifest entries."""

    def make(folder: str = "bundle", io: dict[str, Any] | None = None, **changes: Any) -> Path:
        content = block_model().read_bytes()
        contract = {"input_size": (64, 64), "output_shape": (8, 6), **(io or {})}
        values: dict[str, Any] = {
            "name": "blocks",
            "version": "1.2.0",
            "files": {
                "model.onnx": FileDigest(
                    sha256=hashlib.sha256(content).hexdigest(), size=len(content)
                )
            },
            "io": IoContract(**contract),
            "classes": NAMES,
            "thresholds": ThresholdTable(default=0.5, per_class={"sheep": 0.25}),
            "lineage": {"game": "test"},
        }
        manifest = BundleManifest(**(values | changes))
        (tmp_path / "blocks.onnx").unlink()
        target = tmp_path / folder
        target.mkdir()
        (target / "model.onnx").write_bytes(content)
        (target / "bundle.json").write_text(manifest.to_json(), newline="\n")
        return target

    return make
