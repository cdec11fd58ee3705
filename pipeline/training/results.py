"""What a training job tells while it runs, and the curves drawn from it.

Events are those of every job (`pipeline.jobs.events`) and those below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.jobs.events import EVENT_TYPES, EpochEvent, JobEvent, read_events


class BatchEvent(JobEvent):
    """Memory ran out, and training began its first epoch again with a smaller batch."""

    event: Literal["batch"] = "batch"
    stage: str = Field("train", description="Of training, where there are several.")
    batch_size: int = Field(ge=1, description="Images in one step from now on.")
    before: int = Field(ge=1, description="Images in one step until now.")

    @property
    def message(self) -> str:
        """For people."""
        return f"Batch halved from {self.before} to {self.batch_size}: out of memory"


class EpochMetrics(EpochEvent):
    """One finished epoch, with its figures on the validation list."""

    batch_size: int | None = Field(
        None, description="Images in one step; fewer than were asked for where memory ran out."
    )
    precision: float | None = None
    recall: float | None = None
    map50: float | None = Field(None, description="Mean average precision at IoU 0.5.")
    map50_95: float | None = Field(None, description="Mean over IoU 0.5 to 0.95.")
    train_losses: Mapping[str, float | None] = {}
    val_losses: Mapping[str, float | None] = {}
    learning_rate: float | None = None
    step_seconds: Mapping[str, float] = Field(
        {},
        description="What a step takes to 'load' its images, for its 'layers' (forward and "
        "backward) and for the 'optimizer': medians of the last steps.",
    )


class BestEvent(JobEvent):
    """The best checkpoint, validated once more after the last epoch."""

    event: Literal["best"] = "best"
    precision: float | None = None
    recall: float | None = None
    map50: float | None = None
    map50_95: float | None = None


TRAINING_EVENTS: Mapping[str, type[JobEvent]] = {
    **EVENT_TYPES,
    "batch": BatchEvent,
    "epoch": EpochMetrics,
    "best": BestEvent,
}
"""All that the training program tells."""


def read_training_events(file: Path) -> tuple[JobEvent, ...]:
    """Every event of a training's `metrics.jsonl`; see `pipeline.jobs.events.read_events`."""
    return read_events(file, TRAINING_EVENTS)


def epochs_of(events: Iterable[JobEvent]) -> tuple[EpochMetrics, ...]:
    """The finished epochs among events; of one that was told twice, what was told last.

    Twice when a host was lost before its newest checkpoint had been fetched.
    """
    found: dict[tuple[str, int], EpochMetrics] = {}
    for event in events:
        if isinstance(event, EpochMetrics):
            found[event.stage, event.epoch] = event
    return tuple(found.values())


def batch_sizes(epochs: Iterable[EpochMetrics]) -> dict[str, int]:
    """Images in one step by stage of training, as its last epoch was trained."""
    return {epoch.stage: epoch.batch_size for epoch in epochs if epoch.batch_size is not None}


def best_epoch(epochs: Sequence[EpochMetrics]) -> EpochMetrics | None:
    """The epoch with the highest mAP50-95 of the last stage, the earliest of equals."""
    final = [epoch for epoch in epochs if epoch.stage == epochs[-1].stage]
    return max(final, key=lambda epoch: epoch.map50_95 or 0.0, default=None)
