"""A web server for a folder, with ETags and ranges, that can be told to misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Fault = Callable[["Handler", bytes], None]
"""Answers a request for this content in its own way."""


class FileServer(ThreadingHTTPServer):
    """Serves `folder`.

    Attributes:
        requests: method, path and range of all requests so far.
        faults: by the end of a path, what answers in the place of the server. `once` removes one
            when it was used.
    """

    daemon_threads = True

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        self.folder = folder
        self.requests: list[tuple[str, str, str | None]] = []
        self.faults: dict[str, Fault] = {}
        self.once: set[str] = set()

    @property
    def address(self) -> str:
        """Where the folder is."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away: that is what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(("GET", path, self.headers.get("Range")))
        file = self.server.folder / path.lstrip("/")
        content = file.read_bytes() if file.is_file() else b""
        for end, fault in list(self.server.faults.items()):
            if path.endswith(end):
                if end in self.server.once:
                    del self.server.faults[end]
                self.close_connection = True
                fault(self, content)
                return
        if not file.is_file():
            self.send_error(404)
            return
        self.answer(content)

    def answer(self, content: bytes) -> None:
        """As a web server should."""
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@contextlib.contextmanager
def serving(folder: Path, certificate: Path | None = None) -> Iterator[FileServer]:
    """A server of a folder on a free port; with TLS where there is a certificate with its key."""
    with FileServer(folder, certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def write_certificate(file: Path) -> None:
    """A certificate of 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*form) + certificate.public_bytes(Encoding.PEM))


def status(code: int) -> Fault:
    """Nothing but a status."""

    def fault(handler: Handler, _content: bytes) -> None:
        handler.send_error(code)

    return fault


def cut_at(size: int) -> Fault:
    """Promise all, and hang up after `size` bytes of what was asked for."""

    def fault(handler: Handler, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        start = int(asked[1]) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : start + size])

    return fault


def without_ranges(handler: Handler, content: bytes) -> None:
    """The whole, whatever was asked for."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def wrong_range(handler: Handler, content: bytes) -> None:
    """Another part than was asked for; the whole where no part was."""
    if not handler.headers.get("Range"):
        without_ranges(handler, content)
        return
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 1-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - 1))
    handler.end_headers()
    handler.wfile.write(content[1:])


def endless(handler: Handler, content: bytes) -> None:
    """The content, and then more until nobody listens."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(content)
        while True:
            handler.wfile.write(b"\0" * 65_536)


def dripping(handler: Handler, content: bytes) -> None:
    """A byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    with contextlib.suppress(OSError):
        for byte in content:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)


def dripping_head(handler: Handler, _content: bytes) -> None:
    """A head without end, a line now and then."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(90):
            handler.wfile.write(b"X-%d: 1\r\n" % number)
            time.sleep(0.1)


def silent(handler: Handler, _content: bytes) -> None:
    """Not a word."""
    time.sleep(5)


def portal(handler: Handler, _content: bytes) -> None:
    """The page of a network that wants a password, as the answer to everything."""
    without_ranges(handler, b"<html>Please log in</html>")


def moved_to(address: str) -> Fault:
    """Elsewhere."""

    def fault(handler: Handler, _content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault
