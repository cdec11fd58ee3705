"""What the doubles of the clouds have in common: a real HTTP server that misbehaves as scripted.

A fault is scripted for one operation of the API, by the name that the double gives it:

    double.script("create", status(500, after=True))     # the next one: done, but answered by 500
    double.script("delete", drop(), fine(), drop())      # the first and the third of the next three
    double.always("list", status(503))                   # all, until double.never("list")

With `after` the operation takes effect first and only the reply is lost or spoilt.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.parse
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from doubles.shapes import Shapes

UPLOADS = ("multipart/", "application/offset+octet-stream")
"""Kinds of content that are handed on as they came."""


@dataclass(frozen=True)
class Reply:
    """What goes back.

    Attributes:
        body: JSON value, or text or bytes as they are; None for an empty body.
        stream: writes the body bit by bit instead, until it returns or the client leaves.
    """

    status: int
    body: object = None
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Callable[[Callable[[bytes], None]], None] | None = None


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    Attributes:
        reply: sent instead of the true one; None closes the connection without a reply.
        after: the operation takes effect first.
        seconds: waits before it does so.
        behaves: no misbehaviour at all.
    """

    reply: Reply | None = None
    after: bool = False
    seconds: float = 0.0
    behaves: bool = False


def status(code: int, detail: str = "scripted", after: bool = False, **headers: str | int) -> Fault:
    """Answer with an error; `Retry_After=1` and the like become headers."""
    body = {"title": "Scripted", "status": code, "detail": detail}
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return Fault(Reply(code, body, "application/problem+json", named), after)


def text(code: int, body: str, media: str = "text/plain", after: bool = False) -> Fault:
    """Answer with something that is no JSON."""
    return Fault(Reply(code, body, media), after)


def cloudflare() -> Fault:
    """Be turned away by what stands before the API."""
    return text(403, "error code: 1010")


def drop(after: bool = False) -> Fault:
    """Close the connection without a reply."""
    return Fault(None, after)


def hang(seconds: float, after: bool = False) -> Fault:
    """Say nothing for so long, then close the connection."""
    return Fault(None, after, seconds)


def fine() -> Fault:
    """Behave, so that the next fault hits a later request."""
    return Fault(behaves=True)


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Route:
    """An operation of the API.

    Attributes:
        operation: its name for scripts.
        path: as the OpenAPI document writes it.
        published: whether requests and replies are checked against the document.
    """

    operation: str
    method: str
    path: str
    handler: Callable[[Request, Mapping[str, str]], Reply]
    published: bool = True

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Values of the path's parameters; None when this is another operation's request."""
        wanted, given = self.path.split("/"), path.split("/")
        if method != self.method or len(wanted) != len(given):
            return None
        pairs = list(zip(wanted, given, strict=True))
        if any(not want.startswith("{") and want != got for want, got in pairs):
            return None
        return {want.strip("{}"): got for want, got in pairs if want.startswith("{")}


class Double:
    """A server on a free port of the loopback; subclasses say what it serves.

    Attributes:
        requests: operations in the order in which they came, faulty ones among them.
        violations: requests and replies that do not have the published shape. A test that does
            not mean to cause any asserts that there are none.
    """

    mount = ""
    """Before all paths of the OpenAPI document."""
    suffix = ""
    """What the client's base URL ends with after that: the start of all those paths."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.lock = threading.RLock()
        self.requests: list[str] = []
        self.violations: list[str] = []
        self.closing = threading.Event()
        self.clock_ahead = 0.0
        """Seconds that are added to the time of day that every reply tells."""
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._meanwhile: dict[str, Callable[[], object]] = {}
        self._serve(0)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return self.origin + self.mount + self.suffix

    def script(self, operation: str, *faults: Fault) -> None:
        """What happens to the next requests of an operation, one after the other."""
        self._known(operation)
        self._scripts[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """What happens to every request of an operation that no script is left for."""
        self._known(operation)
        self._always[operation] = fault

    def never(self, operation: str) -> None:
        """Behave again."""
        self._always.pop(operation, None)
        self._scripts.pop(operation, None)

    def meanwhile(self, operation: str, act: Callable[[], object]) -> None:
        """What is done once, while the next request of an operation waits for its reply."""
        self._known(operation)
        self._meanwhile[operation] = act

    def count(self, operation: str) -> int:
        """How many requests of an operation came in."""
        return self.requests.count(operation)

    def restart(self) -> None:
        """End the server and start it at the same port; what it knows stays."""
        port = self._server.server_address[1]
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._serve(port)

    def close(self) -> None:
        """End the server; open streams end with it."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def routes(self) -> list[Route]:
        """What is served."""
        raise NotImplementedError

    def admit(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        """Check the key; a reply turns the request away."""
        raise NotImplementedError

    def refuse(self, code: int, title: str, problems: list[str]) -> Reply:
        """An error as this API writes it."""
        raise NotImplementedError

    def headers(self) -> Mapping[str, str]:
        """Of every reply."""
        return {}

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request, as scripted; None closes the connection."""
        for route in self.routes():
            values = route.match(request.method, request.path.removeprefix(self.mount))
            if values is not None:
                return self._answer(request, route, values)
        self.violations.append(f"{request.method} {request.path}: no such operation")
        return self.refuse(404, "Not Found", ["no such operation"])

    def _answer(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply | None:
        with self.lock:
            self.requests.append(route.operation)
            queue = self._scripts[route.operation]
            fault = queue.popleft() if queue else self._always.get(route.operation, fine())
            act = self._meanwhile.pop(route.operation, None)
        if act is not None:
            act()
        if fault.behaves:
            return self._served(request, route, values)
        if fault.after:
            self._served(request, route, values)
        self.closing.wait(fault.seconds)
        return fault.reply

    def _served(self, request: Request, route: Route, values: Mapping[str, str]) -> Reply:
        if (away := self.admit(request, route, values)) is not None:
            return away
        if not route.published:
            return route.handler(request, values)
        wrong = self.shapes.query(route.method, route.path, request.query)
        wrong += self.shapes.request(route.method, route.path, request.body)
        if (request.body is None) == ("content-type" in request.headers):
            wrong.append("the content's type and the content go together")
        if wrong:
            self.violations += [f"request {route.operation}: {problem}" for problem in wrong]
            return self.refuse(422, "Unprocessable Entity", wrong)
        reply = route.handler(request, values)
        if reply.stream is None:
            problems = self.shapes.reply(route.method, route.path, reply.status, reply.body)
            self.violations += [f"reply {route.operation}: {problem}" for problem in problems]
        return reply

    def _serve(self, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.daemon = True
        self._thread.start()

    def _known(self, operation: str) -> None:
        names = {route.operation for route in self.routes()}
        if operation not in names:
            raise ValueError(f"no operation {operation!r}; there are {sorted(names)}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that are held open by a test do not hold up its end.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is part of the tests."""


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are written apart; the second would wait 40 ms for the first to be told.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            reply = double.answer(self._request())
            if reply is None:
                self.close_connection = True
                return
            self._send(reply)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + double.clock_ahead)

        def __getattr__(self, name: str) -> Any:
            # do_GET, do_POST and so on.
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

        def _request(self) -> Request:
            size = int(self.headers.get("Content-Length", "0"))
            raw = self.rfile.read(size)
            url = urllib.parse.urlsplit(self.path)
            plain = self.headers.get("Content-Type", "").startswith(UPLOADS)
            body = raw if plain else json.loads(raw) if raw else None
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Request(self.command, url.path, query, headers, body)

        def _send(self, reply: Reply) -> None:
            content = _encoded(reply.body)
            self.send_response(reply.status)
            for name, value in {**double.headers(), **reply.headers}.items():
                self.send_header(name, value)
            if reply.stream is None:
                if content:
                    self.send_header("Content-Type", reply.media)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            self.send_header("Content-Type", reply.media)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            with contextlib.suppress(OSError):
                reply.stream(self._chunk)

        def _chunk(self, content: bytes) -> None:
            self.wfile.write(content)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are told by `Double.requests`."""

    return Handler


def _encoded(body: object) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
