"""How long the steps of a training take, and from it how long the rest of it will take."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any

RECENT_STEPS = 20
SLOW_STEPS = 2
"""The first steps at each size of image: the kernels for it are made."""
FORWARD_SHARE = 0.5
"""Of a training step's layers, what validating as many images takes, until one was measured."""


@dataclass(frozen=True)
class StepTime:
    """One step of training.

    Attributes:
        area: of its images, as a share of the full size.
        load: seconds in which the batch was read and augmented.
        layers: seconds of the forward and the backward pass, the loss among them.
        optimizer: seconds in which the weights were updated.
    """

    area: float
    load: float
    layers: float
    optimizer: float


class StepClock:
    """Measures the steps of one trainer, whose callbacks call it."""

    def __init__(self) -> None:
        self.recent: deque[StepTime] = deque(maxlen=RECENT_STEPS)
        self.area = 0.0
        self.steps_at_area = 0
        self.ended = self.began = time.perf_counter()
        self.optimizer = 0.0

    def watch(self, trainer: Any) -> None:
        """Measure what the optimizer takes of each step from now on."""
        step = trainer.optimizer_step

        def optimizer_step() -> None:
            began = time.perf_counter()
            step()
            self.optimizer += time.perf_counter() - began

        trainer.optimizer_step = optimizer_step

    def epoch_begins(self, area: float) -> None:
        """Images are of this size from now on, as a share of the full area."""
        if area != self.area:
            self.area, self.steps_at_area = area, 0
        self.ended = time.perf_counter()

    def step_begins(self) -> None:
        """The batch is at hand."""
        self.began = time.perf_counter()
        self.optimizer = 0.0

    def step_ends(self) -> None:
        """The weights are updated."""
        now = time.perf_counter()
        self.steps_at_area += 1
        if self.steps_at_area > SLOW_STEPS or not self.recent:
            layers = now - self.began - self.optimizer
            step = StepTime(self.area, self.began - self.ended, layers, self.optimizer)
            if self.steps_at_area == SLOW_STEPS + 1 and len(self.recent) == 1:
                self.recent.clear()
            self.recent.append(step)
        self.ended = now

    def typical(self) -> StepTime:
        """The median of each part over the last steps; layers are scaled to the full area."""
        return StepTime(
            1.0,
            median(step.load for step in self.recent),
            median(step.layers / step.area for step in self.recent),
            median(step.optimizer for step in self.recent),
        )


@dataclass
class TimeLeft:
    """How long a training goes on, from the steps so far and the sizes of the images to come.

    Attributes:
        areas: of the images of each epoch, as shares of the full area.
        batches: steps in each epoch.
        validation_batches: images of the validation list, in batches of training.
        epoch_end: seconds from the end of the last step of an epoch to the next epoch: validation
            and saving. Measured once an epoch has ended.
    """

    areas: list[float]
    batches: int
    validation_batches: float
    epoch_end: float | None = None

    def seconds(self, step: StepTime, epoch: int, batch: int) -> float:
        """Seconds until the last validation, that of the best checkpoint, has ended.

        Args:
            step: what a step takes at full area.
            epoch: that is running, from 0.
            batch: its steps that are done; all of them when it is only to be validated.
        """
        layers = (self.batches - batch) * self.areas[epoch] + self.batches * sum(
            self.areas[epoch + 1 :]
        )
        epochs_to_end = len(self.areas) - epoch
        steps = self.batches * epochs_to_end - batch
        end = self.epoch_end
        if end is None:
            end = self.validation_batches * step.layers * FORWARD_SHARE
        return (
            layers * step.layers + steps * (step.load + step.optimizer) + (epochs_to_end + 1) * end
        )
