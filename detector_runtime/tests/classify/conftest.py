"""A small classifier, built here: it knows names by the mean colour of an image."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "Red Gem": (220, 30, 30),
    "Green Gem": (30, 220, 30),
    "Blue Gem": (30, 30, 220),
}


def write_classifier(
    file: Path,
    colours: Mapping[str, tuple[int, int, int]] = COLOURS,
    *,
    sharpness: float = 40.0,
    changes: Mapping[str, str | None] | None = None,
    images: Any = ("n", 3, 64, 64),
    outputs: tuple[str, str] = ("probabilities", "features"),
) -> Path:
    """Probabilities fall with the distance of the mean colour from that of each name."""
    centres = np.array(list(colours.values()), np.float32) / 255
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "centres"], ["products"]),
        helper.make_node("Add", ["products", "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [outputs[0]], axis=1),
        helper.make_node("LpNormalization", ["mean"], [outputs[1]], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(images))],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["n", len(colours)]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, ["n", 3]),
        ],
        [
            # -sharpness * |mean - centre|^2, less what is the same for all names.
            numpy_helper.from_array(2 * sharpness * centres.T, "centres"),
            numpy_helper.from_array(-sharpness * (centres**2).sum(axis=1), "offsets"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    metadata: dict[str, str | None] = {
        "classes": json.dumps(list(colours)),
        "input_size": "64,64",
        "min_confidence": "0.5",
        "kind": "icon",
        **(changes or {}),
    }
    helper.set_model_props(model, {key: one for key, one in metadata.items() if one is not None})
    onnx.save(model, str(file))
    return file


@pytest.fixture
def classifier_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a classifier; see `write_classifier`."""

    def make(name: str = "icon_classifier.onnx", **settings: Any) -> Path:
        return write_classifier(tmp_path / name, **settings)

    return make


def flat(colour: tuple[int, int, int], side: int = 64) -> np.ndarray:
    """An image of one colour."""
    return np.full((side, side, 3), colour, np.uint8)


def drawn_icon(family: int, member: int = 0) -> np.ndarray:
    """An icon; those of one family differ in the colour of a gem alone."""
    shared = np.random.default_rng([family])
    icon = np.full((64, 64, 3), shared.integers(20, 120, 3), np.uint8)
    for _ in range(6):
        x, y = shared.integers(2, 40, 2)
        width, height = shared.integers(8, 24, 2)
        icon[y : y + height, x : x + width] = shared.integers(0, 256, 3)
    gem = np.eye(3, dtype=np.uint8)[member % 3] * 230 + 20
    icon[26:42, 26:42] = gem
    return icon
