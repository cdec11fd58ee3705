"""What a training job tells while it runs, and the curves drawn from it.

Events are those of every job (`pipeline.jobs.events`) and those below.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.jobs.events import EVENT_TYPES, EpochEvent, JobEvent, read_events


class ResultsError(OutpostError):
    """Training results that cannot be read."""


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


def read_results_csv(file: Path) -> tuple[EpochMetrics, ...]:
    """The epochs of a `results.csv` as ultralytics writes it, with the stage before it or without.

    Raises:
        ResultsError: a column is missing or holds no number.
    """
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [
            {key.strip(): value for key, value in row.items()} for row in csv.DictReader(stream)
        ]
    epochs = Counter(row.get("stage") for row in rows)
    try:
        return tuple(_epoch_of_row(row, epochs[row.get("stage")]) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{file} is not a results.csv of ultralytics: {error!r}.", "Take the file unchanged."
        ) from error


def best_epoch(epochs: Sequence[EpochMetrics]) -> EpochMetrics | None:
    """The epoch with the highest mAP50-95 of the last stage, the earliest of equals."""
    final = [epoch for epoch in epochs if epoch.stage == epochs[-1].stage]
    return max(final, key=lambda epoch: epoch.map50_95 or 0.0, default=None)


def _epoch_of_row(row: Mapping[str, str], epochs: int) -> EpochMetrics:
    def losses(prefix: str) -> dict[str, float | None]:
        names = (key for key in row if key.startswith(prefix) and key.endswith("_loss"))
        return {key.removeprefix(prefix).removesuffix("_loss"): float(row[key]) for key in names}

    return EpochMetrics(
        stage=row.get("stage", "train"),
        seconds=float(row["time"]),
        epoch=int(row["epoch"]),
        epochs=epochs,
        precision=float(row["metrics/precision(B)"]),
        recall=float(row["metrics/recall(B)"]),
        map50=float(row["metrics/mAP50(B)"]),
        map50_95=float(row["metrics/mAP50-95(B)"]),
        train_losses=losses("train/"),
        val_losses=losses("val/"),
        learning_rate=float(row["lr/pg0"]),
    )
