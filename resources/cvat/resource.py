"""CVAT for Dagster and for commands: nothing is asked of a server before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from pipeline.annotation.tasks.project_labels import project_labels, tag_labels
from pipeline.annotation.tasks.pushed_tasks import PushedTask
from pipeline.annotation.tasks.task_plan import PlannedTask
from pipeline.progress import Report, silent
from resources.cvat.errors import CvatMissingError

if TYPE_CHECKING:
    from cvat_sdk.core.client import Client

    from resources.cvat.connection import Address, TimeLimits
    from resources.cvat.push import TaskInCvat
    from resources.cvat.tags import TaskTags
    from resources.cvat.tasks import CompletedTask, TaskState


class Cvat(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A CVAT server. The access token is read from CVAT_ACCESS_TOKEN when it is used."""

    host: str = Field(
        default="", description="Address; empty: CVAT_HOST of the environment, or app.cvat.ai."
    )
    organization: str = Field(
        default="",
        description="Short name of the organization; empty: CVAT_ORGANIZATION of the environment, "
        "or the workspace of the token's owner.",
    )
    answer_seconds: float = Field(
        default=120.0, gt=0, description="How long one request may wait for its answer."
    )
    work_seconds: float = Field(
        default=1800.0, gt=0, description="How long CVAT may take to export or to take images in."
    )
    download_seconds: float = Field(
        default=3600.0, gt=0, description="How long the download of an export may take."
    )
    outage_seconds: float = Field(
        default=120.0, gt=0, description="How long a server may be silent while it works."
    )
    look_seconds: float = Field(
        default=15.0,
        gt=0,
        description="How long looking for completed tasks may take in all; a sensor's tick has a "
        "minute.",
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="Pause between two questions whether CVAT has finished."
    )

    # The SDK takes half a second to import, for which definitions need not wait.

    @property
    def address(self) -> Address:
        """Which server is meant."""
        from resources.cvat.connection import Address

        return Address.of(self.host, self.organization)

    @property
    def limits(self) -> TimeLimits:
        """When something is given up."""
        from resources.cvat.connection import TimeLimits

        return TimeLimits(
            answer=self.answer_seconds,
            work=self.work_seconds,
            download=self.download_seconds,
            outage=self.outage_seconds,
            poll=self.poll_seconds,
        )

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """A client of the SDK, for a `with` block.

        Raises:
            CvatTokenError: there is no token, or it is refused.
            CvatUnreachableError: nothing answers, or something that is not CVAT.
        """
        from resources.cvat.connection import connected

        with connected(self.address, self.limits) as client:
            yield client

    def tasks(self, game: str) -> tuple[TaskState, ...]:
        """Every task of a game's project, which bears the game's name.

        Raises:
            CvatError: see `connected`.
        """
        from resources.cvat.listing import list_tasks

        with self.connected() as client:
            return list_tasks(client, game)

    def push(
        self,
        game: str,
        class_names: Sequence[str],
        planned: Sequence[PlannedTask],
        pusher: str,
        report: Report = silent,
    ) -> tuple[TaskInCvat, ...]:
        """Put tasks into a game's project, which is made where there is none; each task once.

        Args:
            pusher: see `push.Pusher`; the caller sees to it that each pushes one thing at a time.

        Raises:
            CvatTaskError: the project has a task of that name with other frames, or another pusher
                is at it and does not go on.
            CvatRequestError: CVAT does not take the images.
            CvatError: see `connected`. What was finished stays; pushing again goes on.
        """
        from resources.cvat.push import Pusher, ensure_project

        with self.connected() as client:
            project = ensure_project(client, game, project_labels(class_names))
            return Pusher(client, project, pusher, self.limits, report).push(planned)

    def push_tags(
        self,
        project: str,
        labels: Sequence[str],
        planned: Sequence[PlannedTask],
        pusher: str,
        report: Report = silent,
    ) -> tuple[TaskInCvat, ...]:
        """Put tasks of whole images to tag into a project of that name; see `push`.

        Args:
            labels: that the project has at least.
        """
        from resources.cvat.push import Pusher, ensure_project

        with self.connected() as client:
            found = ensure_project(client, project, tag_labels(labels))
            return Pusher(client, found, pusher, self.limits, report).push(planned)

    def tags(self, task: PushedTask) -> TaskTags:
        """The tags that images of a task have now.

        Raises:
            CvatMissingError: the task was deleted.
            CvatError: see `connected`.
        """
        from resources.cvat.tags import read_tags

        with self.connected() as client:
            return read_tags(client, task)

    def completed_stamps(self, tasks: Iterable[PushedTask]) -> dict[str, str | CvatMissingError]:
        """By the name of each task: what changes with its completed jobs, or that it was deleted.

        Takes `look_seconds` at most.

        Raises:
            CvatError: see `connected`.
        """
        from resources.cvat.connection import connected
        from resources.cvat.tags import completed_stamp

        stamps: dict[str, str | CvatMissingError] = {}
        with connected(self.address, replace(self.limits, total=self.look_seconds)) as client:
            for task in tasks:
                try:
                    stamps[task.name] = completed_stamp(client, task)
                except CvatMissingError as error:
                    stamps[task.name] = error
        return stamps

    def completed_tasks(self, game: str) -> tuple[CompletedTask, ...]:
        """Those whose jobs are all completed, from the first to the last; within `look_seconds`.

        Raises:
            CvatError: see `connected`.
        """
        from resources.cvat.connection import connected
        from resources.cvat.listing import list_tasks

        with connected(self.address, replace(self.limits, total=self.look_seconds)) as client:
            tasks = list_tasks(client, game)
        return tuple(task.completed for task in tasks if task.completed)

    def download_export(self, task_id: int, target: Path, report: Report = silent) -> None:
        """A task with its images as COCO 1.0, put in place whole or not at all.

        Args:
            target: where the archive is wanted; see `CompletedTask.export_name`.

        Raises:
            CvatError: it cannot be exported, fetched or written.
        """
        from resources.cvat.download import download_export

        with self.connected() as client:
            download_export(client, task_id, target, self.limits, report)
