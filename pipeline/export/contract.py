"""The contract of a shipped ONNX model: what the runtime decodes, and nothing else.

One output of 300 rows of `x1, y1, x2, y2, score, class` an image, from the head that needs no
non-maximum suppression. The other head can be exported to the very same shape, so the metadata
counts as well as the shape.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from detector_runtime.errors import ModelLoadError
from detector_runtime.models.base import TrainedOn
from detector_runtime.models.onnx import quiet_onnxruntime
from detector_runtime.models.training_scale import TrainingScale
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.manifests import Record, sha256_of
from pipeline.training.detector_program.constants import LINEAGE_PREFIX, MAX_DETECTIONS, ROW_VALUES

EXPORT_AGAIN = (
    "Export the weights again with nms=False: materialize onnx_export, or "
    "YOLO('best.pt').export(format='onnx', opset=12, simplify=True, nms=False)."
)


class OnnxContractError(OutpostError):
    """An ONNX model that the runtime must not load."""


class LearnedScale(Record):
    """At which size a model learned objects; see `detector_runtime.models.training_scale`."""

    trained_on: TrainedOn = Field(description="Whole frames, or tiles in the game's own pixels.")
    scale: float = Field(gt=0, description="Input pixels per pixel of the images of training.")
    image_size: tuple[int, int] = Field(description="Width and height of most of those images.")


class ContractReport(Record):
    """A model that keeps the contract."""

    sha256: str
    bytes: int
    input_name: str
    input_shape: tuple[int | str, ...] = Field(description="Open dimensions by their name.")
    output_shape: tuple[int | str, ...]
    imgsz: tuple[int, int] = Field(description="Height and width that it was trained at.")
    class_names: tuple[str, ...]
    head: str | None = Field(description="Name of the head; older exports do not tell.")
    lineage: dict[str, str] = Field(description="Where the model says that it comes from.")
    learned: LearnedScale | None = Field(None, description="None: exports of before do not tell.")


def check_onnx_contract(path: Path, class_names: Sequence[str]) -> ContractReport:
    """Load a model as the runtime does and compare it with the contract.

    Args:
        path: the ONNX file.
        class_names: of the game pack, in the order of their ids.

    Raises:
        OnnxContractError: it does not load, or breaks the contract; the text says in what and how
            to get one that keeps it.
    """
    session = open_session(path)
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    inputs, outputs = session.get_inputs(), session.get_outputs()
    _check_shapes(path, inputs, outputs)
    if metadata.get("end2end") != "True":
        raise OnnxContractError(
            f"{path} was exported with the head that needs non-maximum suppression "
            f"(metadata end2end={metadata.get('end2end', 'missing')}).",
            EXPORT_AGAIN,
        )
    _check_names(path, metadata, class_names)
    return ContractReport(
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        input_name=inputs[0].name,
        input_shape=tuple(inputs[0].shape),
        output_shape=tuple(outputs[0].shape),
        imgsz=input_size(path, metadata, inputs[0].shape),
        class_names=tuple(class_names),
        head=metadata.get("head"),
        lineage=lineage_of(metadata),
        learned=learned_of(path, metadata),
    )


def lineage_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """What a model's metadata says of its origin."""
    return {
        key.removeprefix(LINEAGE_PREFIX): value
        for key, value in sorted(metadata.items())
        if key.startswith(LINEAGE_PREFIX)
    }


def learned_of(path: Path, metadata: Mapping[str, str]) -> LearnedScale | None:
    """At which size a model says that it learned objects; None where it does not.

    Raises:
        OnnxContractError: it says what cannot be understood.
    """
    try:
        stated = TrainingScale.from_metadata(metadata)
    except ModelLoadError as error:
        raise OnnxContractError(f"{path}: {error.problem}.", EXPORT_AGAIN) from error
    return LearnedScale.model_validate(asdict(stated)) if stated else None


def input_size(
    path: Path, metadata: Mapping[str, str], shape: Sequence[int | str]
) -> tuple[int, int]:
    """Height and width of the input: fixed in the graph, else those of the training.

    Raises:
        OnnxContractError: the graph leaves them open and the metadata does not tell.
    """
    if all(isinstance(side, int) for side in shape[2:]):
        return int(shape[2]), int(shape[3])
    height, width = _literal(path, metadata, "imgsz")
    return int(height), int(width)


def open_session(path: Path) -> Any:
    """The model in onnxruntime, on the CPU.

    Raises:
        OnnxContractError: there is none, or onnxruntime refuses it.
    """
    if not path.is_file():
        raise OnnxContractError(f"There is no model at {path}.", "Materialize onnx_export.")
    try:
        return quiet_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own types are not public
        raise OnnxContractError(
            f"{path} cannot be loaded by onnxruntime: {error}", EXPORT_AGAIN
        ) from error


def _check_shapes(path: Path, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
        found = [tuple(item.shape) for item in inputs]
        raise OnnxContractError(
            f"{path} takes {found} instead of one batch of RGB images [batch, 3, height, width].",
            EXPORT_AGAIN,
        )
    shapes = [list(item.shape) for item in outputs]
    batch = shapes[0][0] if shapes and shapes[0] else None
    rows_fit = len(shapes) == 1 and shapes[0][1:] == [MAX_DETECTIONS, ROW_VALUES]
    if rows_fit and (batch == 1 or isinstance(batch, str)):
        return
    raise OnnxContractError(
        f"{path} gives {shapes} instead of one output [1, {MAX_DETECTIONS}, {ROW_VALUES}] or "
        f"[batch, {MAX_DETECTIONS}, {ROW_VALUES}].",
        EXPORT_AGAIN,
    )


def _check_names(path: Path, metadata: Mapping[str, str], class_names: Sequence[str]) -> None:
    names = _literal(path, metadata, "names")
    found = [names[index] for index in sorted(names)] if isinstance(names, dict) else names
    expected = list(class_names)
    if found == expected:
        return
    raise OnnxContractError(
        f"{path} knows other classes than the game pack: {_difference(found, expected)}.",
        "Train again with the pack as it is now, or take the pack that the model was trained with. "
        "A class's id is its place in classes.yaml: append new classes, never reorder.",
    )


def _difference(found: Any, expected: list[str]) -> str:
    if not isinstance(found, list):
        return "it names none"
    if len(found) != len(expected):
        return f"{len(found)} of them instead of {len(expected)}"
    first = next(
        index for index, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]
    )
    return f"class {first} is '{found[first]}' there and '{expected[first]}' in the pack"


def _literal(path: Path, metadata: Mapping[str, str], key: str) -> Any:
    """ultralytics writes its metadata as Python literals."""
    try:
        return ast.literal_eval(metadata[key])
    except (KeyError, ValueError, SyntaxError) as error:
        raise OnnxContractError(
            f"The metadata of {path} has no readable '{key}'.", EXPORT_AGAIN
        ) from error
