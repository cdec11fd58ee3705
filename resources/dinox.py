"""DINO-X, a hosted open-vocabulary detector, asked for the boxes that people correct.

    POST /v2/task/dinox/detection   model, image (data URL), prompt (class names), thresholds
    GET  /v2/task_status/<uuid>     waiting, running, success with objects, or failed with an error

Every reply is `{"code": 0, "msg": "ok", "data": ...}`; another code is an error, of which 202001
asks to try again (dds-cloudapi-sdk 0.5.3, `tasks/base.py`, `tasks/v2_task.py`). That package is not
used: it sends the token to a third party with its traces, waits without an end, and cuts boxes to
whole pixels. Each image sent is billed.
"""

from __future__ import annotations

import base64
import io
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from PIL import Image
from pydantic import BaseModel, FiniteFloat, ValidationError

from pipeline.errors import OutpostError
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from pipeline.labels.formats.label_names import LabelIndex

KEY_VARIABLE = "DINOX_API_KEY"
ENDPOINT_VARIABLE = "DDS_CLOUDAPI_ENDPOINT"
"""As the vendor's own package calls it."""
ENDPOINT = "https://api.deepdataspace.com"
KEY_PAGE = "https://cloud.deepdataspace.com/dashboard/token-key"
MODEL = "DINO-X-1.0"
DETECTION = "/v2/task/dinox/detection"
STATUS = "/v2/task_status/"
TRY_AGAIN = 202001
LONGEST_SIDE = 1536
"""Pixels, to which the vendor's own package reduces an image."""
OVERLAP = 0.8
QUOTED_CHARACTERS = 200
JPEG_QUALITY = 95

Kind = TypeVar("Kind", bound=BaseModel)


class DinoxError(OutpostError):
    """DINO-X refuses, fails, or takes too long."""


@dataclass(frozen=True)
class DinoxTimeouts:
    """How long is waited, in seconds.

    Attributes:
        request: for each step of a request.
        image: from sending an image to its boxes.
        poll: between two questions whether it is done.
        attempts: of a request that gets no answer, the first one included.
    """

    request: float = 30.0
    image: float = 180.0
    poll: float = 0.5
    attempts: int = 4


class _Reply(BaseModel):
    code: int
    msg: str = ""
    data: dict[str, Any] | None = None


class _Object(BaseModel):
    category: str
    score: FiniteFloat
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class _Result(BaseModel):
    objects: list[_Object] = []


class _Started(BaseModel):
    task_uuid: str


class _Status(BaseModel):
    status: str
    error: str | None = None
    result: _Result | None = None


class DinoxPrelabeler:
    """DINO-X with the classes' names as prompts."""

    def __init__(
        self,
        class_names: Sequence[str],
        confidence: float,
        timeouts: DinoxTimeouts = DinoxTimeouts(),
    ) -> None:
        """Prepare to ask; the first image is the first request.

        Args:
            class_names: of the game, in the order of their ids; spelt as words, they are what
                DINO-X looks for.
            confidence: the lowest score that counts.
            timeouts: after which it is given up.

        Raises:
            DinoxError: there is no API key in the environment.
        """
        _api_key()
        self._names = tuple(class_names)
        self._classes = LabelIndex(class_names)
        self._confidence = confidence
        self._timeouts = timeouts
        self._client = httpx.Client(base_url=_endpoint(), timeout=timeouts.request)

    @property
    def name(self) -> str:
        """The model."""
        return f"{MODEL} (hosted), classes by name"

    @property
    def left_out_classes(self) -> tuple[str, ...]:
        """None: it looks for whatever has a name."""
        return ()

    def find(self, image: Image.Image) -> tuple[ScoredBox, ...]:
        """See `Prelabeler`.

        Raises:
            DinoxError: it refuses, fails, answers what cannot be understood, or takes too long.
        """
        until = time.monotonic() + self._timeouts.image
        content, zoom = _packed(image)
        result = self._result_of(self._start(content, until), until)
        return tuple(self._scored(result.objects, zoom))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _scored(self, objects: Sequence[_Object], zoom: float) -> Iterator[ScoredBox]:
        for one in objects:
            class_id = self._classes.class_of(one.category.strip())
            if class_id is not None and one.score >= self._confidence:
                box = Box(*one.bbox).scaled(1 / zoom, 1 / zoom)
                yield ScoredBox(class_id, min(one.score, 1.0), box)

    def _start(self, content: str, until: float) -> str:
        body = {
            "model": MODEL,
            "image": content,
            "prompt": {"type": "text", "text": ".".join(map(_as_words, self._names))},
            "targets": ["bbox"],
            "bbox_threshold": self._confidence,
            "iou_threshold": OVERLAP,
        }
        # What is repeated under one key is done, and billed, once.
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return _read(_Started, self._ask("POST", DETECTION, until, key, body)).task_uuid

    def _result_of(self, task: str, until: float) -> _Result:
        while True:
            status = _read(_Status, self._ask("GET", STATUS + task, until))
            if status.status == "success" and status.result is not None:
                return status.result
            if status.status not in ("triggering", "waiting", "running"):
                raise DinoxError(
                    f"DINO-X failed at an image: {_quoted(status.error or status.status)}.",
                    "Materialize prelabels again; if it fails again, choose another backend.",
                )
            self._pause(until, self._timeouts.poll)

    def _ask(
        self,
        method: str,
        path: str,
        until: float,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The data of a reply; asks again where none comes, or where the service asks for it."""
        for attempt in range(1, self._timeouts.attempts + 1):
            reply, why = self._answer(method, path, headers, body)
            if reply is not None:
                return reply
            if attempt < self._timeouts.attempts:
                self._pause(until, self._timeouts.poll * 2**attempt)
        raise DinoxError(
            f"DINO-X does not answer ({why}).", "Try again in a few minutes, or check the network."
        )

    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[dict[str, Any] | None, str]:
        """What it says, or None and why it may be asked again."""
        try:
            response = self._client.request(
                method, path, json=body, headers={"Token": _api_key(), **(headers or {})}
            )
        except httpx.HTTPError as error:
            return None, type(error).__name__
        if response.status_code in (401, 403):
            raise DinoxError(
                f"DINO-X refuses the API key (status {response.status_code}).",
                f"Make a key at {KEY_PAGE} and set {KEY_VARIABLE} to it.",
            )
        if response.status_code in (408, 429) or response.status_code >= 500:
            return None, f"status {response.status_code}"
        reply = _read(_Reply, response)
        if reply.code == TRY_AGAIN:
            return None, _quoted(reply.msg)
        if reply.code != 0 or reply.data is None:
            raise DinoxError(
                f"DINO-X refuses a request: {_quoted(reply.msg)} (code {reply.code}, status "
                f"{response.status_code}).",
                f"Look at the account's quota and key at {KEY_PAGE}.",
            )
        return reply.data, ""

    def _pause(self, until: float, seconds: float) -> None:
        if time.monotonic() + seconds > until:
            raise DinoxError(
                f"DINO-X has not found an image's boxes in {self._timeouts.image:.0f} seconds.",
                "Materialize prelabels again later, or choose another backend.",
            )
        time.sleep(seconds)


def _api_key() -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise DinoxError(
            f"The environment variable {KEY_VARIABLE} holds no API key.",
            f"Make a key at {KEY_PAGE} and set {KEY_VARIABLE} to it; images are sent to "
            "deepdataspace.com and billed.",
        )
    return key


def _endpoint() -> str:
    given = os.environ.get(ENDPOINT_VARIABLE, "").strip().rstrip("/")
    if not given:
        return ENDPOINT
    return given if given.startswith("http") else f"https://{given}"


def _as_words(name: str) -> str:
    # A full stop stands between two prompts.
    return " ".join(name.replace("_", " ").replace("-", " ").replace(".", " ").split())


def _packed(image: Image.Image) -> tuple[str, float]:
    """The image as a data URL, and by what it was reduced."""
    zoom = min(1.0, LONGEST_SIDE / max(image.size))
    if zoom < 1:
        size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}", zoom


def _read(kind: type[Kind], value: httpx.Response | dict[str, Any]) -> Kind:
    try:
        if isinstance(value, httpx.Response):
            return kind.model_validate_json(value.content)
        return kind.model_validate(value)
    except ValidationError as error:
        raise DinoxError(
            f"DINO-X answers what cannot be understood: {error.errors()[0]['msg']}.",
            "Its API may have changed: please report it, and choose another backend.",
        ) from error


def _quoted(text: str) -> str:
    return " ".join(text.split())[:QUOTED_CHARACTERS] or "no reason given"
