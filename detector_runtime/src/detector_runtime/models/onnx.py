"""The ONNX back end: onnxruntime on the processor."""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check
from detector_runtime.errors import ClassListError, ModelLoadError, UnknownOnnxLayoutError
from detector_runtime.geometry.letterbox import (
    PAD,
    Fit,
    Size,
    in_strides,
    letterbox,
    resampler,
    scaled,
    smallest_canvas,
    stretch,
)
from detector_runtime.images import Frame
from detector_runtime.models.base import (
    Inference,
    ModelFacts,
    Preprocess,
    TrainedOn,
    default_threads,
)
from detector_runtime.models.onnx_layout import (
    EXPORT_FIX,
    check_declared_output,
    check_head,
    class_names_of,
    decode_example,
)
from detector_runtime.models.training_scale import TrainingScale
from detector_runtime.results import ModelSource
from detector_runtime.system.forks import enrol, fresh_lock, never_free
from detector_runtime.thresholds import Thresholds

TILES_AT_ONCE = 2
"""Frames per call of a model with a free batch size: more cost memory and win no time."""

SMALLEST_STRIDES = (8, 16, 32)
"""Strides of the feature maps, whose cells together must be at least the rows of the output."""


@dataclass(frozen=True)
class OnnxOptions:
    """How a session is set up. `threads` None takes `models.default_threads`.

    `spinning` lets idle threads wait busily: faster, but takes time from other programs.
    `imgsz` is the longer side of the input, for models whose input size is free. `scale` is the
    input pixels per image pixel at which images of any size are seen.
    """

    threads: int | None = None
    spinning: bool = True
    imgsz: int | None = None
    scale: float | None = None


@dataclass(frozen=True)
class ModelCard:
    """What came with the weights: from a bundle, or what the caller says of a plain file.

    None or an empty value means: whatever the model file itself says.
    """

    source: ModelSource
    class_names: tuple[str, ...] | None = None
    input_size: Size | None = None
    preprocess: Preprocess = "letterbox"
    color: str = "rgb"
    thresholds: Thresholds = field(default_factory=Thresholds)
    trained_on: TrainedOn | None = None
    scale: float | None = None


class OnnxModel:
    """One onnxruntime session and the buffers around it. Safe to call from several threads.

    `open_session` makes the session; a process that is forked later makes one of its own with it,
    when it first looks.
    """

    def __init__(
        self, open_session: Callable[[], Any], card: ModelCard, imgsz: int | None = None
    ) -> None:
        session = open_session()
        metadata = metadata_of(session, card.source.name)
        declared = session.get_outputs()
        check_declared_output([output.shape for output in declared])
        check_head(metadata)
        self._session = session
        self._open_session: Callable[[], Any] | None = open_session
        self._card = card
        self._input = _checked_input(session)
        self._lock = threading.Lock()
        self._canvases: dict[tuple[int, Fit], NDArray[np.float32]] = {}
        rows = declared[0].shape[-2]
        trained_on, scale = _learned(card, metadata)
        # A size that the caller asks for is one for whole images.
        keeps_scale = scale is not None and imgsz is None and card.preprocess == "letterbox"
        self.metadata = metadata
        self.facts = ModelFacts(
            source=card.source,
            class_names=_agreed_names(class_names_of(metadata), card.class_names),
            input_size=self._training_size(metadata, imgsz),
            thresholds=card.thresholds,
            trained_on=trained_on,
            max_rows=rows if isinstance(rows, int) else None,
            scale=scale,
            keeps_scale=keeps_scale,
            has_free_size=self.has_free_size,
        )
        enrol(self)

    @property
    def input_name(self) -> str:
        """The name of the model's input."""
        return str(self._input.name)

    @property
    def input_shape(self) -> list[int | str | None]:
        """As declared: `[batch, 3, height, width]`, with names or None where it is free."""
        return list(self._input.shape)

    @property
    def has_free_size(self) -> bool:
        """True when height and width are not fixed."""
        return not all(isinstance(side, int) for side in self._input.shape[2:])

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        """Rows with a score of at least `floor` for each frame, in pixels of that frame."""
        with self._lock:
            return self._infer(frames, floor)

    def close(self) -> None:
        """Frees the session."""
        with self._lock:
            self._session = self._open_session = None
            self._canvases.clear()

    def after_fork(self) -> None:
        """Leaves the session to the process that made it: its threads are not here."""
        if self._session is not None:
            never_free(self._session)
        self._session = None
        self._lock = fresh_lock(self._lock)

    def fit(self, source: Size) -> Fit:
        """How an image of this size is laid into the model's input."""
        size = self.facts.input_size
        if self._card.preprocess == "stretch":
            return stretch(source, size)
        free = self.has_free_size
        if self.facts.scale is not None and self.facts.keeps_scale:
            scale = self.facts.scale
            canvas = self._roomy(in_strides(scaled(source, scale))) if free else size
            return letterbox(source, canvas, scale)
        return letterbox(source, self._roomy(smallest_canvas(source, size)) if free else size)

    def _roomy(self, canvas: Size) -> Size:
        # The export fixes how many rows the model picks: it must have that many cells to pick from.
        width, height = canvas
        needed = self.facts.max_rows or 0
        while sum((width // s) * (height // s) for s in SMALLEST_STRIDES) < needed:
            width, height = (width + 32, height) if width <= height else (width, height + 32)
        return width, height

    def _infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        if self._open_session is None:
            raise ModelLoadError("the model was closed", "Open it again.")
        if self._session is None:
            self._session = self._open_session()
        free_batch = not isinstance(self._input.shape[0], int)
        at_once = TILES_AT_ONCE if free_batch else 1
        rows: list[NDArray[np.float32]] = []
        scales: list[float] = []
        preparing = running = 0.0
        for group in _groups(frames, at_once):
            started = time.perf_counter()
            fit = self.fit((group[0].width, group[0].height))
            batch = self._prepare(group, fit)
            prepared = time.perf_counter()
            output = self._run(batch)
            running += time.perf_counter() - prepared
            preparing += prepared - started
            rows += [self._rows(each, fit, floor) for each in output]
            scales += [fit.scale] * len(group)
        return Inference(rows, scales, preparing * 1000, running * 1000)

    def _prepare(self, group: Sequence[Frame], fit: Fit) -> NDArray[np.float32]:
        batch = self._canvas(len(group), fit)
        top, left = fit.top, fit.left
        bottom, right = top + fit.content[1], left + fit.content[0]
        for place, frame in zip(batch, group):  # noqa: B905
            order = (0, 1, 2) if frame.color == self._card.color else (2, 1, 0)
            scale = resampler(fit.source, fit.content, order)
            scale(frame.pixels, place[:, top:bottom, left:right])
        return batch

    def _canvas(self, batch: int, fit: Fit) -> NDArray[np.float32]:
        """The padded input for this fit; only its content changes between calls."""
        key = (batch, fit)
        if key not in self._canvases:
            if len(self._canvases) >= 4:
                self._canvases.clear()
            shape = (batch, 3, fit.canvas[1], fit.canvas[0])
            self._canvases[key] = np.full(shape, np.float32(PAD) / np.float32(255), np.float32)
        return self._canvases[key]

    def _run(self, batch: NDArray[np.float32]) -> NDArray[Any]:
        try:
            (output,) = self._session.run(None, {self._input.name: batch})
        except Exception as error:
            raise ModelLoadError(
                f"the model cannot take an input of shape {batch.shape}: {error}", EXPORT_FIX
            ) from error
        array = np.asarray(output)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3 or len(array) != len(batch):
            raise UnknownOnnxLayoutError(
                f"the model gave an output of shape {array.shape} for {len(batch)} images",
                EXPORT_FIX,
            )
        return array

    def _rows(self, output: NDArray[Any], fit: Fit, floor: float) -> NDArray[np.float32]:
        rows = decode_example(output, len(self.facts.class_names), floor)
        rows[:, :4] = fit.to_source(rows[:, :4])
        return rows

    def _training_size(self, metadata: dict[str, str], imgsz: int | None) -> Size:
        height, width = self._input.shape[2:]
        if isinstance(width, int) and isinstance(height, int):
            _check_imgsz(imgsz, (width, height))
            return width, height
        if imgsz is not None:
            return imgsz, imgsz
        return self._card.input_size or _size_of(metadata) or (640, 640)


def load_onnx(model: Path | bytes, card: ModelCard, options: OnnxOptions) -> OnnxModel:
    """Opens a model from a file or from its bytes.

    Raises:
        ModelLoadError: absent, truncated, or no ONNX model for images.
        UnknownOnnxLayoutError: its output is not `(N, 6)`.
        ClassListError: no class names, or different ones in model and bundle.
        ConfigurationError: the options do not fit the model.
    """
    name = card.source.name
    content = model_bytes(model, name)
    if options.scale is not None:
        rule = "left out for a model to which images are stretched"
        check(card.preprocess == "letterbox", "scale", options.scale, rule)
        card = replace(card, trained_on="tile", scale=options.scale)
    return OnnxModel(partial(open_session, content, name, options), card, options.imgsz)


def model_bytes(model: Path | bytes, name: str) -> bytes:
    """The bytes of a model, from its file or as they are; `name` is for messages.

    Raises:
        ModelLoadError: absent, or too small for any model.
    """
    if isinstance(model, Path):
        if not model.is_file():
            raise ModelLoadError(f"there is no model at {model}", "Check the path.")
        model = model.read_bytes()
    if len(model) < 100:
        raise ModelLoadError(
            f"{name} has {len(model)} bytes: no model is that small",
            "The download or copy was cut off; fetch the file again.",
        )
    return model


def open_session(model: bytes, name: str, options: OnnxOptions) -> Any:
    """A session of onnxruntime on the processor; `name` is for messages.

    Raises:
        ModelLoadError: damaged, no ONNX model, or of an opset that is too new.
    """
    onnxruntime = quiet_onnxruntime()
    try:
        return onnxruntime.InferenceSession(
            model, _session_options(options), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelLoadError(
            f"{name} is not an ONNX model, or is damaged: {_first_line(error)}",
            "Compare its size and sha256 with the original and fetch it again; an opset that is "
            "too new needs a newer onnxruntime.",
        ) from error


def metadata_of(session: Any, name: str) -> dict[str, str]:
    """What a model's file says of itself; `name` is for messages.

    Raises:
        ModelLoadError: it is no text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise ModelLoadError(
            f"the metadata of {name} is no text: {error}",
            "The file is damaged; fetch it again.",
        ) from error


def quiet_onnxruntime() -> ModuleType:
    """onnxruntime, which reports to its maker unless it is told not to before it is imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return cast(ModuleType, onnxruntime)


def _session_options(options: OnnxOptions) -> Any:
    onnxruntime = quiet_onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.intra_op_num_threads = options.threads or default_threads()
    settings.inter_op_num_threads = 1
    # Buffers planned ahead lie farther apart than those that the arena hands out as they come back:
    # without the plan a look takes a twentieth less time and a third less memory.
    settings.enable_mem_pattern = False
    settings.enable_mem_reuse = False
    settings.log_severity_level = 3
    spinning = "1" if options.spinning else "0"
    settings.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    # Between looks the processor belongs to the game, and to the preprocessing of the next look.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    return settings


def _checked_input(session: Any) -> Any:
    inputs = session.get_inputs()
    fix = f"It is not a detector's export. {EXPORT_FIX}"
    if len(inputs) != 1:
        raise UnknownOnnxLayoutError(f"the model has {len(inputs)} inputs, not one image", fix)
    shape = inputs[0].shape
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise UnknownOnnxLayoutError(
            f"the model's input has shape {shape}, not (batch, 3, height, width)", fix
        )
    if inputs[0].type != "tensor(float)":
        raise UnknownOnnxLayoutError(
            f"the model's input is {inputs[0].type}, not float32", "Re-export with half=False."
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise UnknownOnnxLayoutError(
            f"the model takes {shape[0]} images at once", "Re-export with batch=1."
        )
    return inputs[0]


def _learned(card: ModelCard, metadata: dict[str, str]) -> tuple[TrainedOn, float | None]:
    """What it was trained on, and at which scale where those were tiles and that is known."""
    stated = TrainingScale.from_metadata(metadata)
    if card.trained_on is None and stated is not None:
        return stated.trained_on, stated.scale if stated.trained_on == "tile" else None
    return card.trained_on or "frame", card.scale


def _agreed_names(own: tuple[str, ...] | None, stated: tuple[str, ...] | None) -> tuple[str, ...]:
    if own is None and stated is None:
        raise ClassListError(
            "the model has no list of class names",
            "Use the bundle that it came in, or pass class_names=[...] in the order of training.",
        )
    if own is not None and stated is not None and own != stated:
        raise ClassListError(_difference(own, stated), "Use the list that came with this model.")
    return own or stated or ()


def _difference(own: tuple[str, ...], stated: tuple[str, ...]) -> str:
    if len(own) != len(stated):
        return f"the model has {len(own)} classes, the list that came with it {len(stated)}"
    index = next(i for i, (a, b) in enumerate(zip(own, stated)) if a != b)  # noqa: B905
    return f"class {index} is '{own[index]}' in the model and '{stated[index]}' in the list"


def _check_imgsz(imgsz: int | None, size: Size) -> None:
    if imgsz is not None and imgsz != max(size):
        raise ModelLoadError(
            f"the model's input is fixed at {size[0]}x{size[1]}, imgsz={imgsz} is not possible",
            f"Pass imgsz={max(size)} or none, or export with dynamic=True.",
        )


def _size_of(metadata: dict[str, str]) -> Size | None:
    try:
        height, width = ast.literal_eval(metadata["imgsz"])
    except (KeyError, ValueError, SyntaxError, TypeError):
        return None
    return int(width), int(height)


def _groups(frames: Sequence[Frame], most: int) -> list[list[Frame]]:
    """Runs of frames of one size, none longer than `most`."""
    groups: list[list[Frame]] = []
    for frame in frames:
        last = groups[-1] if groups else []
        if last and len(last) < most and last[0].pixels.shape == frame.pixels.shape:
            last.append(frame)
        else:
            groups.append([frame])
    return groups


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
