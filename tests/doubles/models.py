"""Small ONNX models, built here: there are no trained weights to test with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NOTHING = np.zeros((300, 6), np.float32)
"""Rows of a detector that sees nothing: corners, score and class of each."""
ALIKE = np.zeros((1, 1), np.float32)


def write_detector(
    file: Path,
    metadata: Mapping[str, str],
    rows: np.ndarray = NOTHING,
    size: Sequence[int | str] = (128, 128),
    by_mean: np.ndarray = ALIKE,
) -> Path:
    """A detector that gives the same rows for any image of a size (height, width).

    A side that has a name instead is free. The mean of an image, from 0 to 1, times `by_mean` is
    added to the rows.
    """
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "shape"], ["one"]),
        helper.make_node("Mul", ["one", "by_mean"], ["more"]),
        helper.make_node("Add", ["more", "rows"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, *rows.shape])],
        [
            numpy_helper.from_array(np.array([1, 1, 1], np.int64), "shape"),
            numpy_helper.from_array(by_mean[None], "by_mean"),
            numpy_helper.from_array(rows[None], "rows"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, str(file))
    return file


def export_metadata(classes: Sequence[str], size: Sequence[int] = (128, 128)) -> dict[str, str]:
    """What ultralytics writes into an export of the NMS-free head."""
    names = str(dict(enumerate(classes)))
    return {"names": names, "imgsz": str(list(size)), "end2end": "True"}


def write_no_detector(file: Path) -> Path:
    """A readable model that is no detector."""
    value, out = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "y"))
    node = helper.make_node("Identity", ["x"], ["y"])
    onnx.save(helper.make_model(helper.make_graph([node], "g", [value], [out])), str(file))
    return file
