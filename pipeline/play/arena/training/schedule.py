"""The learning rate over a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RolloutSchedule:
    """A rate that falls along a line, from the first update on to nothing behind the last.

    Stable-Baselines3 2.9.2 asks for the rate when a rollout's steps have been counted and before
    its update (`OnPolicyAlgorithm.learn`). Its own `LinearSchedule` never gives the first rate, and
    nothing for the last rollout, which teaches nothing.

    Attributes:
        first: the rate of the first update.
        rollout: share of the training's steps that a rollout is, more than 0.
    """

    first: float
    rollout: float

    def __call__(self, progress_remaining: float) -> float:
        """The rate of an update.

        Args:
            progress_remaining: 1 before the first step, 0 after the last that was asked for, less
                where the last rollout goes beyond it.
        """
        return self.first * min(1.0, max(0.0, progress_remaining + self.rollout))
