"""Asking a server for the tasks of a game."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from cvat_sdk.core.client import Client

from resources.cvat.connection import fetch_fields
from resources.cvat.tasks import State, TaskName, TaskState


def find_project(client: Client, name: str) -> Any | None:
    """The project of that name that was made first; None if there is none."""
    # The server compares names without regard to case.
    found = [one for one in client.projects.list(name=name) if one.name == name]
    return min(found, key=lambda one: one.id) if found else None


def list_tasks(client: Client, project_name: str) -> tuple[TaskState, ...]:
    """Every task of a project, from the first to the last; none where there is no project."""
    project = find_project(client, project_name)
    if project is None:
        return ()
    tasks = client.tasks.list(project_id=project.id)
    jobs: dict[int, list[Any]] = defaultdict(list)
    for job in client.jobs.list(project_id=project.id):
        jobs[job.task_id].append(job)
    states = (_state_of(client, task, jobs[task.id]) for task in tasks)
    return tuple(sorted(states, key=lambda one: one.id))


def count_shapes(client: Client, task_id: int) -> int:
    """Shapes of a task; a track counts once."""
    page = f"/api/tasks/{task_id}/annotations/"
    return sum(map(len, fetch_fields(client, page, "shapes", "tracks")))


def _state_of(client: Client, task: Any, jobs: Iterable[Any]) -> TaskState:
    # Ground truth jobs are CVAT's own quality control, and no work on the task.
    work = [job for job in jobs if str(job.type) == "annotation"]
    states = [str(job.state) for job in work]
    changed = [task.updated_date, *(job.updated_date for job in work)]
    return TaskState(
        id=task.id,
        name=TaskName.of(task.name).name,
        state=_common_state(task.name, states),
        frames=getattr(task, "size", 0) or 0,
        jobs=len(work),
        completed_jobs=states.count("completed"),
        updated=max(time.astimezone(UTC) for time in changed),
        url=f"{client.api_map.host}/tasks/{task.id}",
    )


def _common_state(name: str, states: list[str]) -> State:
    if not TaskName.of(name).is_whole:
        return "being pushed"
    if states and all(state == "completed" for state in states):
        return "completed"
    return "new" if all(state == "new" for state in states) else "in progress"
