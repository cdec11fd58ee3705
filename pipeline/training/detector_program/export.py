"""Export to ONNX, checked on the host that made it."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import Any

from pipeline.jobs.program.outputs import Outputs

from .constants import LINEAGE_PREFIX, MAX_DETECTIONS, ONNX_FILE, ROW_VALUES
from .stages import options_of


def export(job: dict[str, Any], weights: Path, work: Path, outputs: Outputs) -> None:
    """Write the ONNX model with the head that needs no NMS, and its lineage within."""
    from ultralytics import YOLO

    outputs.event("stage", stage="export", message="Exporting ONNX")
    copy = work / "model.pt"
    shutil.copyfile(weights, copy)
    exported = YOLO(str(copy), task="detect").export(
        format="onnx",
        imgsz=options_of(job, job["training"][-1])["imgsz"],
        # Anything but False exports the head with one row per anchor, whatever its shape says.
        nms=False,
        device="cpu",
        **job["export"],
    )
    with outputs.replacing(ONNX_FILE) as temporary:
        write_lineage(Path(exported), temporary, job)
        check_export(temporary, job)


def write_lineage(source: Path, target: Path, job: dict[str, Any]) -> None:
    """Copy an ONNX model, its metadata without date and paths but with what the job adds."""
    import onnx

    model = onnx.load(str(source))
    metadata = {item.key: item.value for item in model.metadata_props}
    metadata.pop("date", None)
    metadata["description"] = f"Detector of {job['game']}, trained with Outpost and ultralytics"
    metadata.update({f"{LINEAGE_PREFIX}{key}": str(job["lineage"][key]) for key in job["lineage"]})
    metadata.update(job["metadata"])
    del model.metadata_props[:]
    for key in sorted(metadata):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, metadata[key]
    onnx.save(model, str(target))


class WrongExportError(RuntimeError):
    """An export that no runtime could use."""


def check_export(file: Path, job: dict[str, Any]) -> None:
    """Compare an export with what the runtime decodes, while the host that made it still exists.

    `pipeline.export.contract` looks closer, where the result is at home.

    Raises:
        WrongExportError: other outputs, the other head, other classes, or it does not run.
    """
    import onnx

    model = onnx.load(str(file))
    metadata = {item.key: item.value for item in model.metadata_props}
    names = list(ast.literal_eval(metadata.get("names", "{}")).values())
    found = [shape_of(output) for output in model.graph.output]
    rows = [MAX_DETECTIONS, ROW_VALUES]
    is_open = bool(found) and isinstance(found[0][0], str)
    if len(found) != 1 or found[0][1:] != rows or not (is_open or found[0][0] == 1):
        raise WrongExportError(f"The export gives {found} instead of one output [1, 300, 6]")
    if metadata.get("end2end") != "True":
        raise WrongExportError("The export has the head that needs non-maximum suppression")
    if names != list(job["class_names"]):
        raise WrongExportError(f"The export knows the classes {names}, not {job['class_names']}")
    run_once(file, metadata)


def shape_of(value: Any) -> list[int | str]:
    """The dimensions of a graph's input or output, open ones by their name."""
    return [item.dim_param or item.dim_value for item in value.type.tensor_type.shape.dim]


def run_once(file: Path, metadata: dict[str, str]) -> None:
    """Run an export on an empty image, where there is something to run it with."""
    try:
        import numpy as np
        import onnxruntime
    except ImportError:
        print("onnxruntime is not here to run the export; its graph was checked")
        return
    height, width = ast.literal_eval(metadata["imgsz"])
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), providers=["CPUExecutionProvider"]
        )
        image = np.zeros((1, 3, height, width), np.float32)
        shape = session.run(None, {session.get_inputs()[0].name: image})[0].shape
    except Exception as error:  # onnxruntime's own types are not public
        raise WrongExportError(f"The export does not run: {error}") from error
    if shape != (1, MAX_DETECTIONS, ROW_VALUES):
        raise WrongExportError(f"The export answers an image with an array of {shape}")
