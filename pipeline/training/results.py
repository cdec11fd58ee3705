"""What a training job tells while it runs, and the curves drawn from it.

The job program appends one JSON object a line to `metrics.jsonl`; each is one of the events below.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import OutpostError


class ResultsError(OutpostError):
    """Training results that cannot be read."""


class Figures(BaseModel):
    """Base of the events. A figure that was not a finite number is None."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seconds: float = Field(ge=0.0, description="Since the job began.")


class StageEvent(Figures):
    """The job has come to its next stage."""

    event: Literal["stage"] = "stage"
    stage: Literal["prepare", "weights", "train", "export"]
    message: str


class MessageEvent(Figures):
    """Something the user should know."""

    event: Literal["message"] = "message"
    message: str


class BatchEvent(Figures):
    """Memory ran out, and training began its first epoch again with a smaller batch."""

    event: Literal["batch"] = "batch"
    stage: str = Field("train", description="Of training, where there are several.")
    batch_size: int = Field(ge=1, description="Images in one step from now on.")
    before: int = Field(ge=1, description="Images in one step until now.")

    @property
    def message(self) -> str:
        """For people."""
        return f"Batch halved from {self.before} to {self.batch_size}: out of memory"


class ProgressEvent(Figures):
    """Within an epoch, every few seconds."""

    event: Literal["progress"] = "progress"
    stage: str = Field("train", description="Of training, where there are several.")
    epoch: int = Field(ge=1, description="The epoch that is running.")
    epochs: int = Field(ge=1)
    batch: int
    batches: int
    seconds_left: float = Field(description="If no early stop comes first.")


class EpochMetrics(Figures):
    """One finished epoch, with its figures on the validation list."""

    event: Literal["epoch"] = "epoch"
    stage: str = Field("train", description="Of training; each counts its own epochs.")
    restored: bool = Field(
        False, description="Trained earlier, and told again by a job that goes on."
    )
    epoch: int = Field(ge=1)
    epochs: int = Field(ge=1, description="As many as were asked for.")
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
    epoch_seconds: float | None = None
    step_seconds: Mapping[str, float] = Field(
        {},
        description="What a step takes to 'load' its images, for its 'layers' (forward and "
        "backward) and for the 'optimizer': medians of the last steps.",
    )
    seconds_left: float | None = None


class BestEvent(Figures):
    """The best checkpoint, validated once more after the last epoch."""

    event: Literal["best"] = "best"
    precision: float | None = None
    recall: float | None = None
    map50: float | None = None
    map50_95: float | None = None


class FailedEvent(Figures):
    """The job ends without having done its work."""

    event: Literal["failed"] = "failed"
    message: str


class DoneEvent(Figures):
    """The job has done all that it was asked for."""

    event: Literal["done"] = "done"


Event = Annotated[
    StageEvent
    | MessageEvent
    | BatchEvent
    | ProgressEvent
    | EpochMetrics
    | BestEvent
    | FailedEvent
    | DoneEvent,
    Field(discriminator="event"),
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(line: str) -> Event:
    """Read one line of `metrics.jsonl`.

    Raises:
        ResultsError: it is no event.
    """
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        raise ResultsError(
            f"This is not a training event: {line[:200]!r}",
            "Use the job program that comes with this version of Outpost.",
        ) from error


def read_events(file: Path) -> tuple[Event, ...]:
    """Every event of a `metrics.jsonl`; a last line that was cut off is left out."""
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    return tuple(parse_event(line) for line in whole.splitlines() if line.strip())


def epochs_of(events: Iterable[Event]) -> tuple[EpochMetrics, ...]:
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
