"""What the detector asks of a back end, whichever it is."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detector_runtime.geometry.letterbox import Size
from detector_runtime.images import Frame
from detector_runtime.results import ModelSource
from detector_runtime.system.cores import cores_to_run_on, usable_cores
from detector_runtime.thresholds import Thresholds

if TYPE_CHECKING:
    # Programs that travel to another host carry this file without owners.
    from detector_runtime.owners.head import OwnerHead

Preprocess = Literal["letterbox", "stretch"]
TrainedOn = Literal["frame", "tile"]

SMALLEST_SCALE, LARGEST_SCALE = 1 / 64, 64.0
"""Input pixels per image pixel: with any other a frame would be a speck, or a thousand looks."""


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model beside its weights.

    `input_size` is the (width, height) that it was trained at; `trained_on` says whether that input
    held whole frames or tiles of them at their own scale. `max_rows` is the most that it reports.
    `scale` is set where the model states at which scale it learned tiles: the input pixels per
    frame pixel. `keeps_scale` says that images are shown to it at that scale, whatever their size,
    and `has_free_size` that its input grows with them. `owner_head` tells whose things are, where
    the model came with one.
    """

    source: ModelSource
    class_names: tuple[str, ...]
    input_size: Size
    thresholds: Thresholds = field(default_factory=Thresholds)
    trained_on: TrainedOn = "frame"
    max_rows: int | None = None
    scale: float | None = None
    keeps_scale: bool = False
    has_free_size: bool = False
    owner_head: OwnerHead | None = None


@dataclass(frozen=True)
class Inference:
    """Rows of one or several frames, and the milliseconds they took.

    Each entry of `rows` is `(n, 6)` float32: `x1, y1, x2, y2` in pixels of its frame, score, class.
    `scales` has the input pixels per frame pixel of each.
    """

    rows: list[NDArray[np.float32]]
    scales: list[float]
    preprocess_ms: float = 0.0
    inference_ms: float = 0.0


class Model(Protocol):
    """A back end: gives rows for frames."""

    @property
    def facts(self) -> ModelFacts:
        """What is known about the model."""
        ...

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        """Rows with a score of at least `floor` for each frame."""
        ...

    def close(self) -> None:
        """Frees what the back end holds."""
        ...


def default_threads() -> int:
    """Threads for one model: the physical cores, at most 4. More get in each other's way.

    No more than the CPU quota of a container pays for, where there is one.
    """
    shown = cores_to_run_on()
    # x86 desktop processors show each core twice; two are more likely two real ones of a guest.
    shows_twice = platform.machine().lower() in ("x86_64", "amd64") and shown > 2
    physical = shown // 2 if shows_twice else shown
    return max(1, min(physical, usable_cores(), 4))
