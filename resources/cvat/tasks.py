"""What is known of the tasks of a game's project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pipeline.labels.comparing.corrections import TIME_FORMAT
from pipeline.labels.portable_names import RESERVED

State = Literal["being pushed", "new", "in progress", "completed"]
UNFINISHED = re.compile(r" \(being pushed(?: by (?P<pusher>[0-9a-f]+))?\)$")
"""Ends the name of a task that does not have all of its images and boxes yet."""
LONGEST_NAME = 60
"""Characters of a task's name in that of its export, whose end, the time, must not be cut off."""


class TaskName(NamedTuple):
    """What the name of a task in CVAT says.

    Attributes:
        name: that it has, or will have.
        is_whole: it has all of its images and boxes.
        pusher: who is at it, see `push`; empty of a whole one.
    """

    name: str
    is_whole: bool = True
    pusher: str = ""

    @classmethod
    def of(cls, text: str) -> TaskName:
        mark = UNFINISHED.search(text)
        return cls(text) if mark is None else cls(text[: mark.start()], False, mark["pusher"] or "")

    def __str__(self) -> str:
        return self.name if self.is_whole else f"{self.name} (being pushed by {self.pusher})"


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
