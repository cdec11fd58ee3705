"""Tasks are put into CVAT once, whole, with scores, and come back as they went."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from doubles.cvat import CvatDouble
from doubles.servers import drop, status, text

from pipeline.annotation.prelabels import Prelabel
from pipeline.annotation.tasks.task_plan import PlannedTask
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export
from resources.cvat import Cvat
from resources.cvat.connection import connected
from resources.cvat.errors import CvatError, CvatRequestError, CvatUnreachableError
from resources.cvat.push import CvatTaskError, TaskInCvat

from .conftest import add_project, add_task, png, quick

CLASSES = ("sheep", "tree", "town_center")


def plan(
    folder: Path, name: str = "first", boxes: Sequence[Prelabel] = (), frames: int = 3
) -> PlannedTask:
    images = tuple(folder / f"shot_{number:02d}.png" for number in range(frames))
    for number, image in enumerate(images):
        image.write_bytes(png(number))
    return PlannedTask(name, images, {images[1].name: tuple(boxes)})


def box(x: float, score: float = 0.5, class_name: str = "tree") -> Prelabel:
    return Prelabel(class_name=class_name, box=Box(x, 1.0, x + 9.5, 12.25), score=score)


def push(resource: Cvat, *planned: PlannedTask, pusher: str = "0a") -> tuple[TaskInCvat, ...]:
    return resource.push("toy", CLASSES, planned, pusher)


def test_a_task_is_there_with_images_boxes_and_scores(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    planned = plan(tmp_path, boxes=(box(3.0, 0.75), box(20.123456, 0.5, "sheep")))

    (pushed,) = push(resource, planned)

    task = cvat.tasks[pushed.id]
    assert (task.name, task.subset, pushed.frames, pushed.is_new) == ("first", "", 3, True)
    assert pushed.url == f"{cvat.origin}/tasks/{task.id}"
    assert task.frames == {image.name: image.read_bytes() for image in planned.images}
    labels = {label["id"]: label for label in cvat.labels_of(task.project)}
    told = [
        (labels[s["label_id"]]["name"], s["score"], s["source"], s["frame"]) for s in task.shapes
    ]
    assert told == [("tree", 0.75, "auto", 1), ("sheep", 0.5, "auto", 1)]
    assert [label["name"] for label in labels.values()] == list(CLASSES)
    assert all(one["attributes"][0]["name"] == "owner" for one in labels.values())


def test_pushing_twice_makes_no_second_task(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    planned = plan(tmp_path, boxes=(box(3.0),))
    (first,) = push(resource, planned)
    cvat.edit(cvat.tasks[first.id], [])
    (second,) = push(resource, planned)
    assert (second.id, second.is_new, second.frames) == (first.id, False, 3)
    assert [task.shapes for task in cvat.tasks.values()] == [[]]
    assert cvat.count("annotations") == 0, "all that people drew is not fetched for nothing"
    assert len(cvat.projects) == 1


@pytest.mark.parametrize(
    "operation",
    ["create task", "upload", "request", "meta", "put annotations", "update task", "labels"],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupted_push_is_taken_up(
    cvat: CvatDouble, tmp_path: Path, operation: str, after: bool
) -> None:
    """Whether the last request took effect or not: one task, and it is whole."""
    planned, resource = plan(tmp_path, boxes=(box(3.0),)), quick(outage_seconds=0.05)
    cvat.always(operation, drop(after))
    with pytest.raises(CvatError):
        push(resource, planned)
    assert resource.completed_tasks("toy") == ()
    cvat.never(operation)

    push(resource, planned)

    assert [task.name for task in cvat.tasks.values()] == ["first"]
    assert [len(task.shapes) for task in cvat.tasks.values()] == [1]


def test_what_an_earlier_version_left_is_removed(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    add_task(cvat, "first (being pushed)")
    push(resource, plan(tmp_path))
    assert [task.name for task in cvat.tasks.values()] == ["first"]


@pytest.mark.parametrize("turn", range(3))
def test_two_machines_that_push_at_once_make_one_task(
    cvat: CvatDouble, tmp_path: Path, turn: int
) -> None:
    """Also where the project is not there yet; whoever is second takes what the first one made."""
    cvat.polls = 3
    planned, ready = plan(tmp_path, boxes=(box(3.0),)), threading.Barrier(2)

    def push_as(pusher: str) -> TaskInCvat:
        ready.wait()
        return push(quick(), planned, pusher=pusher)[0]

    with ThreadPoolExecutor() as pool:
        pushed = list(pool.map(push_as, ("0a", "0b")))

    (task,) = cvat.tasks.values()
    assert (task.name, len(task.shapes), task.names) == (
        "first",
        1,
        [i.name for i in planned.images],
    )
    assert [one.id for one in pushed] == [task.id, task.id]
    assert sorted(one.is_new for one in pushed) == [False, True]
    assert [one["name"] for one in cvat.projects.values()] == ["toy"]
    assert len(cvat.labels_of(task.project)) == len(CLASSES)


@pytest.mark.parametrize("operation", ["create project", "create task"])
def test_somebody_pushes_between_two_requests(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, operation: str
) -> None:
    """The other push goes from its beginning to its end before the named request has effect."""
    planned = plan(tmp_path, boxes=(box(3.0),))
    theirs: list[TaskInCvat] = []
    cvat.meanwhile(operation, lambda: theirs.extend(push(quick(), planned, pusher="0b")))
    (mine,) = push(resource, planned)
    assert [task.name for task in cvat.tasks.values()] == ["first"]
    assert len(cvat.projects) == 1
    assert (mine.id, mine.is_new) == (theirs[0].id, False)


def test_the_second_one_sends_no_images(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    """Its task is made while the first one's has images on the way."""
    planned, began = plan(tmp_path), threading.Event()

    def push_theirs() -> None:
        cvat.meanwhile("upload", began.set)
        push(quick(), planned, pusher="0b")

    theirs = threading.Thread(target=push_theirs)

    def wait_for_theirs() -> None:
        theirs.start()
        assert began.wait(60)

    cvat.meanwhile("create task", wait_for_theirs)
    (mine,) = push(resource, planned)
    theirs.join()
    assert not mine.is_new
    assert cvat.count("create task") == 2
    assert [work.kind for work in cvat.work.values()] == ["create"]


def test_a_person_gives_a_task_that_name_meanwhile(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    planned = plan(tmp_path, boxes=(box(3.0),))

    def add_theirs() -> None:
        task = add_task(cvat, "first")
        task.frames = {image.name: image.read_bytes() for image in planned.images}

    cvat.meanwhile("put annotations", add_theirs)
    (mine,) = push(resource, planned)
    assert list(cvat.tasks) == [mine.id]
    assert not mine.is_new


def test_a_push_that_broke_off_elsewhere_is_named(cvat: CvatDouble, tmp_path: Path) -> None:
    half = add_task(cvat, "first (being pushed by 0b)")
    with pytest.raises(CvatTaskError, match=rf"tasks/{half.id} has not changed"):
        push(quick(outage_seconds=0.05), plan(tmp_path))
    assert list(cvat.tasks) == [half.id]


def test_a_push_elsewhere_that_fails_is_taken_over(cvat: CvatDouble, tmp_path: Path) -> None:
    half = add_task(cvat, "first (being pushed by 0b)")
    removal = threading.Timer(0.1, lambda: cvat.tasks.pop(half.id))
    removal.start()
    (pushed,) = push(quick(), plan(tmp_path))
    removal.join()
    assert pushed.is_new
    assert list(cvat.tasks) == [pushed.id]


def test_a_restart_while_images_are_taken_in(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    cvat.polls = 5
    cvat.script("request", drop(), status(502))
    restart = threading.Timer(0.05, cvat.restart)
    restart.start()
    (pushed,) = push(resource, plan(tmp_path))
    restart.join()
    assert pushed.frames == 3


def test_images_that_are_not_taken(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    cvat.failures["create"] = "PIL.UnidentifiedImageError: shot_01.png"
    with pytest.raises(CvatRequestError, match="shot_01"):
        push(resource, plan(tmp_path))


def test_a_server_that_never_takes_them(cvat: CvatDouble, tmp_path: Path) -> None:
    cvat.never_finishes.add("create")
    with pytest.raises(CvatRequestError, match="not done"):
        push(quick(work_seconds=0.1), plan(tmp_path))


@pytest.mark.parametrize("operation", ["upload", "meta", "create task", "put annotations"])
def test_a_server_that_answers_something_else(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, operation: str
) -> None:
    cvat.always(operation, text(202 if operation == "upload" else 500, "[1]"))
    with pytest.raises(CvatUnreachableError):
        push(resource, plan(tmp_path, boxes=(box(3.0),)))


def test_a_name_that_another_task_has(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    push(resource, plan(tmp_path))
    with pytest.raises(CvatTaskError, match="other frames"):
        push(resource, plan(tmp_path, frames=4))
    assert len(cvat.tasks) == 1


def test_boxes_of_a_class_that_is_none(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    with pytest.raises(CvatTaskError, match="castle"):
        push(resource, plan(tmp_path, boxes=(box(1.0, class_name="castle"),)))
    assert cvat.tasks == {}


def test_a_project_that_people_made_gets_the_labels_that_it_lacks(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    add_project(cvat, "TOY")
    number = add_project(cvat, "toy")
    push(resource, plan(tmp_path))
    assert [one["name"] for one in cvat.labels_of(number)] == ["sheep", "tree", "town_center"]
    assert len(cvat.projects) == 2


def test_an_organization_is_told(
    cvat: CvatDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAT_ORGANIZATION", "our-guild")
    with connected(quick().address, quick().limits) as client:
        assert client.api_client.default_headers["X-Organization"] == "our-guild"


def test_many_images_go_in_several_requests(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.cvat.push.UPLOAD_BYTES", 2000)
    readings = []
    planned = plan(tmp_path, frames=12)
    resource.push("toy", CLASSES, (planned,), "0a", readings.append)
    assert cvat.count("upload") > 4
    sent = [reading for reading in readings if reading.stage.startswith("images")]
    assert sent[-1].done == sent[-1].total


@pytest.mark.slow
def test_ten_thousand_boxes_come_back(cvat: CvatDouble, resource: Cvat, tmp_path: Path) -> None:
    """Every one within 0.01 px, with its class; the score is in CVAT's shapes and its export."""
    rng = np.random.default_rng(7)
    images = tuple(tmp_path / f"frame_{number:03d}.png" for number in range(10))
    for number, image in enumerate(images):
        image.write_bytes(png(number, side=1280))
    sent = {
        image.name: tuple(random_box(rng, number, n) for n in range(1000))
        for number, image in enumerate(images)
    }
    (pushed,) = push(resource, PlannedTask("many", images, sent))
    task = cvat.tasks[pushed.id]
    assert [shape["score"] for shape in task.shapes] == [
        one.score for boxes in sent.values() for one in boxes
    ]
    cvat.finish(task)
    (completed,) = resource.completed_tasks("toy")
    target = tmp_path / completed.export_name
    resource.download_export(completed.id, target)

    batch = read_export(target, CLASSES)

    assert [frame.name for frame in batch.frames] == [image.name for image in images]
    for frame in batch.frames:
        returned = np.array([one.box for one in frame.boxes])
        expected = np.array([one.box for one in sent[frame.name]])
        assert np.abs(returned - expected).max() <= 0.01
        names = [CLASSES[one.class_id] for one in frame.boxes]
        assert names == [one.class_name for one in sent[frame.name]]


def random_box(rng: np.random.Generator, frame: int, number: int) -> Prelabel:
    """One for each cell of a grid: doubles would be taken out when they are read."""
    x, y = 40.0 * (number % 32), 40.0 * (number // 32)
    dx, dy, width, height = rng.uniform((0, 0, 8, 8), (15, 15, 24, 24))
    box = Box(x + dx, y + dy, x + dx + width, y + dy + height)
    return Prelabel(class_name=CLASSES[(frame + number) % 3], box=box, score=rng.uniform(0, 1))


def test_a_coco_file_that_a_person_imports_comes_back_too(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    """Through the SDK's own upload and import; the score is not kept there, as far as is known."""
    (pushed,) = push(resource, plan(tmp_path))
    file, corners = tmp_path / "prelabels.json", (3.14159, 2.71828, 30.1234, 40.5678)
    x1, y1, x2, y2 = corners
    coco = {
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)],
        "images": [{"id": 1, "file_name": "shot_02.png", "width": 64, "height": 64}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        ],
    }
    file.write_text(json.dumps(coco), encoding="utf-8")
    with connected(resource.address, resource.limits) as client:
        client.tasks.retrieve(pushed.id).import_annotations("COCO 1.0", file)
    target = tmp_path / "task.zip"
    resource.download_export(pushed.id, target)
    (frame,) = read_export(target, CLASSES).frames
    assert frame.name == "shot_02.png"
    assert [CLASSES[one.class_id] for one in frame.boxes] == ["tree"]
    assert frame.boxes[0].box == pytest.approx(corners, abs=0.01)


def test_what_is_silent_ends(cvat: CvatDouble, tmp_path: Path) -> None:
    cvat.always("request", drop())
    with pytest.raises(CvatUnreachableError):
        push(quick(outage_seconds=0.05), plan(tmp_path))


def test_names_that_screenshot_tools_give_come_back(
    cvat: CvatDouble, resource: Cvat, tmp_path: Path
) -> None:
    names = (
        "Screenshot 2026-01-01 at 12.00.09\u202fPM.png",
        "スクリーンショット\u30002026-01-01 12.00.09.png",
        "Capture d’écran 2026-01-01 120009.png",
    )
    images = tuple(sorted(tmp_path / name for name in names))
    for number, image in enumerate(images):
        image.write_bytes(png(number))
    planned = PlannedTask("first", images, {image.name: (box(3.0),) for image in images})

    (pushed,) = push(resource, planned)
    resource.download_export(pushed.id, tmp_path / "export.zip")

    frames = read_export(tmp_path / "export.zip", CLASSES).frames
    assert {frame.name for frame in frames} == set(names)
    assert all(len(frame.boxes) == 1 for frame in frames)
