"""The PyTorch back end: a `.pt` file through ultralytics, which must be installed.

A `.pt` file is a pickle: opening one runs code from it. Open only files that you trust.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from detector_runtime.errors import (
    ClassListError,
    ConfigurationError,
    MissingDependencyError,
    ModelLoadError,
)
from detector_runtime.geometry.letterbox import letterbox
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, ModelFacts
from detector_runtime.results import ModelSource
from detector_runtime.system.forks import modules_at_fork

MAX_ROWS = 300
THREADS_VARIABLE = "OMP_NUM_THREADS"


class TorchModel:
    """A trained checkpoint, run by ultralytics with its NMS-free head."""

    def __init__(self, path: Path, imgsz: int | None, class_names: Sequence[str] | None) -> None:
        self._network = _open(path)
        names = tuple(self._network.names[index] for index in range(len(self._network.names)))
        if class_names is not None and tuple(class_names) != names:
            raise ClassListError(
                "class_names differ from the model's own", "Leave class_names out for a .pt file."
            )
        self._imgsz = imgsz or int(self._network.overrides.get("imgsz", 640))
        self.facts = ModelFacts(
            source=ModelSource("pt", path.name),
            class_names=names,
            input_size=(self._imgsz, self._imgsz),
            max_rows=MAX_ROWS,
        )

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        """Rows with a score of at least `floor` for each frame.

        Raises:
            ConfigurationError: this process was forked from one that uses a GPU.
        """
        _compute_alone_after_a_fork()
        started = time.perf_counter()
        rows = [self._rows(frame, floor) for frame in frames]
        elapsed = (time.perf_counter() - started) * 1000
        scales = [letterbox((f.width, f.height), self.facts.input_size).scale for f in frames]
        return Inference(rows, scales, inference_ms=elapsed)

    def close(self) -> None:
        """Lets go of the network."""
        self._network = None

    def _rows(self, frame: Frame, floor: float) -> NDArray[np.float32]:
        # ultralytics takes arrays as BGR.
        pixels = np.ascontiguousarray(frame.rgb()[:, :, ::-1])
        (result,) = self._network.predict(
            pixels,
            imgsz=self._imgsz,
            conf=max(floor, 1e-6),
            max_det=MAX_ROWS,
            nms=False,
            verbose=False,
        )
        rows: NDArray[np.float32] = result.boxes.data.cpu().numpy().astype(np.float32)
        return rows.reshape(-1, 6)


def _compute_alone_after_a_fork() -> None:
    """Compute with one thread where the process that was forked may have computed.

    PyTorch would wait for ever for threads of OpenMP that the fork left behind
    (pytorch/pytorch#17199): with one thread it asks for none. CUDA cannot be used at all.
    """
    if "torch" not in modules_at_fork():
        return
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available() and torch.cuda._is_in_bad_fork():
        raise ConfigurationError(
            "PyTorch cannot compute here: this process was forked from one that uses a GPU",
            "Start processes with multiprocessing's 'spawn' or 'forkserver', or use the ONNX "
            "export.",
        )
    torch.set_num_threads(1)
    # ultralytics 8.4.190 sets it to this number again whenever it chooses the processor.
    utils: Any = importlib.import_module("ultralytics.utils.torch_utils")
    utils.NUM_THREADS = 1


def _ultralytics() -> Any:
    """Import ultralytics, which leaves the rest of the process as it was.

    8.4.190 puts a function of its own in the place of `PIL.Image.open`, for the whole process: for
    a file that is not an image it tries to install a package for HEIF, and raises
    ModuleNotFoundError instead of UnidentifiedImageError. And it sets OMP_NUM_THREADS to 1 where
    nothing is set, so that every program which this process starts later has one thread.
    """
    opens, threads = PIL.Image.open, os.environ.get(THREADS_VARIABLE)
    try:
        return importlib.import_module("ultralytics")
    finally:
        PIL.Image.open = opens
        if threads is None:
            os.environ.pop(THREADS_VARIABLE, None)


def _open(path: Path) -> Any:
    try:
        ultralytics = _ultralytics()
    except ImportError as error:
        raise MissingDependencyError(
            f"{path.name} is a PyTorch checkpoint, and ultralytics is not installed",
            "pip install 'detector-runtime[torch]', or export the checkpoint to ONNX where it was "
            "trained and use that: it needs neither torch nor ultralytics.",
        ) from error
    _compute_alone_after_a_fork()
    try:
        return ultralytics.YOLO(str(path), task="detect")
    except Exception as error:
        raise ModelLoadError(
            f"{path.name} cannot be opened as a YOLO checkpoint: {error}",
            "The file is damaged, or it was saved by an incompatible version of ultralytics.",
        ) from error
