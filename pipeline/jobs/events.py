"""What a job tells while it runs: one JSON object a line in `metrics.jsonl`.

These are the events that every program may tell. A kind of job adds its own, or gives one more
fields, in the `event_types` of its `JobSpec`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import OutpostError


class EventError(OutpostError):
    """A line that is no event of this kind of job."""


class JobEvent(BaseModel):
    """Base of the events. A figure that was not a finite number is None."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seconds: float = Field(ge=0.0, description="Since the job began.")


class StageEvent(JobEvent):
    """The job has come to its next stage."""

    event: Literal["stage"] = "stage"
    stage: str
    message: str


class MessageEvent(JobEvent):
    """Something the user should know."""

    event: Literal["message"] = "message"
    message: str


class ProgressEvent(JobEvent):
    """Within an epoch, every few seconds."""

    event: Literal["progress"] = "progress"
    stage: str = Field("train", description="Of training, where there are several.")
    epoch: int = Field(ge=1, description="The epoch that is running.")
    epochs: int = Field(ge=1)
    batch: int
    batches: int
    seconds_left: float = Field(description="If no early stop comes first.")


class EpochEvent(JobEvent):
    """One finished epoch: what a checkpoint is of, and the unit that a job is continued by."""

    event: Literal["epoch"] = "epoch"
    stage: str = Field("train", description="Of training; each counts its own epochs.")
    restored: bool = Field(
        False, description="Trained earlier, and told again by a job that goes on."
    )
    epoch: int = Field(ge=1)
    epochs: int = Field(ge=1, description="As many as were asked for.")
    epoch_seconds: float | None = None
    seconds_left: float | None = None


class FailedEvent(JobEvent):
    """The job ends without having done its work."""

    event: Literal["failed"] = "failed"
    message: str


class DoneEvent(JobEvent):
    """The job has done all that it was asked for."""

    event: Literal["done"] = "done"


EVENT_TYPES: Mapping[str, type[JobEvent]] = {
    "stage": StageEvent,
    "message": MessageEvent,
    "progress": ProgressEvent,
    "epoch": EpochEvent,
    "failed": FailedEvent,
    "done": DoneEvent,
}

OnEvent = Callable[[JobEvent], None]
OnLog = Callable[[str], None]


def ignore(_: object) -> None:
    """A listener that does nothing."""


def parse_event(line: str, types: Mapping[str, type[JobEvent]] = EVENT_TYPES) -> JobEvent:
    """Read one event.

    Args:
        types: those that the job may tell.

    Raises:
        EventError: it is none of them.
    """
    try:
        return types[json.loads(line)["event"]].model_validate_json(line)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise EventError(
            f"This is not an event of the job: {line[:200]!r}",
            "Use the job program that comes with this version of Outpost.",
        ) from error


def read_events(
    file: Path, types: Mapping[str, type[JobEvent]] = EVENT_TYPES
) -> tuple[JobEvent, ...]:
    """Every event of a `metrics.jsonl`; a last line that was cut off is left out.

    Raises:
        EventError: a line is no event.
        OSError: the file cannot be read.
    """
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    return tuple(parse_event(line, types) for line in whole.splitlines() if line.strip())
