"""Who follows a training of policies: steps, epochs as events, and whether it is to end early."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from pipeline.jobs.events import EVENT_TYPES, EpochEvent, JobEvent
from pipeline.play.policies.settings import Role


class PolicyEpoch(EpochEvent):
    """One finished epoch of one policy, which is the event's stage."""

    train: dict[str, float] = Field(description="Loss and measures of the epoch's own steps.")
    held_out: dict[str, float] = Field(description="The same on held-out sessions, afterwards.")
    rate: float = Field(description="Learning rate of the last step.")


POLICY_EVENTS: Mapping[str, type[JobEvent]] = {**EVENT_TYPES, "epoch": PolicyEpoch}


@dataclass(frozen=True)
class Follower:
    """Who follows a training.

    Attributes:
        on_step: is told which policy learns, how many of its steps are done, and of how many.
        on_epoch: is told of each epoch once its checkpoint is kept, and of those of earlier starts.
        is_asked_to_stop: looked at after each epoch; a policy without any gets one nevertheless.
        began: when the training did, by the monotonic clock.
    """

    on_step: Callable[[Role, int, int], None] = lambda _role, _done, _total: None
    on_epoch: Callable[[PolicyEpoch], None] = lambda _epoch: None
    is_asked_to_stop: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)

    def tell(self, role: Role, entry: dict[str, Any], epochs: int, seconds: float | None) -> None:
        """Tell of an epoch.

        Args:
            entry: of the history of a checkpoint.
            epochs: as many as were asked for.
            seconds: that it took; None for one of an earlier start.
        """
        left = None if seconds is None else round(seconds * (epochs - entry["epoch"]), 1)
        self.on_epoch(
            PolicyEpoch(
                seconds=round(time.monotonic() - self.began, 3),
                stage=role,
                restored=seconds is None,
                epochs=epochs,
                epoch_seconds=None if seconds is None else round(seconds, 3),
                seconds_left=left,
                **entry,
            )
        )
