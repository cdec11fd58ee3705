"""A CVAT server with a project, and the resource that talks to it without long pauses."""

import io
from collections.abc import Iterator

import pytest
from doubles.cvat import CvatDouble, Task, running_cvat
from PIL import Image

from resources.cvat import Cvat

LABELS = ("sheep", "tree")


@pytest.fixture
def cvat(monkeypatch: pytest.MonkeyPatch) -> Iterator[CvatDouble]:
    with running_cvat() as double:
        double.use(monkeypatch)
        yield double


@pytest.fixture
def resource() -> Cvat:
    return quick()


def quick(**limits: float) -> Cvat:
    """Waits for little, so that tests need not either."""
    plain = {"answer_seconds": 5.0, "work_seconds": 5.0, "outage_seconds": 3.0}
    return Cvat(**{**plain, "poll_seconds": 0.01, **limits})


def add_task(cvat: CvatDouble, name: str = "first", frames: int = 2, game: str = "toy") -> Task:
    """A task with a box in each frame, as if people had labelled it in CVAT."""
    with_name = [number for number, one in cvat.projects.items() if one["name"] == game]
    number = with_name[0] if with_name else add_project(cvat, game)
    task = Task(cvat._number(), name, number, "", cvat._now())
    task.frames = {f"frame_{index:03d}.png": png(index) for index in range(frames)}
    label = cvat.labels_of(number)[0]["id"]
    box = {"type": "rectangle", "label_id": label, "points": [10.25, 20.5, 40.75, 50.0]}
    shapes = [{**box, "frame": index} for index in range(frames)]
    task.shapes = cvat._shapes({"shapes": shapes}, task)
    cvat.tasks[task.id] = task
    return task


def add_project(cvat: CvatDouble, game: str) -> int:
    number = cvat._number()
    labels = [cvat._label({"name": name}) for name in LABELS]
    cvat.projects[number] = {"id": number, "name": game, "labels": labels}
    return number


def png(turn: int, side: int = 64) -> bytes:
    image = Image.linear_gradient("L").rotate(17 * turn).resize((side, side)).convert("RGB")
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()
