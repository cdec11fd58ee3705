"""What a trainer's process is given, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item", contravariant=True)

Weights = dict[str, npt.NDArray[np.float32]]
"""Of one policy, by the name in its ONNX file."""


class ItemLearner(Protocol[Item]):
    """What learns from what it is given, item by item."""

    def take(self, item: Item, /) -> Iterable[Any]:
        """Learn from an item; messages to tell.

        Raises:
            OutpostError: it can learn no more.
        """
        ...


class TrainingTask(Protocol[Item]):
    """What a trainer is given first.

    Attributes:
        policies: folder of those to begin with.
        folder: of what comes of it; when `start` returns, it holds policies to begin with, too.
    """

    @property
    def policies(self) -> Path: ...

    @property
    def folder(self) -> Path: ...

    def start(self) -> ItemLearner[Item]:
        """In the process that learns: begin, or go on where that was interrupted."""
        ...


@dataclass(frozen=True)
class Ready:
    """Policies to begin with are in the folder."""


@dataclass(frozen=True)
class Failed:
    """Why a trainer has ended."""

    problem: str
    fix: str


@dataclass(frozen=True)
class Finished:
    """All that was given has been learned from."""
