"""DINO-X's API, as far as dds-cloudapi-sdk 0.5.3 tells how it is spoken to."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Mapping
from typing import Any

from doubles.servers import Double, Reply, Request, Route
from doubles.shapes import Shapes
from PIL import Image

KEY = "dinox-secret-0123456789"


class Dinox(Double):
    """Finds the same objects in every image; a task is done once it was asked for `looks` times.

    Attributes:
        sent: bodies of the tasks, by idempotency key.
        sizes: of the images that were sent.
    """

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.failure = ""
        self.looks = 2
        self.sent: dict[str, Any] = {}
        self.sizes: list[tuple[int, int]] = []
        self._tasks: dict[str, int] = {}
        self._numbers = itertools.count(1)
        super().__init__(Shapes.__new__(Shapes))

    def routes(self) -> list[Route]:
        return [
            Route("start", "POST", "/v2/task/dinox/detection", self._start, published=False),
            Route("status", "GET", "/v2/task_status/{task}", self._status, published=False),
        ]

    def admit(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        if request.headers.get("token") != KEY:
            return Reply(401, {"code": 10001, "msg": "invalid token"})
        return None

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        return Reply(code, {"code": code, "msg": title})

    def _start(self, request: Request, _values: Mapping[str, str]) -> Reply:
        key = request.headers["idempotency-key"]
        if key not in self.sent:
            self.sent[key] = request.body
            content = base64.b64decode(request.body["image"].partition("base64,")[2])
            with Image.open(io.BytesIO(content)) as image:
                self.sizes.append(image.size)
            self._tasks[f"task-{next(self._numbers)}"] = 0
        return Reply(200, {"code": 0, "msg": "ok", "data": {"task_uuid": list(self._tasks)[-1]}})

    def _status(self, _request: Request, values: Mapping[str, str]) -> Reply:
        task = values["task"]
        self._tasks[task] += 1
        if self._tasks[task] < self.looks:
            return self._told({"status": ("waiting", "running")[self._tasks[task] % 2]})
        if self.failure:
            return self._told({"status": "failed", "error": self.failure})
        return self._told({"status": "success", "result": {"objects": self.objects}})

    @staticmethod
    def _told(data: Mapping[str, Any]) -> Reply:
        return Reply(200, {"code": 0, "msg": "ok", "data": data})
