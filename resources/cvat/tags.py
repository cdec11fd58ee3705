"""Tags that people have given to whole images of a task, and which of its jobs are completed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cvat_sdk.core.client import Client
from cvat_sdk.core.helpers import get_paginated_collection

from pipeline.annotation.tasks.pushed_tasks import PushedTask
from pipeline.community.dispute_batches.settling import ImageTags
from pipeline.manifests import digest_of
from resources.cvat.connection import fetch_fields
from resources.cvat.errors import CvatMissingError
from resources.cvat.push import frame_names

PRESET_SOURCE = "auto"
"""Of a tag that was sent and that nobody has touched."""


@dataclass(frozen=True)
class TaskTags:
    """The labels that a task has now, and the tags of its images by file name."""

    labels: tuple[str, ...]
    images: Mapping[str, ImageTags]


def read_tags(client: Client, task: PushedTask) -> TaskTags:
    """The tags of a task.

    Raises:
        CvatMissingError: it was deleted.
        CvatError: see `connection`.
    """
    _require_task(client, task)
    found = get_paginated_collection(client.api_client.labels_api.list_endpoint, task_id=task.id)
    labels = {label.id: str(label.name) for label in found}
    jobs, names = _jobs(client, task.id), frame_names(client, task.id)
    given, preset = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    (tags,) = fetch_fields(client, f"/api/tasks/{task.id}/annotations/", "tags")
    for tag in tags:
        # One whose label was removed in this very moment.
        if (label := labels.get(tag["label_id"])) is not None:
            of = preset if tag.get("source") == PRESET_SOURCE else given
            of[tag["frame"]].append(label)
    images = {
        name: ImageTags(_is_finished(number, jobs), tuple(given[number]), tuple(preset[number]))
        for number, name in enumerate(names)
    }
    return TaskTags(tuple(sorted(labels.values())), images)


def completed_stamp(client: Client, task: PushedTask) -> str:
    """Changes when a job of a task is completed, or a completed one is changed; empty before.

    Raises:
        CvatMissingError: the task was deleted.
        CvatError: see `connection`.
    """
    _require_task(client, task)
    done = [job for job in _jobs(client, task.id) if str(job.state) == "completed"]
    told = sorted((job.id, job.updated_date.isoformat()) for job in done)
    return digest_of([task.id, told])[:16] if told else ""


def _require_task(client: Client, task: PushedTask) -> None:
    try:
        client.api_client.tasks_api.retrieve(task.id)
    except CvatMissingError as error:
        raise CvatMissingError(
            f"The task '{task.name}' was deleted in CVAT: {task.url} is not there any more.",
            f"`outpost cvat push {task.name}` makes it again with what is not decided yet; or "
            f"delete the partition '{task.name}' of disputed_crops, and its images go into the "
            "next batch.",
        ) from error


def _jobs(client: Client, task_id: int) -> list[Any]:
    # Ground truth jobs are CVAT's own quality control, and no work on the task.
    jobs = client.jobs.list(task_id=task_id)
    return [job for job in jobs if str(job.type) == "annotation"]


def _is_finished(frame: int, jobs: Collection[Any]) -> bool:
    states = [str(job.state) for job in jobs if job.start_frame <= frame <= job.stop_frame]
    return bool(states) and all(state == "completed" for state in states)
