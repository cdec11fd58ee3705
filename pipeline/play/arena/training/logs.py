"""Where a training logs: TensorBoard always, Weights & Biases where there is a key."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

KEY = "WANDB_API_KEY"


class TensorBoardFrom(TensorBoardOutputFormat):
    """Logs from a step on: what an interrupted training had logged beyond it is not shown."""

    def __init__(self, folder: Path, step: int) -> None:
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=step or None)
        self._is_closed = False


class LatestValues(KVWriter):
    """The latest logged values, for whoever sends them on."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def write(self, key_values: dict[str, Any], *_others: Any) -> None:
        """As Stable-Baselines3 calls it."""
        numbers = {
            name: float(value)
            for name, value in key_values.items()
            if isinstance(value, int | float | np.number)
        }
        self.values.update(numbers)

    def close(self) -> None:
        """Nothing is open."""


class WandbCallback(BaseCallback):
    """Sends what is logged to a run of Weights & Biases."""

    def __init__(
        self, run: Any, latest: LatestValues, log_freq: int = 1000, verbose: int = 0
    ) -> None:
        """
        Args:
            run: of `wandb.init`.
            latest: one of the logger's outputs.
            log_freq: steps between two logs, at least.
        """
        super().__init__(verbose)
        self._run = run
        self._latest = latest
        self._every = log_freq
        self._next = 0

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        steps = self.model.num_timesteps
        if self._latest.values and steps >= self._next:
            self._run.log(dict(self._latest.values), step=steps)
            self._next = steps + self._every

    def _on_training_end(self) -> None:
        self._run.log(dict(self._latest.values), step=self.model.num_timesteps)
        # Else the next training of this process would be sent to the same run.
        self._run.finish()


def logger_of(folder: Path, step: int, latest: LatestValues) -> Logger:
    """The logger of a training that begins, or goes on, after so many steps."""
    return Logger(str(folder), [TensorBoardFrom(folder, step), latest])


def wandb_run(
    project: str, run_id: str, config: Mapping[str, Any], folder: Path
) -> tuple[Any, str | None]:
    """A run of Weights & Biases, or None and why there is none; it is resumed by its id."""
    if not os.environ.get(KEY):
        return None, None
    try:
        wandb = importlib.import_module("wandb")
    except ImportError:
        return None, f"{KEY} is set, but wandb is not installed: nothing is sent to it."
    return (
        wandb.init(
            project=project, id=run_id, resume="allow", config=dict(config), dir=str(folder)
        ),
        None,
    )
