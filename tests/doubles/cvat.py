"""A double of CVAT's REST API, to which the real SDK talks: real HTTP, scripted faults.

    with running_cvat() as cvat:
        cvat.use(monkeypatch)                        # CVAT_HOST and CVAT_ACCESS_TOKEN
        cvat.script("export", status(503))           # see `doubles.servers`
        cvat.finish(cvat.tasks[1])                   # what a person does in CVAT

Every request and every reply is checked against the schema that the SDK carries (see
`doubles.cvat_shapes`); uploads of files, whose messages that schema leaves open, are not. What is
written into exports, and what of an import is kept, is done as datumaro does it: coordinates to two
decimals. Whether CVAT keeps the score of a COCO import is not in its schema; this one drops it.
"""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from pathlib import PurePosixPath
from typing import Any

import pytest
from doubles.cvat_shapes import document
from doubles.servers import Double, Reply, Request, Route
from doubles.shapes import Shapes
from PIL import Image

PAGE = 10
"""Entries of a list, unless more are asked for."""
KILOBYTE = 1024
RUNNING = ("queued", "started")
START = datetime(2026, 1, 9, 10, 0, 0, tzinfo=UTC)
Item = dict[str, Any]
Values = Mapping[str, str]


@dataclass
class Task:
    """A task and its jobs: one, or several of some images each.

    Attributes:
        job_size: images in a job; 0 for all of them in one.
        completed_jobs: those that were completed while the task's `state` is another one.
    """

    id: int
    name: str
    project: int
    subset: str
    updated: datetime
    state: str = "new"
    frames: dict[str, bytes] = field(default_factory=dict)
    shapes: list[Item] = field(default_factory=list)
    tags: list[Item] = field(default_factory=list)
    job_size: int = 0
    completed_jobs: set[int] = field(default_factory=set)
    uploads: dict[str, bytes] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted(self.frames)

    @property
    def jobs(self) -> list[range]:
        """The numbers of the images of each."""
        size, images = self.job_size or len(self.frames) or 1, len(self.frames)
        return [range(first, min(first + size, images)) for first in range(0, images, size)]


@dataclass
class Work:
    """A request in the background: after some polls it is done."""

    id: str
    kind: str
    task: int
    act: Callable[[], str | None]
    polls_left: int
    status: str = "queued"
    message: str = ""
    result: str | None = None


class CvatDouble(Double):
    """A CVAT server with one user.

    Attributes:
        token: the one that is taken.
        polls: how often a request is asked after before it is finished.
        never_finishes: kinds of requests ("export", "import", "create") that go on for ever.
        failures: messages by kind; the next request of it fails so.
        archive: changes the bytes of every export.
        drip: seconds before each kilobyte of a download.
        cut: bytes after which a download breaks off; taken from the front, one each.
    """

    def __init__(self) -> None:
        super().__init__(Shapes(document()))
        self.token = f"token_{secrets.token_hex(16)}"
        self.password = secrets.token_hex(8)
        self.projects: dict[int, Item] = {}
        self.tasks: dict[int, Task] = {}
        self.work: dict[str, Work] = {}
        self.polls = 1
        self.never_finishes: set[str] = set()
        self.failures: dict[str, str] = {}
        self.archive: Callable[[bytes], bytes] = bytes
        self.drip = 0.0
        self.cut: list[int] = []
        self._time = START
        self._last = 0

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have this process's environment name this server and its token."""
        monkeypatch.setenv("CVAT_HOST", self.origin)
        monkeypatch.setenv("CVAT_ACCESS_TOKEN", self.token)
        for name in ("CVAT_ORGANIZATION", "CVAT_USER", "CVAT_PASSWORD"):
            monkeypatch.delenv(name, raising=False)

    def finish(self, task: Task, job: int | None = None) -> None:
        """A person completes the task's jobs, or one of them, from 0 on."""
        task.updated = self._now()
        if job is None:
            task.state = "completed"
        else:
            task.completed_jobs.add(job)

    def tag(self, task: Task, image: str, *labels: str) -> None:
        """A person gives an image these tags, in place of those that it has."""
        ids = {label["name"]: label["id"] for label in self.labels_of(task.project)}
        frame = task.names.index(image)
        given = [{"label_id": ids[label], "frame": frame, "source": "manual"} for label in labels]
        kept = [one for one in task.tags if one["frame"] != frame]
        task.tags, task.updated = kept + self._tags({"tags": given}, task), self._now()

    def edit(self, task: Task, shapes: list[Item]) -> None:
        """A person saves other shapes."""
        task.shapes, task.updated = shapes, self._now()

    def labels_of(self, project: int) -> list[Item]:
        return list(self.projects[project]["labels"])

    def forget_requests(self) -> None:
        """As a server whose queue was lost, or requests that have expired."""
        self.work.clear()

    def routes(self) -> list[Route]:
        tasks = "/api/tasks/{id}"
        return [
            Route("login", "POST", "/api/auth/login", self._login),
            Route("about", "GET", "/api/server/about", self._about),
            Route("self", "GET", "/api/users/self", self._self),
            Route("projects", "GET", "/api/projects", self._list_projects),
            Route("create project", "POST", "/api/projects", self._create_project),
            Route("project", "GET", "/api/projects/{id}", self._get_project),
            Route("update project", "PATCH", "/api/projects/{id}", self._update_project),
            Route("delete project", "DELETE", "/api/projects/{id}", self._delete_project),
            Route("labels", "GET", "/api/labels", self._list_labels),
            Route("tasks", "GET", "/api/tasks", self._list_tasks),
            Route("create task", "POST", "/api/tasks", self._create_task),
            Route("task", "GET", tasks, self._get_task),
            Route("update task", "PATCH", tasks, self._update_task),
            Route("delete task", "DELETE", tasks, self._delete_task),
            Route("jobs", "GET", "/api/jobs", self._list_jobs),
            Route("upload", "POST", f"{tasks}/data/", self._upload, published=False),
            Route("chunk", "GET", f"{tasks}/data/", self._chunk_of),
            Route("meta", "GET", f"{tasks}/data/meta", self._meta),
            Route("annotations", "GET", f"{tasks}/annotations/", self._get_annotations),
            Route("put annotations", "PUT", f"{tasks}/annotations/", self._put_annotations),
            Route("add annotations", "PATCH", f"{tasks}/annotations/", self._add_annotations),
            Route("import", "POST", f"{tasks}/annotations/", self._import, published=False),
            Route("tus", "PATCH", "/tus/{id}/{name}", self._tus, published=False),
            Route("export", "POST", f"{tasks}/dataset/export", self._export),
            Route("request", "GET", "/api/requests/{id}", self._get_request),
            Route("download", "GET", "/download/{id}", self._download, published=False),
        ]

    def admit(self, request: Request, route: Route, values: Values) -> Reply | None:
        given = request.headers.get("authorization", "")
        cookie = f"sessionid={self.password}" in request.headers.get("cookie", "")
        if route.operation == "login" or given == f"Bearer {self.token}" or cookie:
            return None
        return Reply(401, {"detail": "Invalid token."})

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        return Reply(400, {"detail": f"{title}: {'; '.join(problems)}"})

    def _served(self, request: Request, route: Route, values: Values) -> Reply:
        if (away := self.admit(request, route, values)) is not None:
            return away
        with self.lock:
            if not route.published:
                return self._handled(request, route, values)
            # As the SDK writes True; Django takes both spellings.
            query = {
                n: v.lower() if v in ("True", "False") else v for n, v in request.query.items()
            }
            wrong = self.shapes.query(route.method, route.path, query)
            wrong += self.shapes.request(route.method, route.path, request.body)
            if wrong:
                self.violations += [f"request {route.operation}: {problem}" for problem in wrong]
                return self.refuse(400, "Bad Request", wrong)
            reply = self._handled(request, route, values)
        if reply.status < 400 and route.operation != "login":
            problems = self.shapes.reply(route.method, route.path, reply.status, reply.body)
            self.violations += [f"reply {route.operation}: {problem}" for problem in problems]
        return reply

    def _handled(self, request: Request, route: Route, values: Values) -> Reply:
        try:
            return route.handler(request, values)
        except (AssertionError, KeyError) as error:
            self.violations.append(f"request {route.operation}: {error!r}")
            return self.refuse(400, "Bad Request", [repr(error)])

    # What belongs to nobody.

    def _login(self, request: Request, values: Values) -> Reply:
        if request.body != {"username": "user", "password": self.password}:
            return Reply(400, {"detail": "Unable to log in with provided credentials."})
        cookies = f"sessionid={self.password}, csrftoken={self.password}"
        return Reply(200, {"key": "k"}, headers={"Set-Cookie": cookies.replace(", ", ";")})

    def _about(self, request: Request, values: Values) -> Reply:
        texts = dict.fromkeys(("name", "description", "logo_url", "subtitle"), "CVAT")
        return Reply(200, {**texts, "version": "2.80.0"})

    def _self(self, request: Request, values: Values) -> Reply:
        return Reply(200, {"id": 1, "username": "user", "url": f"{self.origin}/api/users/1"})

    # Projects and labels.

    def _create_project(self, request: Request, values: Values) -> Reply:
        number = self._number()
        labels = [self._label(label) for label in request.body.get("labels", [])]
        self.projects[number] = {"id": number, "name": request.body["name"], "labels": labels}
        return Reply(201, self._project(number))

    def _update_project(self, request: Request, values: Values) -> Reply:
        number = int(values["id"])
        self.projects[number]["labels"] += map(self._label, request.body.get("labels", []))
        return Reply(200, self._project(number))

    def _delete_project(self, request: Request, values: Values) -> Reply:
        number = int(values["id"])
        self.tasks = {n: task for n, task in self.tasks.items() if task.project != number}
        return Reply(204) if self.projects.pop(number, None) else Reply(404, {"detail": "None."})

    def _get_project(self, request: Request, values: Values) -> Reply:
        return Reply(200, self._project(int(values["id"])))

    def _list_projects(self, request: Request, values: Values) -> Reply:
        name = request.query.get("name", "").casefold()
        found = [n for n, one in self.projects.items() if one["name"].casefold() == name]
        return self._page(request, [self._project(number) for number in found])

    def _list_labels(self, request: Request, values: Values) -> Reply:
        if "task_id" in request.query:
            project = self.tasks[int(request.query["task_id"])].project
        else:
            project = int(request.query["project_id"])
        return self._page(request, self.labels_of(project))

    def _label(self, asked: Item) -> Item:
        attributes = [
            {"default_value": "", **one, "id": self._number()}
            for one in asked.get("attributes", [])
        ]
        plain = {"type": "any", "color": "#000000", "sublabels": []}
        return {**plain, **asked, "id": self._number(), "attributes": attributes}

    def _project(self, number: int) -> Item:
        one = self.projects[number]
        tasks = [task for task in self.tasks.values() if task.project == number]
        return {
            "id": number,
            "name": one["name"],
            "url": f"{self.origin}/api/projects/{number}",
            "organization": None,
            "tasks": {"count": len(tasks), "url": f"{self.origin}/api/tasks"},
            "labels": {"url": f"{self.origin}/api/labels"},
        }

    # Tasks and jobs.

    def _create_task(self, request: Request, values: Values) -> Reply:
        body = request.body
        task = Task(
            self._number(), body["name"], body["project_id"], body.get("subset", ""), self._now()
        )
        task.job_size = body.get("segment_size", 0)
        self.tasks[task.id] = task
        return Reply(201, self._task(task))

    def _get_task(self, request: Request, values: Values) -> Reply:
        task = self.tasks.get(int(values["id"]))
        return Reply(200, self._task(task)) if task else Reply(404, {"detail": "Not found."})

    def _update_task(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        task.name, task.updated = request.body.get("name", task.name), self._now()
        return Reply(200, self._task(task))

    def _delete_task(self, request: Request, values: Values) -> Reply:
        found = self.tasks.pop(int(values["id"]), None)
        return Reply(204) if found else Reply(404, {"detail": "Not found."})

    def _list_tasks(self, request: Request, values: Values) -> Reply:
        project = int(request.query["project_id"])
        found = [task for task in self.tasks.values() if task.project == project]
        return self._page(request, [self._task(task) for task in found])

    def _list_jobs(self, request: Request, values: Values) -> Reply:
        query, tasks = request.query, list(self.tasks.values())
        if "task_id" in query:
            found = [task for task in tasks if task.id == int(query["task_id"])]
        else:
            found = [task for task in tasks if task.project == int(query["project_id"])]
        jobs = [self._job(task, number) for task in found for number in range(len(task.jobs))]
        return self._page(request, jobs)

    def _task(self, task: Task) -> Item:
        return {
            "id": task.id,
            "name": task.name,
            "url": f"{self.origin}/api/tasks/{task.id}",
            "project_id": task.project,
            "subset": task.subset,
            "size": len(task.frames),
            "mode": "annotation",
            "data_chunk_size": 4,
            "data_original_chunk_type": "imageset",
            "organization": None,
            "jobs": {"completed": self._completed(task), "validation": 0},
            "labels": {"url": f"{self.origin}/api/labels"},
            "updated_date": task.updated.isoformat(),
        }

    def _job(self, task: Task, number: int) -> Item:
        frames = task.jobs[number]
        return {
            "id": task.id + 1000 * (number + 1),
            "start_frame": frames[0],
            "stop_frame": frames[-1],
            "task_id": task.id,
            "project_id": task.project,
            "type": "annotation",
            "state": "completed" if number in task.completed_jobs else task.state,
            "stage": "annotation",
            "issues": {"count": 0},
            "labels": {"url": f"{self.origin}/api/labels"},
            "updated_date": task.updated.isoformat(),
        }

    def _completed(self, task: Task) -> int:
        return len(task.jobs if task.state == "completed" else task.completed_jobs)

    # Images.

    def _upload(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        if "upload-multiple" in request.headers:
            task.uploads |= _files_of(request)
            return Reply(200, {})
        if "upload-finish" in request.headers:
            return self._begin("create", task.id, lambda: self._take(task))
        return Reply(202, {})

    def _take(self, task: Task) -> None:
        task.frames, task.uploads = dict(task.uploads), {}
        task.updated = self._now()

    def _meta(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        frames = []
        for name in task.names:
            with Image.open(io.BytesIO(task.frames[name])) as image:
                width, height = image.size
            frames.append({"name": name, "width": width, "height": height, "related_files": 0})
        body = {
            "frames": frames,
            "deleted_frames": [],
            "size": len(frames),
            "chunk_size": 4,
            "chunks_updated_date": task.updated.isoformat(),
        }
        return Reply(200, body)

    def _chunk_of(self, request: Request, values: Values) -> Reply:
        task, number = self.tasks[int(values["id"])], int(request.query["number"])
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for place, name in enumerate(task.names[4 * number : 4 * number + 4]):
                archive.writestr(f"{place:06d}{PurePosixPath(name).suffix}", task.frames[name])
        return Reply(200, packed.getvalue(), "application/zip")

    # Shapes.

    def _get_annotations(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        body = {"version": 1, "tags": task.tags, "shapes": task.shapes, "tracks": []}
        return Reply(200, body)

    def _put_annotations(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        task.shapes, task.updated = self._shapes(request.body, task), self._now()
        task.tags = self._tags(request.body, task)
        return self._get_annotations(request, values)

    def _add_annotations(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        task.shapes += self._shapes(request.body, task)
        task.tags += self._tags(request.body, task)
        task.updated = self._now()
        return self._get_annotations(request, values)

    def _shapes(self, body: Item, task: Task) -> list[Item]:
        shapes = body.get("shapes", [])
        self._check_places(shapes, task)
        plain = {"source": "manual", "score": 1.0, "attributes": [], "occluded": False}
        return [{**plain, **shape, "id": self._number()} for shape in shapes]

    def _tags(self, body: Item, task: Task) -> list[Item]:
        tags = body.get("tags", [])
        self._check_places(tags, task)
        labels = {label["id"]: label for label in self.labels_of(task.project)}
        for one in tags:
            known = {attribute["id"] for attribute in labels[one["label_id"]]["attributes"]}
            assert {each["spec_id"] for each in one.get("attributes", [])} <= known
        plain = {"source": "manual", "attributes": []}
        return [{**plain, **tag, "id": self._number()} for tag in tags]

    def _check_places(self, marks: list[Item], task: Task) -> None:
        labels = {label["id"] for label in self.labels_of(task.project)}
        strange = [one for one in marks if one["label_id"] not in labels]
        assert not strange, f"labels of another project: {strange[:3]}"
        assert all(one["frame"] < len(task.frames) for one in marks)

    # Imports of files, over TUS.

    def _import(self, request: Request, values: Values) -> Reply:
        task = self.tasks[int(values["id"])]
        if "upload-start" in request.headers:
            return Reply(202, {})
        if "upload-finish" in request.headers:
            content = task.uploads.pop(request.query["filename"])
            assert request.query["format"] == "COCO 1.0"
            return self._begin("import", task.id, lambda: self._take_coco(task, content))
        told = dict(part.split(" ") for part in request.headers["upload-metadata"].split(","))
        name = base64.b64decode(told["filename"]).decode()
        task.uploads[name] = b""
        where = {"Location": f"{self.origin}/tus/{task.id}/{name}", "Upload-Filename": name}
        return Reply(201, None, headers=where)

    def _tus(self, request: Request, values: Values) -> Reply:
        uploads = self.tasks[int(values["id"])].uploads
        uploads[values["name"]] += request.body
        offset = str(len(uploads[values["name"]]))
        return Reply(204, None, headers={"Upload-Offset": offset})

    def _take_coco(self, task: Task, content: bytes) -> None:
        coco = json.loads(content)
        by_name = {label["name"]: label["id"] for label in self.labels_of(task.project)}
        labels = {one["id"]: by_name[one["name"]] for one in coco["categories"]}
        assert min(labels) >= 1, "category ids begin at 1 (cvat#4750)"
        frames = {one["id"]: task.names.index(one["file_name"]) for one in coco["images"]}
        shapes = []
        for one in coco["annotations"]:
            x, y, width, height = one["bbox"]
            points = [round(value, 2) for value in (x, y, x + width, y + height)]
            known = {"label_id": labels[one["category_id"]], "frame": frames[one["image_id"]]}
            shapes.append({**known, "type": "rectangle", "points": points})
        task.shapes += self._shapes({"shapes": shapes}, task)
        task.updated = self._now()

    # Work in the background.

    def _export(self, request: Request, values: Values) -> Reply:
        task = self.tasks.get(int(values["id"]))
        if task is None:
            return Reply(404, {"detail": "Not found."})
        query = request.query
        assert query["format"] == "COCO 1.0"
        assert query["save_images"] in ("true", "True")
        assert query["location"] == "local", "goes to a cloud storage otherwise"
        exports = [work for work in self.work.values() if work.kind == "export"]
        if any(one.task == task.id and one.status in RUNNING for one in exports):
            return Reply(409, {"detail": "Request is being processed"})
        return self._begin("export", task.id, lambda: "ready")

    def _begin(self, kind: str, task: int, act: Callable[[], str | None]) -> Reply:
        number = f"action={kind}&target=task&id={task}&subresource={self._number()}"
        self.work[number] = Work(number, kind, task, act, self.polls)
        return Reply(202, {"rq_id": number})

    def _get_request(self, request: Request, values: Values) -> Reply:
        work = self.work.get(urllib.parse.unquote(values["id"]))
        if work is None:
            return Reply(404, {"detail": "Not found."})
        self._advance(work)
        body = {
            "id": work.id,
            "status": work.status,
            "message": work.message,
            "progress": 0.5 if work.status == "started" else None,
            "operation": {"type": f"{work.kind}:dataset", "target": "task", "task_id": work.task},
            "created_date": START.isoformat(),
            "result_url": work.result,
        }
        return Reply(200, body)

    def _advance(self, work: Work) -> None:
        if work.status in ("finished", "failed"):
            return
        work.polls_left -= 1
        work.status = "started"
        if work.kind in self.never_finishes or work.polls_left > 0:
            return
        if work.kind in self.failures:
            work.status, work.message = "failed", self.failures.pop(work.kind)
            return
        try:
            result = work.act()
        except Exception as error:
            work.status = "failed"
            work.message = f"Traceback (most recent call last):\n{type(error).__name__}: {error}"
            return
        work.status = "finished"
        work.result = f"{self.origin}/download/{work.task}" if result else None

    def _download(self, request: Request, values: Values) -> Reply:
        content = self.archive(self._archive(self.tasks[int(values["id"])]))
        part = content[: self.cut.pop(0)] if self.cut else content
        sizes = {"Content-Length": str(len(content))}

        def stream(send: Callable[[bytes], None]) -> None:
            for start in range(0, len(part), KILOBYTE if self.drip else len(part) or 1):
                self.closing.wait(self.drip)
                send(part[start : start + KILOBYTE] if self.drip else part)

        return Reply(200, None, "application/zip", sizes, stream=stream)

    def _archive(self, task: Task) -> bytes:
        """As datumaro 1.13 writes it for CVAT."""
        subset = task.subset or "default"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in task.names:
                archive.writestr(f"images/{subset}/{name}", task.frames[name])
            coco = json.dumps(self._coco(task))
            archive.writestr(f"annotations/instances_{subset}.json", coco)
        return packed.getvalue()

    def _coco(self, task: Task) -> Item:
        labels = self.labels_of(task.project)
        categories = {label["id"]: number for number, label in enumerate(labels, start=1)}
        images = []
        for number, name in enumerate(task.names, start=1):
            with Image.open(io.BytesIO(task.frames[name])) as image:
                width, height = image.size
            plain = {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
            images.append(
                {"id": number, "file_name": name, "width": width, "height": height, **plain}
            )
        annotations = []
        for number, shape in enumerate(task.shapes, start=1):
            x1, y1, x2, y2 = (round(value, 2) for value in shape["points"])
            width, height = x2 - x1, y2 - y1
            annotations.append(
                {
                    "id": number,
                    "image_id": shape["frame"] + 1,
                    "category_id": categories[shape["label_id"]],
                    "segmentation": [],
                    "area": width * height,
                    "bbox": [x1, y1, width, height],
                    "iscrowd": 0,
                    "attributes": {"occluded": shape["occluded"], "rotation": 0.0},
                    "score": shape["score"],
                }
            )
        return {
            "licenses": [{"name": "", "id": 0, "url": ""}],
            "info": {},
            "categories": [
                {"id": number, "name": label["name"], "supercategory": ""}
                for number, label in enumerate(labels, start=1)
            ],
            "images": images,
            "annotations": annotations,
        }

    def _page(self, request: Request, found: list[Item]) -> Reply:
        page, size = int(request.query.get("page", 1)), int(request.query.get("page_size", PAGE))
        shown = found[(page - 1) * size : page * size]
        more = f"{self.origin}{request.path}?page={page + 1}" if page * size < len(found) else None
        return Reply(200, {"count": len(found), "next": more, "previous": None, "results": shown})

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _now(self) -> datetime:
        self._time += timedelta(seconds=1)
        return self._time


@contextmanager
def running_cvat() -> Iterator[CvatDouble]:
    """A server for a `with` block, which asserts that nothing broke the published schema."""
    double = CvatDouble()
    try:
        yield double
        assert double.violations == []
    finally:
        double.close()


def _files_of(request: Request) -> dict[str, bytes]:
    """The files of a form, by their last name, as Django takes them."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + request.body)
    return {
        PurePosixPath(name.replace("\\", "/")).name: part.get_payload(decode=True)
        for part in form.get_payload()
        if (name := _file_name(part))
    }


def _file_name(part: Message) -> str:
    """As it was sent: in UTF-8, which mail may not have, so `get_filename` does not read it."""
    told = next(text for header, text in part.raw_items() if header == "Content-Disposition")
    found = re.search(r'filename="([^"]*)"', told.encode("ascii", "surrogateescape").decode())
    return found[1] if found else ""
