"""The one output layout that is read, and how everything else is refused.

A model must give `(N, 6)` rows of `x1, y1, x2, y2, score, class` in input pixels, already free of
duplicates: the NMS-free head. ultralytics exports of the same shape from the *other* head exist, so
the shape alone proves nothing and the metadata is read too.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.errors import ClassListError, ModelOutputError, UnknownOnnxLayoutError

EXPORT_FIX = (
    "Re-export the model with nms=False: "
    'YOLO("best.pt").export(format="onnx", nms=False). It must also have been trained with '
    "nms=False. `detector-runtime info MODEL` shows what a file holds."
)


def check_declared_output(shapes: Sequence[Sequence[Any]]) -> None:
    """Refuses a model whose declared outputs (one shape each; names are dynamic) are not rows.

    Raises:
        UnknownOnnxLayoutError: more than one output, or one that is not `(N, 6)` or `(1, N, 6)`.
    """
    if len(shapes) != 1:
        raise UnknownOnnxLayoutError(f"the model has {len(shapes)} outputs, not one", EXPORT_FIX)
    shape = list(shapes[0])
    last_is_six = not isinstance(shape[-1], int) or shape[-1] == 6 if shape else False
    if len(shape) not in (2, 3) or not last_is_six:
        raise UnknownOnnxLayoutError(
            f"the model's output has shape {shape}, not (N, 6)", EXPORT_FIX
        )


def check_head(metadata: Mapping[str, str]) -> None:
    """Refuses an export that says that it is not from the NMS-free head.

    Raises:
        UnknownOnnxLayoutError: the metadata says `end2end=False`. Without the key nothing is known
            and nothing is refused: old exports lack it.
    """
    if metadata.get("end2end", "True").strip().lower() == "false":
        raise UnknownOnnxLayoutError(
            "the model was exported from the one-to-many head (metadata end2end=False), whose rows "
            "mean something else",
            EXPORT_FIX,
        )


def class_names_of(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """Class names in order from an ultralytics export's metadata; None when there are none.

    Raises:
        ClassListError: there is a list, but it cannot be read or its ids have gaps.
    """
    text = metadata.get("names")
    if not text:
        return None
    try:
        names = ast.literal_eval(text)
        listed = dict(enumerate(names)) if isinstance(names, (list, tuple)) else dict(names)
        return tuple(str(listed[index]) for index in range(len(listed)))
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise ClassListError(
            f"the model's list of class names cannot be read: {text[:80]}",
            "It must number all classes from 0 on, as ultralytics writes it; export again.",
        ) from error


def decode_example(output: NDArray[Any], class_count: int, floor: float) -> NDArray[np.float32]:
    """Rows `(n, 6)` with a score of at least `floor`, from one image's output.

    Raises:
        UnknownOnnxLayoutError: `output` is not `(N, 6)`.
        ModelOutputError: a value is not finite, or the class of a row does not exist.
    """
    if output.ndim != 2 or output.shape[1] != 6:
        raise UnknownOnnxLayoutError(
            f"the model gave an output of shape {output.shape}, not (N, 6)", EXPORT_FIX
        )
    if not np.isfinite(output).all():
        raise ModelOutputError(
            "the model gave values that are not finite",
            "The weights are damaged or were exported in half precision; export again.",
        )
    rows = output[output[:, 4] >= floor].astype(np.float32, copy=False)
    classes = rows[:, 5]
    if len(rows) and (classes.min() < 0 or classes.max() >= class_count):
        raise ModelOutputError(
            f"the model reports class {classes.max():g}, but there are {class_count} classes",
            "The class list does not belong to this model; use the one that it was trained with.",
        )
    return rows
