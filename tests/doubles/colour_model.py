"""Models that find the units of `x11_game` by their colours: in Python, and as an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts
from detector_runtime.results import ModelSource
from doubles.models import export_metadata
from doubles.x11_game import UNITS
from onnx import NodeProto, TensorProto, helper, numpy_helper

CLASSES = ("red_unit", "blue_unit")


class ColourModel:
    def __init__(self) -> None:
        self.facts = ModelFacts(
            source=ModelSource("mock", "colours"), class_names=CLASSES, input_size=(640, 640)
        )

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        return Inference([self.rows(frame) for frame in frames], [1.0] * len(frames))

    def rows(self, frame: Frame) -> np.ndarray:
        rows = []
        pixels = frame.rgb()
        for number, (colour, _box) in enumerate(UNITS):
            wanted = [colour >> 16, (colour >> 8) & 255, colour & 255]
            ys, xs = np.nonzero((pixels == wanted).all(axis=2))
            if len(xs):
                box = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                rows.append((*box, 0.9, number))
        return np.array(rows, np.float32).reshape(-1, 6)

    def close(self) -> None:
        pass


SIZE = (192, 320)
"""Rows and columns that the ONNX file takes: a window of 320 times 180 is not made smaller."""
FARTHEST = 0.2
"""From a unit's colour, in sums of channels from 0 to 1."""


def write_colour_detector(file: Path) -> Path:
    """The same as a detector in the form of an export: 300 rows, of which units fill the first."""
    constants = {
        "width": [[SIZE[1]]],
        "height": [[SIZE[0]]],
        "sure": [[0.9]],
        "farthest": [[[FARTHEST]]],
        "from_left": [np.arange(SIZE[1]) + 1],
        "from_right": [SIZE[1] - np.arange(SIZE[1])],
        "from_top": [np.arange(SIZE[0]) + 1],
        "from_bottom": [SIZE[0] - np.arange(SIZE[0])],
        "others": np.zeros((1, 300 - len(UNITS), 6)),
    }
    nodes: list[NodeProto] = []
    for number, (colour, _box) in enumerate(UNITS):
        channels = np.array([colour >> 16, (colour >> 8) & 255, colour & 255]) / 255
        constants |= {f"colour{number}": channels.reshape(1, 3, 1, 1), f"kind{number}": [[number]]}
        nodes += _row(number)
    rows = [f"row{number}" for number in range(len(UNITS))]
    nodes.append(helper.make_node("Concat", [*rows, "others"], ["output0"], axis=1))
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *SIZE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 300, 6])],
        [numpy_helper.from_array(np.array(v, np.float32), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    metadata = {**export_metadata(CLASSES, SIZE), "stride": "32", "task": "detect"}
    helper.set_model_props(model, metadata)
    onnx.save(model, str(file))
    return file


def _row(number: int) -> Iterator[NodeProto]:
    """Left, top, right, bottom, score and class of one colour: float [1, 1, 6]."""

    def made(operation: str, inputs: Sequence[str], output: str, **more: object) -> NodeProto:
        return helper.make_node(operation, inputs, [output], **more)

    names = ("apart", "far", "sum", "near", "mask", "columns", "rows", "flat")
    apart, far, total, near, mask, columns, rows, flat = (f"{name}{number}" for name in names)
    yield made("Sub", ["images", f"colour{number}"], apart)
    yield made("Abs", [apart], far)
    yield made("ReduceSum", [far], total, axes=[1], keepdims=0)
    yield made("Less", [total, "farthest"], near)
    yield made("Cast", [near], mask, to=TensorProto.FLOAT)
    yield made("ReduceMax", [mask], columns, axes=[1], keepdims=0)
    yield made("ReduceMax", [mask], rows, axes=[2], keepdims=0)
    corners = []
    for line, end, size in (
        (columns, "right", "width"), (rows, "bottom", "height"),
        (columns, "left", None), (rows, "top", None),
    ):  # fmt: skip
        reached, farthest, corner = (f"{end}{part}{number}" for part in ("", "_most", "_at"))
        yield made("Mul", [line, f"from_{end}"], reached)
        yield made("ReduceMax", [reached], farthest, axes=[1], keepdims=1)
        if size is not None:
            # From the right the farthest is where it begins on the left.
            yield made("Sub", [size, farthest], corner)
        corners.append(corner if size is not None else farthest)
    yield made("ReduceMax", [columns], f"seen{number}", axes=[1], keepdims=1)
    yield made("Mul", [f"seen{number}", "sure"], f"score{number}")
    yield made("Concat", [*corners, f"score{number}", f"kind{number}"], flat, axis=1)
    yield made("Unsqueeze", [flat], f"row{number}", axes=[1])
