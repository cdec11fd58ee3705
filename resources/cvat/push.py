"""Projects and tasks that are put into CVAT, each once, whoever pushes it at the same time.

A task is given its name at the very end: until it has all of its images and boxes it is called
`NAME (being pushed by PUSHER)`. So a push that was interrupted, by whatever, leaves a task that
says so, and the next one of the same pusher removes it and begins that task again. A task that
bears its name is whole and is left alone, with all that people have changed in it.

Of two pushers at once, the one whose task CVAT numbered first goes on; the other one removes its
own, which is empty, and waits for that. Both look again right after what they made.

Boxes are sent as shapes, not as a COCO file to import: the schema of a shape has a score, and that
of an import leaves it open.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cvat_sdk import models
from cvat_sdk.core.client import Client
from cvat_sdk.core.helpers import get_paginated_collection
from cvat_sdk.core.progress import ProgressReporter
from cvat_sdk.core.uploading import DataUploader

from pipeline.annotation.tasks.project_labels import NOTE_ATTRIBUTE
from pipeline.annotation.tasks.task_plan import PlannedTask
from pipeline.progress import Progress, Report, silent
from resources.cvat.connection import TimeLimits, fetch_fields, fields_of
from resources.cvat.errors import CvatError, CvatMissingError, CvatRequestError
from resources.cvat.listing import find_project
from resources.cvat.requests import wait_for_request
from resources.cvat.tasks import TaskName

IMAGE_QUALITY = 95
"""Of the copies that people see while they label; exports have the images as they were sent."""
UPLOAD_BYTES = 20 << 20
"""Of images in one request."""


class CvatTaskError(CvatError):
    """A task that cannot be pushed: its name is taken, or its boxes are of no class."""


@dataclass(frozen=True)
class TaskInCvat:
    """A task that is in CVAT with all of its images and boxes.

    Attributes:
        is_new: whether this push has made it.
    """

    id: int
    name: str
    url: str
    frames: int
    is_new: bool


def ensure_project(client: Client, name: str, labels: Sequence[Mapping[str, Any]]) -> Any:
    """The project of that name with at least these labels; none is ever taken away.

    Args:
        labels: as `pipeline.annotation.tasks.project_labels` writes them.

    Raises:
        CvatError: see `connection`.
    """
    project = find_project(client, name)
    if project is None:
        spec = models.ProjectWriteRequest(name=name, labels=_label_requests(labels))
        made = client.projects.create(spec)
        project = find_project(client, name) or made
        if project.id == made.id:
            return made
        # Somebody else made one between the two looks: theirs was first.
        made.remove()
    if missing := _lacking(client, project, labels):
        request = models.PatchedProjectWriteRequest(labels=_label_requests(missing))
        try:
            project.update(request)
        except CvatError:
            # Refused as well where somebody else has just added them.
            if _lacking(client, project, labels):
                raise
    return project


@dataclass(frozen=True)
class Pusher:
    """Puts tasks into a project, or finds them there.

    Attributes:
        name: hexadecimal; tells this state folder from all others. Two pushes of one name at once
            would take each other's tasks for old ones.
    """

    client: Client
    project: Any
    name: str
    limits: TimeLimits
    report: Report = silent

    def push(self, planned: Sequence[PlannedTask]) -> tuple[TaskInCvat, ...]:
        """Every task once.

        Raises:
            CvatTaskError: the project has a task of that name with other frames, or somebody else
                is at it and does not go on.
            CvatRequestError: CVAT does not take the images.
            CvatError: see `connection`. What was finished stays; pushing again goes on.
        """
        labels = labels_of_project(self.client, self.project.id)
        _check_labels(planned, labels)
        return tuple(self._push(plan, labels) for plan in planned)

    def _push(self, plan: PlannedTask, labels: Mapping[str, Any]) -> TaskInCvat:
        while True:
            others = self._remove_abandoned(self._named(plan.name))
            if whole := _whole(others):
                return _found(self.client, whole[0], plan)
            if others:
                self._wait_for(others[0])
                continue
            pushed = self._make(plan, labels)
            if pushed is not None:
                self.report(Progress(f"pushed {plan.name}", 1, 1, 0.0))
                return pushed

    def _make(self, plan: PlannedTask, labels: Mapping[str, Any]) -> TaskInCvat | None:
        """Make a task; none is left if somebody else was first, before or meanwhile."""
        unfinished = str(TaskName(plan.name, False, self.name))
        # Without a size, all images are in one job.
        parts = {"segment_size": plan.job_size} if plan.job_size else {}
        task = self.client.tasks.create(
            models.TaskWriteRequest(
                name=unfinished, project_id=self.project.id, subset=plan.subset, **parts
            )
        )
        if self._was_before(task, plan):
            task.remove()
            return None
        frames = self._fill(task, plan, labels)
        if self._was_before(task, plan) or _whole(self._named(plan.name)):
            task.remove()
            return None
        request = models.PatchedTaskWriteRequest(name=plan.name)
        self.client.tasks.api.partial_update(task.id, patched_task_write_request=request)
        if self._was_before(task, plan):
            task.remove()
            return None
        return TaskInCvat(task.id, plan.name, _url(self.client, task.id), frames, is_new=True)

    def _fill(self, task: Any, plan: PlannedTask, labels: Mapping[str, Any]) -> int:
        """Send images, boxes and tags; the number of frames."""
        client = self.client
        _send_images(client, task, plan, self.limits, self.report)
        frames = {name: number for number, name in enumerate(frame_names(client, task.id))}
        lacking = [image.name for image in plan.images if image.name not in frames]
        if lacking:
            raise CvatRequestError(
                f"CVAT has taken {len(frames)} of the {len(plan.images)} images of '{plan.name}'; "
                f"{lacking[0]} is not among them.",
                "Open that image; if it is not damaged, push again.",
            )
        shapes, tags = _shapes(plan, frames, labels), _tags(plan, frames, labels)
        if shapes or tags:
            client.tasks.api.update_annotations(
                task.id, labeled_data_request=models.LabeledDataRequest(shapes=shapes, tags=tags)
            )
        return len(frames)

    def _was_before(self, task: Any, plan: PlannedTask) -> bool:
        """Whether somebody else's task of that name has a lower number."""
        return any(one.id < task.id for one in self._named(plan.name))

    def _named(self, name: str) -> list[Any]:
        """Tasks that have or will have a name, by their numbers: as they were made."""
        tasks = self.client.tasks.list(project_id=self.project.id)
        return sorted(
            (task for task in tasks if TaskName.of(task.name).name == name),
            key=lambda task: task.id,
        )

    def _remove_abandoned(self, tasks: Sequence[Any]) -> list[Any]:
        """Remove what an earlier push of this pusher left, or one of before pushers had names."""
        others = []
        for task in tasks:
            known = TaskName.of(task.name)
            if known.is_whole or known.pusher not in ("", self.name):
                others.append(task)
                continue
            try:
                task.remove()
            except CvatMissingError:
                continue
        return others

    def _wait_for(self, task: Any) -> None:
        """Until another pusher has finished a task, or removed it.

        Raises:
            CvatTaskError: nothing of it changes for longer than a server may be silent.
        """
        wanted, began = TaskName.of(task.name).name, time.monotonic()
        seen, changed = _state(task), began
        while not TaskName.of(seen[0]).is_whole:
            if time.monotonic() - changed > self.limits.outage:
                raise CvatTaskError(
                    f"'{wanted}' is being pushed from another machine, or a push from there broke "
                    f"off: {_url(self.client, task.id)} has not changed for "
                    f"{self.limits.outage:.0f} s.",
                    "Push again when that is done. If nobody pushes it, delete that task in CVAT.",
                )
            self.report(Progress(f"waiting for {seen[0]}", 0, 1, time.monotonic() - began))
            time.sleep(self.limits.poll)
            there = [one for one in self._named(wanted) if one.id == task.id]
            if not there:
                return
            if _state(there[0]) != seen:
                seen, changed = _state(there[0]), time.monotonic()


def _state(task: Any) -> tuple[str, Any, Any]:
    """What changes of a task while it is pushed; first its name."""
    return task.name, task.updated_date, getattr(task, "size", 0)


def _whole(tasks: Sequence[Any]) -> list[Any]:
    return [task for task in tasks if TaskName.of(task.name).is_whole]


def _lacking(
    client: Client, project: Any, labels: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    known = labels_of_project(client, project.id)
    return [label for label in labels if label["name"] not in known]


def _shapes(
    plan: PlannedTask, frames: Mapping[str, int], labels: Mapping[str, Any]
) -> list[models.LabeledShapeRequest]:
    """The boxes as CVAT wants them: source "auto" marks them as a model's."""
    return [
        models.LabeledShapeRequest(
            type=models.ShapeType("rectangle"),
            label_id=labels[box.class_name].id,
            frame=frames[image],
            points=[float(value) for value in box.box],
            source="auto",
            score=float(box.score),
        )
        for image, boxes in plan.boxes.items()
        for box in boxes
    ]


def _tags(
    plan: PlannedTask, frames: Mapping[str, int], labels: Mapping[str, Any]
) -> list[models.LabeledImageRequest]:
    """The tags of whole images, of the source "auto" like boxes that nobody has touched."""
    return [
        models.LabeledImageRequest(
            label_id=labels[tag.label].id,
            frame=frames[image],
            source="auto",
            attributes=[
                models.AttributeValRequest(spec_id=attribute.id, value=tag.note)
                for attribute in labels[tag.label].attributes
                if attribute.name == NOTE_ATTRIBUTE
            ],
        )
        for image, tag in plan.tags.items()
    ]


def labels_of_project(client: Client, project_id: int) -> dict[str, Any]:
    """A project's labels by their names."""
    # Not `project.get_labels`: it wants a field that older servers do not send.
    labels = get_paginated_collection(
        client.api_client.labels_api.list_endpoint, project_id=project_id
    )
    return {label.name: label for label in labels}


def _check_labels(planned: Sequence[PlannedTask], labels: Mapping[str, Any]) -> None:
    named = {one.class_name for plan in planned for boxes in plan.boxes.values() for one in boxes}
    if unknown := sorted(named - set(labels)):
        raise CvatTaskError(
            f"The boxes to correct name '{unknown[0]}', which is no class of the game.",
            "Materialize prelabels again, then push.",
        )


def _found(client: Client, task: Any, plan: PlannedTask) -> TaskInCvat:
    there, wanted = set(frame_names(client, task.id)), {image.name for image in plan.images}
    if there != wanted and not (plan.may_hold_more and wanted < there):
        raise CvatTaskError(
            f"CVAT has a task '{plan.name}' ({_url(client, task.id)}) with other frames: "
            f"{len(there - wanted)} that the batch does not have, {len(wanted - there)} that it "
            "lacks.",
            "Rename or delete that task in CVAT, or choose frames under another batch name.",
        )
    return TaskInCvat(task.id, plan.name, _url(client, task.id), len(there), is_new=False)


def _send_images(
    client: Client, task: Any, plan: PlannedTask, limits: TimeLimits, report: Report
) -> None:
    # Not `task.upload_data`: it waits without an end, or does not tell for what to wait.
    url = client.api_map.make_endpoint_url(
        task.api.create_data_endpoint.path, kwsub={"id": task.id}
    )
    uploader = DataUploader(client, max_request_size=UPLOAD_BYTES)
    told = _Upload(f"images of {plan.name} (bytes)", report)
    reply = uploader.upload_files(url, list(plan.images), pbar=told, image_quality=IMAGE_QUALITY)
    (request_id,) = fields_of(client, reply.data, "rq_id")
    wait_for_request(client, request_id, f"taking in {plan.name}", limits, report)


def frame_names(client: Client, task_id: int) -> list[str]:
    """The file names of a task's images, by their numbers."""
    (frames,) = fetch_fields(client, f"/api/tasks/{task_id}/data/meta", "frames")
    return [str(frame["name"]) for frame in frames]


def _label_requests(labels: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [
        models.PatchedLabelRequest(
            **{
                **label,
                "attributes": [models.AttributeRequest(**one) for one in label["attributes"]],
            }
        )
        for label in labels
    ]


def _url(client: Client, task_id: int) -> str:
    return f"{client.api_map.host}/tasks/{task_id}"


class _Upload(ProgressReporter):  # type: ignore[misc]
    """Hands the SDK's progress on."""

    def __init__(self, stage: str, report: Report) -> None:
        self._stage, self._report = stage, report
        self._done, self._total, self._began = 0, 0, 0.0

    def start2(self, total: int, **_named: Any) -> None:
        self._done, self._total, self._began = 0, total, time.monotonic()

    def report_status(self, progress: int) -> None:
        self.advance(progress - self._done)

    def advance(self, delta: int) -> None:
        self._done += delta
        seconds = time.monotonic() - self._began
        self._report(Progress(self._stage, self._done, max(self._total, self._done), seconds))
