"""Tags of whole images: pushed with a note, read back with who gave them and what is finished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from doubles.cvat import CvatDouble, Task

from pipeline.annotation.tasks.pushed_tasks import PushedTask
from pipeline.annotation.tasks.task_plan import PlannedTask, PresetTag
from pipeline.community.dispute_batches.settling import ImageTags
from resources.cvat import Cvat
from resources.cvat.errors import CvatMissingError
from resources.cvat.push import CvatTaskError, TaskInCvat

from .conftest import png

LABELS = ("sheep", "tree", "unreadable")
NAMES = [f"{number:04}.png" for number in range(4)]


def plan(folder: Path, **others: object) -> PlannedTask:
    images = tuple(folder / name for name in NAMES)
    for number, image in enumerate(images):
        image.write_bytes(png(number))
    tags = {name: PresetTag("tree", f"note {name}") for name in NAMES[:3]}
    return replace(PlannedTask("first", images, {}, tags=tags, job_size=2), **others)


def push(resource: Cvat, planned: PlannedTask) -> TaskInCvat:
    (pushed,) = resource.push_tags("toy-community first", LABELS, [planned], "0a")
    return pushed


def record(pushed: TaskInCvat) -> PushedTask:
    return PushedTask(id=pushed.id, name=pushed.name, url=pushed.url, frames=4, boxes=0)


@pytest.fixture
def pushed(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> tuple[Task, PushedTask]:
    made = push(resource, plan(tmp_path))
    return cvat.tasks[made.id], record(made)


def test_tags_go_out_with_their_notes_and_come_back(
    cvat: CvatDouble, resource: Cvat, pushed: tuple[Task, PushedTask]
) -> None:
    task, known = pushed
    labels = {label["name"]: label for label in cvat.labels_of(task.project)}
    assert {label["type"] for label in labels.values()} == {"tag"}
    assert [tag["attributes"][0]["value"] for tag in task.tags] == [f"note {n}" for n in NAMES[:3]]
    assert [len(job) for job in task.jobs] == [2, 2]
    cvat.tag(task, NAMES[1], "sheep", "unreadable")
    found = resource.tags(known)
    assert found.labels == LABELS
    assert found.images == {
        NAMES[0]: ImageTags(False, (), ("tree",)),
        NAMES[1]: ImageTags(False, ("sheep", "unreadable"), ()),
        NAMES[2]: ImageTags(False, (), ("tree",)),
        NAMES[3]: ImageTags(False, (), ()),
    }


def test_an_image_is_finished_with_its_job(
    cvat: CvatDouble, resource: Cvat, pushed: tuple[Task, PushedTask]
) -> None:
    task, known = pushed
    assert resource.completed_stamps([known]) == {"first": ""}
    cvat.finish(task, job=1)
    found = resource.tags(known).images
    assert [found[name].is_finished for name in NAMES] == [False, False, True, True]
    stamp = resource.completed_stamps([known])["first"]
    assert stamp
    assert resource.completed_stamps([known])["first"] == stamp
    cvat.finish(task, job=0)
    assert resource.completed_stamps([known])["first"] not in ("", stamp)


def test_a_task_that_was_deleted_is_named(
    cvat: CvatDouble, resource: Cvat, pushed: tuple[Task, PushedTask]
) -> None:
    task, known = pushed
    del cvat.tasks[task.id]
    with pytest.raises(CvatMissingError, match="'first' was deleted in CVAT"):
        resource.tags(known)
    assert isinstance(resource.completed_stamps([known])["first"], CvatMissingError)


def test_a_task_that_holds_more_is_left_alone_where_it_may(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, pushed: tuple[Task, PushedTask]
) -> None:
    task, _ = pushed
    planned = plan(tmp_path)
    fewer = replace(planned, images=planned.images[:2], may_hold_more=True)
    again = push(resource, fewer)
    assert (again.id, again.is_new, again.frames) == (task.id, False, 4)
    with pytest.raises(CvatTaskError, match="with other frames"):
        push(resource, replace(fewer, may_hold_more=False))
    other = tmp_path / "other.png"
    other.write_bytes(png(9))
    with pytest.raises(CvatTaskError, match="with other frames"):
        push(resource, replace(fewer, images=(other,)))
