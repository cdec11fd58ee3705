"""Trainings of a moment, for tests of what a training does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.play.arena import TrainingConfig

STEPS = 8 * 16
"""Of a rollout."""


def tiny(folder: Path, **changed: Any) -> TrainingConfig:
    """Six rollouts of eight games."""
    fields: dict[str, Any] = {
        "total_timesteps": 6 * STEPS,
        "n_envs": 8,
        "n_steps": 16,
        "batch_size": 64,
        "width": 8,
        "checkpoint_dir": folder,
        "checkpoint_freq": STEPS,
        "eval_freq": 4 * STEPS,
        "n_eval_episodes": 1,
        "eval_opponents": ("random",),
        "log_freq": STEPS,
        "enable_wandb": False,
        "keep_last": 6,
    }
    return TrainingConfig(**{**fields, **changed})
