"""The tasks that an annotation batch has become in CVAT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record

TASKS_FILE = "tasks.json"


class PushedTasksError(OutpostError):
    """A record of pushed tasks that cannot be read."""


class PushedTask(Record):
    """A task that is in CVAT with all of its images and boxes."""

    id: int = Field(description="CVAT's number of it.")
    name: str
    url: str = Field(description="Where it is labelled.")
    frames: int
    boxes: int = Field(description="That went with it, to correct.")
    blind: bool = Field(False, description="Labelled without boxes, for validation.")


class PushedContent(Record):
    """What `tasks.json` holds."""

    tasks: tuple[PushedTask, ...]


@dataclass(frozen=True)
class PushedTasks:
    """The artifact of `cvat_task`."""

    folder: Path
    tasks: tuple[PushedTask, ...]

    @classmethod
    def open(cls, folder: Path) -> PushedTasks:
        """Read what `write` wrote.

        Raises:
            PushedTasksError: the folder holds none, or one of another version.
        """
        return cls(folder, read_json(folder / TASKS_FILE, PushedContent, _damaged).tasks)

    @classmethod
    def write(cls, folder: Path, tasks: tuple[PushedTask, ...]) -> PushedTasks:
        """Write them into a folder that exists."""
        content = PushedContent(tasks=tasks)
        write_json(folder / TASKS_FILE, content.model_dump(mode="json"))
        return cls(folder, tasks)


def _damaged(file: Path, why: Exception) -> PushedTasksError:
    return PushedTasksError(
        f"{file} is no whole record of tasks: {why}", "Materialize cvat_task again."
    )
