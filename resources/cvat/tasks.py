"""What is known of the tasks of a game's project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.labels.comparing.corrections import TIME_FORMAT
from pipeline.labels.portable_names import RESERVED

State = Literal["being pushed", "new", "in progress", "completed"]
UNFINISHED_SUFFIX = " (being pushed)"
"""Of the name of a task that does not have all of its images and boxes yet."""
LONGEST_NAME = 60
"""Characters of a task's name in that of its export, whose end, the time, must not be cut off."""


@dataclass(frozen=True)
class CompletedTask:
    """A task whose jobs are all completed.

    Attributes:
        updated: when something of it was last changed, UTC.
    """

    id: int
    name: str
    updated: datetime

    @property
    def export_name(self) -> str:
        """The file of its export, as CVAT names one, with the time of its last change.

        Equal for equal content, so what is there need not be fetched again. `pipeline.labels` reads
        task and time from it.
        """
        name = RESERVED.sub("_", self.name[:LONGEST_NAME]).replace("/", "_").replace(" ", "_")
        time = self.updated.astimezone(UTC).strftime(TIME_FORMAT)
        return f"task_{self.id}_{name}-{time}-coco_1.0.zip"


@dataclass(frozen=True)
class TaskState:
    """A task as it stands on the server.

    Attributes:
        state: "completed" when each of its jobs is; "new" when nobody has begun.
        jobs: how many it has, and how many of them are completed.
        url: where it is labelled.
    """

    id: int
    name: str
    state: State
    frames: int
    jobs: int
    completed_jobs: int
    updated: datetime
    url: str

    @property
    def completed(self) -> CompletedTask | None:
        """For downloads; None while somebody still works on it."""
        if self.state != "completed":
            return None
        return CompletedTask(self.id, self.name, self.updated)
