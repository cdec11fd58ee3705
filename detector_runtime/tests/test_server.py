from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector_runtime import open_detector
from detector_runtime.tools.server import DetectionServer, ServerLimits


def png(size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[DetectionServer]:
    yield from running(ServerLimits(body_bytes=50_000, per_second=0.001, burst=6))


def running(limits: ServerLimits) -> Iterator[DetectionServer]:
    with DetectionServer(open_detector(use_mock=True), "127.0.0.1", 0, limits) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: DetectionServer,
    method: str,
    path: str,
    body: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    values = json.loads(answer.read())
    connection.close()
    return answer.status, values


def test_an_image_can_be_sent_in_three_ways(server: DetectionServer) -> None:
    form = (
        b"--edge\r\nContent-Disposition: form-data; name=note\r\n\r\nhello\r\n"
        b'--edge\r\nContent-Disposition: form-data; name=image; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + png() + b"\r\n--edge--\r\n"
    )
    text = json.dumps({"image": base64.b64encode(png()).decode(), "mode": "full"}).encode()
    answers = [
        ask(server, "POST", "/detect?mode=fast", png(), Content_Type="image/png"),
        ask(server, "POST", "/detect", form, Content_Type="multipart/form-data; boundary=edge"),
        ask(server, "POST", "/detect", text, Content_Type="application/json"),
    ]
    for status, values in answers:
        assert status == 200
        assert len(values["entities"]) == 8
        assert values["image_size"] == [64, 48]
        assert values["source"]["mock"] is True


def test_health_and_info(server: DetectionServer) -> None:
    assert ask(server, "GET", "/health") == (
        200,
        {"status": "ok", "model": "mock opening scene", "mock": True},
    )
    status, about = ask(server, "GET", "/info")
    assert status == 200
    assert about["classes"] == ["town_center", "sheep", "villager", "scout_line"]
    assert about["modes"] == ["adaptive", "fast", "full", "multi"]


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "headers"),
    [
        (404, "GET", "/", None, {}),
        (404, "POST", "/health", b"", {}),
        (400, "POST", "/detect", b"no image", {"Content_Type": "image/png"}),
        (400, "POST", "/detect", b"", {"Content_Type": "image/png"}),
        (400, "POST", "/detect?mode=magic", png(), {"Content_Type": "image/png"}),
        (400, "POST", "/detect", b"{", {"Content_Type": "application/json"}),
        (400, "POST", "/detect", b'{"image": "%"}', {"Content_Type": "application/json"}),
        (400, "POST", "/detect", b"[1]", {"Content_Type": "application/json"}),
        (400, "POST", "/detect", b"--e--", {"Content_Type": "multipart/form-data; boundary=e"}),
        (400, "POST", "/detect", b"x", {"Content_Type": "multipart/form-data"}),
        (413, "POST", "/detect", b"x" * 60_000, {"Content_Type": "image/png"}),
        (415, "POST", "/detect", png(), {"Content_Type": "text/html"}),
        (403, "GET", "/health", None, {"Host": "evil.example"}),
        (403, "GET", "/health", None, {"Origin": "https://evil.example"}),
    ],
)
def test_wrong_requests_get_a_clear_answer(
    server: DetectionServer,
    status: int,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> None:
    got, values = ask(server, method, path, body, **headers)
    assert got == status
    assert values["error"]["problem"]
    assert values["error"]["fix"]
    assert ask(server, "GET", "/health")[0] == 200


def test_a_body_needs_a_length(server: DetectionServer) -> None:
    for length in ("", "Content-Length: -5\r\n", "Content-Length: 1e3\r\n"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as raw:
            raw.sendall(
                f"POST /detect HTTP/1.1\r\nHost: localhost\r\n{length}"
                "Content-Type: image/png\r\n\r\n".encode()
            )
            assert b"411" in raw.recv(1000).split(b"\r\n")[0]


def test_too_many_images_are_refused_for_a_while(server: DetectionServer) -> None:
    statuses = [
        ask(server, "POST", "/detect", png(), Content_Type="image/png")[0] for _ in range(8)
    ]
    assert statuses == [200] * 6 + [429] * 2


def test_an_image_of_enormous_size_is_refused_unread() -> None:
    buffer = io.BytesIO()
    Image.new("1", (9_300, 9_300)).save(buffer, "PNG")
    for server in running(ServerLimits()):
        status, values = ask(server, "POST", "/detect", buffer.getvalue(), Content_Type="image/png")
        assert status == 400
        assert "9300x9300 pixels" in values["error"]["problem"]


def test_no_more_wait_than_there_are_slots() -> None:
    for server in running(ServerLimits(at_once=1)):
        server.slots.acquire()
        assert ask(server, "POST", "/detect", png(), Content_Type="image/png")[0] == 503
        server.slots.release()
        assert ask(server, "POST", "/detect", png(), Content_Type="image/png")[0] == 200
