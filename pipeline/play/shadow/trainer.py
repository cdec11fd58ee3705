"""The process that learners run in; its own, because Python runs one thread of each at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.onnx_files import onnx_file
from pipeline.play.shadow.moments import Tick
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.processes import end_with_parent

POLITENESS = 10
"""Of the process, where the system knows such a thing: the game comes first."""

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TrainerTask:
    """What a trainer is given: arguments of `learner.Learner.start`."""

    policies: Path
    old: Sequence[Demonstration]
    settings: ShadowSettings
    folder: Path


@dataclass(frozen=True)
class Ready:
    """Policies to begin with are in the folder."""


@dataclass(frozen=True, eq=False)
class Learned:
    """News of one policy.

    Attributes:
        update: fields of `learner.ShadowUpdate`.
        weights: to use from now on, by the name in its ONNX file; None for those in use.
    """

    role: str
    update: dict[str, Any]
    weights: Weights | None


@dataclass(frozen=True)
class Failed:
    """Why a trainer has ended."""

    problem: str
    fix: str


@dataclass(frozen=True)
class Finished:
    """All that was watched has been learned from."""


def run_trainer(ticks: Connection, news: Connection) -> None:
    """Learn by a task from the lists of ticks after it, to an empty one; target of a process."""
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(POLITENESS)
    try:
        _learn(ticks.recv(), ticks, news)
        news.send(Finished())
    except OutpostError as error:
        news.send(Failed(error.problem, error.fix))
    except (BrokenPipeError, EOFError):  # Nobody plays any more.
        pass


def weights_of(file: Path) -> Weights:
    """The weights in an ONNX file, by name."""
    import onnx

    model = onnx.load(str(file))
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    return {name: value for name, value in arrays.items() if value.dtype == np.float32}


def _learn(task: TrainerTask, ticks: Connection, news: Connection) -> None:
    import torch

    from pipeline.play.shadow.learner import Learner

    torch.set_num_threads(1)
    learner = Learner.start(task.policies, task.old, task.settings, task.folder)
    news.send(Ready())
    while some := _received(ticks):
        for update in (update for tick in some for update in learner.watch(tick)):
            file = onnx_file(task.folder, update.role)
            weights = weights_of(file) if update.is_better else None
            news.send(Learned(update.role, update.model_dump(), weights))


def _received(ticks: Connection) -> list[Tick]:
    some: list[Tick] = ticks.recv()
    return some
