"""A web server with published models, asked with nothing but the standard library."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any

from detector_runtime._version import __version__
from detector_runtime.errors import SourceError, SourceUnreachableError
from detector_runtime.updates.sources.base import (
    CHUNK,
    Fetched,
    Stream,
    absent,
    endless,
    printable,
    told,
)

USER_AGENT = f"detector-runtime/{__version__}"
"""Some hosts refuse Python's own name with 403."""
MOST_REDIRECTS = 5


@dataclass(frozen=True)
class SourceLimits:
    """For how long a source may take.

    Attributes:
        silence: seconds without a byte.
        document: seconds for a document, from the request to its last byte.
        least_speed: bytes a second that a file must have on average.
    """

    silence: float = 20.0
    document: float = 30.0
    least_speed: float = 16_384.0

    def for_file(self, size: int) -> float:
        """Seconds for a file of so many bytes."""
        return self.document + size / self.least_speed


class HttpSource:
    """A web server with the files of one model below an address."""

    def __init__(self, address: str, limits: SourceLimits) -> None:
        self._address = address.rstrip("/") + "/"
        self._limits = limits

    def where(self, path: str) -> str:
        """The address of something."""
        return self._address + urllib.parse.quote(path)

    def read(self, path: str, most: int, etag: str | None = None) -> Fetched | None:
        """A document, by one request."""
        headers = {} if etag is None else {"If-None-Match": etag}
        with self._answer(path, headers, self._limits.document) as answer:
            if answer is None:
                return None
            content = b"".join(_limited(answer.chunks(), most, self.where(path)))
            declared = answer.header("Content-Length")
            # Of a number of thousands of digits Python reads none, and the body is what it is.
            if re.fullmatch("[0-9]{1,18}", declared) and len(content) < int(declared):
                raise _cut(self.where(path))
            return Fetched(content, answer.header("ETag") or None)

    @contextlib.contextmanager
    def stream(self, path: str, start: int, size: int) -> Iterator[Stream]:
        """A file from `start` on, where the server can do that."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._answer(path, headers, self._limits.for_file(size - start)) as answer:
            if answer is not None:
                yield Stream(answer.start, answer.chunks())

    @contextlib.contextmanager
    def _answer(
        self, path: str, headers: dict[str, str], seconds: float
    ) -> Iterator[_Answer | None]:
        """What the server answers; None where it says that nothing has changed."""
        where = self.where(path)
        request = urllib.request.Request(
            where,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
        )
        with _Deadline(seconds) as deadline, contextlib.ExitStack() as closing:
            answer = None
            with _told_in_time(where, deadline):
                try:
                    opened = self._opener(deadline).open(request, timeout=self._limits.silence)
                    answer = _Answer(closing.enter_context(opened), where, deadline)
                except urllib.error.HTTPError as error:
                    error.close()
                    asked = "If-None-Match" in headers
                    if not (asked and error.code == HTTPStatus.NOT_MODIFIED):
                        raise _refused(where, error) from None
            if answer is not None:
                answer.check_encoding()
            yield answer

    def _opener(self, deadline: _Deadline) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _PlainHandler(deadline),
            _SecureHandler(deadline, self._tls),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


@dataclass(frozen=True)
class _Answer:
    """An answer of which the head was read."""

    response: http.client.HTTPResponse
    where: str
    deadline: _Deadline

    @property
    def start(self) -> int:
        """Where the bytes begin in the file; -1 where a part does not say so."""
        if self.response.status != HTTPStatus.PARTIAL_CONTENT:
            return 0
        found = re.match(r"bytes (\d{1,18})-", self.header("Content-Range"))
        return int(found[1]) if found else -1

    def header(self, name: str) -> str:
        """A line of the head; empty where it is not there."""
        return self.response.headers.get(name, "")

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes."""
        while True:
            with _told_in_time(self.where, self.deadline):
                # `read` would wait for a whole chunk of a server that sends a byte now and then.
                chunk = self.response.read1(CHUNK)
                if not chunk and self.deadline.is_over:
                    raise TimeoutError
            if not chunk:
                return
            yield chunk

    def check_encoding(self) -> None:
        """Refuses a body that would have to be unpacked: nobody asked, and it could be a bomb."""
        encoding = self.header("Content-Encoding") or "identity"
        if encoding != "identity":
            raise SourceError(
                f"{self.where} comes encoded as {encoding[:40]}, which nobody asked for",
                "Have the web server send these files as they are.",
            )


class _Deadline:
    """Ends the connections of one request when it takes too long, whatever they wait for.

    A timeout of a socket counts from each byte: a server that sends one now and then could keep us
    for years.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._twins: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        with self._lock:
            while self._twins:
                self._twins.pop().close()

    def connect(self, *address: Any, **options: Any) -> socket.socket:
        """`socket.create_connection`, watched."""
        made = socket.create_connection(*address, **options)
        with self._lock:
            # TLS takes the socket itself over; a twin ends the connection of both.
            self._twins.append(made.dup())
        return made

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            for twin in self._twins:
                with contextlib.suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)


def _watched(
    kind: type[http.client.HTTPConnection], deadline: _Deadline, host: str, **options: Any
) -> http.client.HTTPConnection:
    connection = kind(host, **options)
    # As http.client itself does it, from Python 3.10 to 3.14.
    vars(connection)["_create_connection"] = deadline.connect
    return connection


class _PlainHandler(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        made: Any = partial(_watched, http.client.HTTPConnection, self._deadline)
        return self.do_open(made, request)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline, tls: ssl.SSLContext) -> None:
        super().__init__(context=tls)
        self._deadline = deadline
        self._tls = tls

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        made: Any = partial(_watched, http.client.HTTPSConnection, self._deadline)
        return self.do_open(made, request, context=self._tls)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MOST_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and not newurl.lower().startswith("https://"):
            raise SourceError(
                f"{req.full_url} sends us on to an address that is not https",
                "Give the address that the publisher names; something between changes answers.",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _limited(chunks: Iterator[bytes], most: int, where: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise endless(where, most)
        yield chunk


@contextlib.contextmanager
def _told_in_time(where: str, deadline: _Deadline) -> Iterator[None]:
    """As `told`; says so where it was our deadline that ended a connection."""
    try:
        with told(where):
            yield
    except SourceUnreachableError as error:
        if not deadline.is_over:
            raise
        raise SourceUnreachableError(
            f"{where} took more than {deadline.seconds:.0f} seconds to answer",
            "The connection is very slow, or somebody slows it down; it is tried again.",
        ) from error


def _refused(where: str, error: urllib.error.HTTPError) -> SourceError:
    if error.code == HTTPStatus.NOT_FOUND:
        return absent(where)
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return SourceUnreachableError(f"{where} has no bytes to go on with", "It is tried again.")
    return SourceError(
        f"{where} answers {error.code} {printable(str(error.reason))}",
        "Try again later; if it stays so, check the address, and tell the publisher.",
    )


def _cut(where: str) -> SourceUnreachableError:
    return SourceUnreachableError(f"{where} was cut off", "It is tried again.")
