"""Tasks that were completed in CVAT, each as an export that is made when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutpostError
from pipeline.manifests import digest_of
from pipeline.progress import Report
from resources.exports.base import ExportSourceError
from resources.exports.fetched import FetchedExports, RemoteExport, not_retired


class FinishedTask(Protocol):
    """A task whose state in CVAT is "completed"."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def updated(self) -> datetime:
        """When it, or anything in it, was last changed; UTC."""

    @property
    def export_name(self) -> str:
        """The file name of its export; another one whenever it was changed."""


class TaskServer(Protocol):
    """What of CVAT a source of exports needs. Both have time limits of their own."""

    def completed_tasks(self, game: str) -> Sequence[FinishedTask]:
        """The completed tasks of a game's project; takes seconds at most.

        Raises:
            OutpostError: the server cannot be asked.
        """

    def download_export(self, task_id: int, target: Path, report: Report) -> None:
        """Have a task exported as COCO 1.0 with its images, and bring it here.

        Raises:
            OutpostError: the server could not export it, or was not reached.
        """


@dataclass(frozen=True)
class CompletedTasks:
    """The completed tasks of one game as a source of exports.

    A task that is changed and completed again becomes another batch, named as CVAT names a
    download, by task and time: the merge then takes the newer one, and what was made of the older
    one can still be audited. So exports that were fetched stay exports.
    """

    server: TaskServer
    game: str
    copies: FetchedExports
    name: str = "CVAT server"

    @property
    def place(self) -> str:
        """See `ExportSource.place`."""
        return f"the completed tasks of {self.game} in CVAT"

    def found(self) -> list[RemoteExport]:
        """The completed tasks by number, then what was fetched of them before.

        Raises:
            ExportSourceError: CVAT cannot be asked.
        """
        retired = self.copies.retired()
        tasks = not_retired(self._completed(), retired)
        gone = {task.name for task in tasks} | {one.name for one in retired}
        return [*tasks, *(self._earlier(name) for name in self.copies.names() if name not in gone)]

    def retired(self) -> list[RemoteExport]:
        """See `ExportSource.retired`: those that are still there as they were, or fetched."""
        retired = self.copies.retired()
        # Nobody is asked of nothing.
        tasks = self._completed() if retired else ()
        completed = {(task.name, task.stamp): task for task in tasks}
        found: list[RemoteExport] = []
        for one in retired:
            if (task := completed.get((one.name, one.stamp))) is not None:
                found.append(task)
            elif self.copies.record_of(one.name) is not None:
                found.append(self._earlier(one.name))
        return found

    def retire(self, batch: str) -> None:
        """See `ExportSource.retire`: CVAT stays as it is."""
        self.copies.retire(one for one in self.found() if one.batch == batch)

    def restore(self, batch: str) -> None:
        """See `ExportSource.restore`."""
        self.copies.restore(batch)

    def _earlier(self, name: str) -> RemoteExport:
        """A task's export that was fetched before the task was changed."""
        record = self.copies.record_of(name)
        stamp = record.stamp if record else ""
        return RemoteExport(
            name,
            str(self.copies.copy_of(name)),
            stamp,
            True,
            self.copies,
            partial(_is_gone, name),
            is_known_by_name=True,
        )

    def _completed(self) -> Iterator[RemoteExport]:
        try:
            tasks = self.server.completed_tasks(self.game)
        except ExportSourceError:
            raise
        except OutpostError as error:
            raise ExportSourceError(error.problem, error.fix) from error
        for task in sorted(tasks, key=lambda task: task.id):
            yield RemoteExport(
                task.export_name,
                f"task {task.id} '{task.name}' in CVAT",
                digest_of([task.id, task.updated.astimezone(UTC).isoformat()])[:16],
                True,
                self.copies,
                partial(self.server.download_export, task.id),
                is_known_by_name=True,
            )


def _is_gone(name: str, target: Path, report: Report) -> None:
    del target, report
    raise ExportSourceError(
        f"{name} was removed from this machine, and its task has changed since.",
        "Read the task's newer export instead; the merge takes that one anyway.",
    )
