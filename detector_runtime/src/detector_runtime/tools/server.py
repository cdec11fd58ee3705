"""A detector behind HTTP on this machine, for programs that are not written in Python.

    GET  /health   which model answers
    GET  /info     classes, thresholds, input size
    POST /detect   an image: the bytes of a file as the body, a form upload, or JSON with base64

Requests from web pages of other sites are refused, by their Host and Origin headers.
"""

from __future__ import annotations

import base64
import binascii
import email.parser
import email.policy
import ipaddress
import json
import logging
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from detector_runtime.checks import check_count, check_number
from detector_runtime.detector import Detector
from detector_runtime.errors import ConfigurationError, DetectorError, ImageError
from detector_runtime.images import decode_image
from detector_runtime.results import Detections
from detector_runtime.system.forks import enrol, fresh_lock
from detector_runtime.tools.looking import MODES, look

logger = logging.getLogger("detector_runtime")

SOCKET_TIMEOUT = 15.0
"""Seconds for which a client may stay silent in the middle of a request."""


@dataclass(frozen=True)
class ServerLimits:
    """What a client may ask for.

    `body_bytes` of one request; `per_second` looks on average, `burst` of them at once; `at_once`
    requests that wait for or get their answer.
    """

    body_bytes: int = 20 << 20
    per_second: float = 20.0
    burst: int = 20
    at_once: int = 8

    def __post_init__(self) -> None:
        check_count("the largest body", self.body_bytes, 1)
        check_number("the rate", self.per_second, 0.001)
        check_count("the burst", self.burst, 1)
        check_count("the number at once", self.at_once, 1)


class _RefusedError(DetectorError):
    def __init__(self, problem: str, fix: str, status: HTTPStatus) -> None:
        super().__init__(problem, fix)
        self.status = status


class _Budget:
    """A bucket that fills with `per_second` tokens up to `burst`; each look takes one."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._tokens = float(limits.burst)
        self._filled = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            now = time.monotonic()
            gained = (now - self._filled) * self._limits.per_second
            self._tokens = min(self._limits.burst, self._tokens + gained)
            self._filled = now
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True

    def after_fork(self) -> None:
        """Lets the budget be asked for in a forked process."""
        self._lock = fresh_lock(self._lock)


class DetectionServer(ThreadingHTTPServer):
    """Answers requests with one detector. `port` 0 takes a free one; see `server_port`."""

    daemon_threads = True

    def __init__(
        self, detector: Detector, host: str, port: int, limits: ServerLimits | None = None
    ) -> None:
        self.detector = detector
        self.limits = limits or ServerLimits()
        self.budget = _Budget(self.limits)
        self.slots = threading.BoundedSemaphore(self.limits.at_once)
        self.host = host
        self._serves_elsewhere = False
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {error}",
                "Choose another --port from 1 to 65535, or stop the program that uses it.",
            ) from error
        enrol(self)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Answers requests until another thread calls `shutdown`."""
        self._serves_elsewhere = False
        super().serve_forever(poll_interval)

    def shutdown(self) -> None:
        """Ends `serve_forever`. In a process that was forked from the one that serves: nothing."""
        if not self._serves_elsewhere:
            super().shutdown()

    def after_fork(self) -> None:
        """Forgets the requests that threads of the other process answer."""
        self._serves_elsewhere = True
        self.budget.after_fork()
        self.slots = threading.BoundedSemaphore(self.limits.at_once)


class _Handler(BaseHTTPRequestHandler):
    server: DetectionServer
    timeout = SOCKET_TIMEOUT
    protocol_version = "HTTP/1.1"
    server_version = "detector-runtime"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer({"/health": self._health, "/info": self._info})

    def do_POST(self) -> None:
        self._answer({"/detect": self._detect})

    def log_message(self, format: str, *arguments: object) -> None:
        logger.debug("%s %s", self.address_string(), format % arguments)

    def _answer(self, routes: dict[str, Any]) -> None:
        try:
            self._check_sender()
            path = urlsplit(self.path).path
            if path not in routes:
                raise _RefusedError(
                    f"{self.command} {path[:80]} is nothing that this server knows",
                    "Use GET /health, GET /info or POST /detect.",
                    HTTPStatus.NOT_FOUND,
                )
            self._send(HTTPStatus.OK, routes[path]())
        except _RefusedError as error:
            self._refuse(error.status, error)
        except (ImageError, ConfigurationError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, error)
        except DetectorError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, error)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _check_sender(self) -> None:
        # A web page can make a browser send requests to this machine, but not hide whose they are.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        origin = self.headers.get("Origin")
        allowed = _is_local(host) or host == self.server.host or not _is_local(self.server.host)
        if not allowed or (origin is not None and not _is_local(urlsplit(origin).hostname or "")):
            raise _RefusedError(
                "the request comes from another site",
                "Call this server as http://127.0.0.1, from a program and not from a web page.",
                HTTPStatus.FORBIDDEN,
            )

    def _health(self) -> dict[str, Any]:
        source = self.server.detector.source
        return {"status": "ok", "model": str(source), "mock": source.is_mock}

    def _info(self) -> dict[str, Any]:
        detector = self.server.detector
        return {
            "model": str(detector.source),
            "classes": list(detector.class_names),
            "input_size": list(detector.model.facts.input_size),
            "thresholds": {
                "default": detector.thresholds.default,
                "per_class": dict(detector.thresholds.per_class),
            },
            "modes": sorted(MODES),
        }

    def _detect(self) -> dict[str, Any]:
        if not self.server.slots.acquire(blocking=False):
            raise _RefusedError(
                "too many requests wait already",
                "Wait for an answer before sending the next image.",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
        try:
            content, mode = self._image(self._body())
            if not self.server.budget.take():
                raise _RefusedError(
                    f"more than {self.server.limits.per_second:g} images a second",
                    "Send fewer, or start the server with a higher --rate.",
                    HTTPStatus.TOO_MANY_REQUESTS,
                )
            frame = decode_image(content)
            found: Detections = look(self.server.detector, frame.pixels, mode)
            return found.to_dict()
        finally:
            self.server.slots.release()

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise _RefusedError(
                "Content-Length is missing", "Send it with the body.", HTTPStatus.LENGTH_REQUIRED
            )
        most = self.server.limits.body_bytes
        if int(length) > most:
            raise _RefusedError(
                f"the body has {int(length)} bytes, at most {most} are taken",
                "Send a JPEG or a smaller image, or start the server with a higher --max-mb.",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise _RefusedError("the body was cut off", "Send it again.", HTTPStatus.BAD_REQUEST)
        return body

    def _image(self, body: bytes) -> tuple[bytes, str]:
        """The bytes of the image and the mode, from whichever kind of body."""
        query = parse_qs(urlsplit(self.path).query)
        mode = query.get("mode", ["fast"])[0]
        kind = self.headers.get_content_type()
        if kind == "application/json":
            return _from_json(body, mode)
        if kind == "multipart/form-data":
            return _from_form(self.headers["Content-Type"], body), mode
        if kind.startswith("image/") or kind == "application/octet-stream":
            return body, mode
        raise _RefusedError(
            f"a body of type {kind} is not an image",
            "Send image/png, image/jpeg, application/octet-stream, a form upload or JSON.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )

    def _refuse(self, status: HTTPStatus, error: DetectorError) -> None:
        # What is left of the body was not read: the connection cannot go on.
        self.close_connection = True
        self._send(status, {"error": {"problem": error.problem, "fix": error.fix}})

    def _send(self, status: HTTPStatus, values: dict[str, Any]) -> None:
        content = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", "1")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def _from_json(body: bytes, mode: str) -> tuple[bytes, str]:
    fix = 'Send {"image": "<base64 of the file>", "mode": "fast"}.'
    try:
        values = json.loads(body)
        content = base64.b64decode(values["image"], validate=True)
    except (ValueError, binascii.Error, KeyError, TypeError, RecursionError) as error:
        raise _RefusedError(
            f"the JSON holds no image: {type(error).__name__}", fix, HTTPStatus.BAD_REQUEST
        ) from error
    return content, str(values.get("mode", mode))


def _from_form(content_type: str, body: bytes) -> bytes:
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    for part in message.iter_parts() if message.is_multipart() else ():
        content = part.get_payload(decode=True)
        if part.get_filename() is not None and isinstance(content, bytes):
            return content
    raise _RefusedError(
        "the form holds no file", "Send it as: curl -F image=@shot.png URL", HTTPStatus.BAD_REQUEST
    )


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
