"""The process that learners run in; its own, because Python runs one thread of each at a time."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any

from pipeline.errors import OutpostError
from pipeline.play.background.messages import Failed, Finished, Ready, TrainingTask
from pipeline.processes import end_with_parent

POLITENESS = 10
"""Of the process, where the system knows such a thing: the game comes first."""


def run_trainer(items: Connection, news: Connection) -> None:
    """Learn by a task from the lists of items after it, to an empty one; target of a process."""
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(POLITENESS)
    try:
        _learn(items.recv(), items, news)
        news.send(Finished())
    except OutpostError as error:
        news.send(Failed(error.problem, error.fix))
    except (BrokenPipeError, EOFError):  # Nobody plays any more.
        pass


def _learn(task: TrainingTask[Any], items: Connection, news: Connection) -> None:
    import torch

    torch.set_num_threads(1)
    learner = task.start()
    news.send(Ready())
    while some := items.recv():
        for item in some:
            for message in learner.take(item):
                news.send(message)
