"""Small classifiers and community models, built here: they know names by mean colours."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from detector_runtime.bundle import FileDigest
from detector_runtime.classify.community_model import CommunityManifest
from detector_runtime.classify.knowledge import Knowledge, KnownName
from onnx import TensorProto, helper, numpy_helper

COLOURS: Mapping[str, tuple[float, float, float]] = {
    "Red Gem": (220, 30, 30),
    "Green Gem": (30, 220, 30),
    "Blue Gem": (30, 30, 220),
}
SCREENS: Mapping[str, tuple[float, float, float]] = {"SHIP": (200, 200, 200), "CREW": (20, 20, 20)}


def write_classifier(
    file: Path,
    colours: Mapping[str, tuple[float, float, float]] = COLOURS,
    *,
    sharpness: float = 40.0,
    changes: Mapping[str, str | None] | None = None,
    images: Sequence[int | str] = ("n", 3, 64, 64),
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


def community_files(
    version: str = "1",
    *,
    colours: Mapping[str, tuple[float, float, float]] = COLOURS,
    screens: bool = True,
    known: Mapping[str, KnownName] | None = None,
    trained_at: datetime = datetime(2026, 11, 1, tzinfo=UTC),
    changes: Mapping[str, Any] | None = None,
    **replaced: bytes,
) -> dict[str, bytes]:
    """A community model: content by file name.

    Args:
        changes: fields of `model_version.json`.
        replaced: content of files by their names without ending.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            "icon_classifier.onnx": write_classifier(folder / "icons", colours).read_bytes(),
            "label_map.json": _labels(colours),
            "icon_classifier_meta.json": b"{}\n",
            "text_corrections.json": b'{"ship_type": {"F1eet": "Fleet"}}\n',
            "knowledge.json": Knowledge(names=dict(known or {})).model_dump_json().encode(),
            "training_manifest.json": b"{}\n",
        }
        if screens:
            kind = {"kind": "screen"}
            model = write_classifier(folder / "screens", SCREENS, changes=kind).read_bytes()
            files["screen_classifier.onnx"] = model
            files["screen_classifier_labels.json"] = _labels(SCREENS)
    for file in files:
        files[file] = replaced.get(file.partition(".")[0], files[file])
    fields: dict[str, Any] = {
        "name": "blocks-community",
        "version": version,
        "trained_at": trained_at,
        "n_classes": len(colours),
        "val_acc": 0.9,
        "n_samples": 300,
        "n_users": 5,
        "files": {
            file: FileDigest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for file, content in files.items()
        },
        **(changes or {}),
    }
    files["model_version.json"] = CommunityManifest(**fields).to_json().encode()
    return files


def _labels(colours: Mapping[str, object]) -> bytes:
    return json.dumps({str(index): name for index, name in enumerate(colours)}).encode()
