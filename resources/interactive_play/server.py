"""The page of the game, over HTTP on this computer alone.

    GET  /TOKEN/             the page
    GET  /TOKEN/page.js      its program
    GET  /TOKEN/screen?after=N   a JPEG newer than number N, its status in the header X-Play
    POST /TOKEN/inputs       what mouse and keys have done, a JSON array

Who does not know the token is told that there is nothing. Requests that name another host, as a
page of a foreign site could send them, are refused.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.play.interactive.inputs import InputError, inputs_of
from resources.interactive_play.screen import PlayScreen, ShownImage

HOST = "127.0.0.1"
MOST_BYTES = 16 << 10
"""Of a message with inputs."""
WAIT_SECONDS = 1.0
"""After which the page is answered although nothing has changed."""
SOCKET_SECONDS = 15.0
HERE = Path(__file__).parent
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PlayServerError(OutpostError):
    """A page that cannot be served."""


class PlayServer(ThreadingHTTPServer):
    """Serves the page of one game after another; see `address`."""

    daemon_threads = True

    def __init__(self, screen: PlayScreen, port: int = 0) -> None:
        """
        Args:
            port: a free one by default.

        Raises:
            PlayServerError: another program has the port.
        """
        self.screen = screen
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise PlayServerError(
                f"The page cannot be served on port {port}: {error}",
                "Name another --port, or leave it out to take a free one.",
            ) from error

    @property
    def address(self) -> str:
        """Where the page is; who knows it can play."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: browsers break off requests all the time."""


class _Handler(BaseHTTPRequestHandler):
    server: PlayServer
    timeout = SOCKET_SECONDS
    protocol_version = "HTTP/1.1"
    server_version = "outpost"
    sys_version = ""

    def do_GET(self) -> None:
        name = self._asked_for()
        if name == "":
            self._send("text/html; charset=utf-8", (HERE / "page.html").read_bytes())
        elif name == "page.js":
            self._send("text/javascript; charset=utf-8", (HERE / "page.js").read_bytes())
        elif name == "screen":
            self._send_screen()
        elif name is not None:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        name = self._asked_for()
        if name is None:
            return
        length = _number(self.headers.get("Content-Length", ""))
        if name != "inputs" or length is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif length > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._take(self.rfile.read(length))

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the address holds the token."""

    def _asked_for(self) -> str | None:
        """What is asked for, below the token; None if that was refused."""
        hosts = [f"{name}:{self.server.server_port}" for name in (HOST, "localhost")]
        origin = self.headers.get("Origin")
        origins = [None, *(f"http://{host}" for host in hosts)]
        if self.headers.get("Host") not in hosts or origin not in origins:
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        beginning, slash, name = self.path.partition("?")[0].rpartition("/")
        known = hmac.compare_digest(beginning.encode(), f"/{self.server.token}".encode())
        if not known or not slash:
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        return name

    def _take(self, body: bytes) -> None:
        try:
            self.server.screen.put(inputs_of(body))
        except InputError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._send("application/json", b"{}")

    def _send_screen(self) -> None:
        after = _number(self.path.partition("?after=")[2])
        shown: ShownImage = self.server.screen.wait(-1 if after is None else after, WAIT_SECONDS)
        status = {**asdict(shown.status), "number": shown.number}
        self._send("image/jpeg", shown.jpeg, {"X-Play": json.dumps(status)})

    def _refuse(self, status: HTTPStatus) -> None:
        # What is left of the body was not read: the connection cannot go on.
        self.close_connection = True
        self._send("text/plain; charset=utf-8", b"", {"Connection": "close"}, status)

    def _send(
        self,
        kind: str,
        content: bytes,
        more: dict[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in {**headers, **HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _number(text: str) -> int | None:
    """A whole number of at most nine digits, or None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
