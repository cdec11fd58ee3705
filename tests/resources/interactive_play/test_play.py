"""A person's page: who has its address plays, nobody else does, and what is played is kept."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.replay import end_of, replay
from pipeline.play.recordings.simulated_play import PlannedGame, planned_games
from pipeline.play.simulator.games import GameError
from pipeline.play.simulator.view import MAP_HEIGHT, MAP_SIDE
from resources.interactive_play import play, server
from resources.interactive_play.play import PlayTable
from resources.interactive_play.screen import MOST_WAITING, PlayScreen, PlayStatus
from resources.interactive_play.server import MOST_BYTES, PlayServer, PlayServerError

STATUS = PlayStatus("waiting", 1, 1, "scripted_l1")


class Page:
    """What a browser asks a server for."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.port is not None
        self.port, self.folder = parts.port, parts.path
        self._connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, names)
        answer = self._connection.getresponse()
        self.content = answer.read()
        return answer

    def status(self, after: int = -1) -> dict[str, Any]:
        answer = self.ask("GET", f"{self.folder}screen?after={after}")
        status: dict[str, Any] = json.loads(answer.headers["X-Play"])
        return status

    def send(self, *inputs: dict[str, Any]) -> int:
        body = json.dumps(inputs).encode()
        return self.ask("POST", f"{self.folder}inputs", body).status


@pytest.fixture
def served() -> Iterator[PlayServer]:
    running = PlayServer(PlayScreen(STATUS))
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def test_the_page_is_served_to_who_has_its_address(served: PlayServer) -> None:
    page = Page(served.address)
    answer = page.ask("GET", page.folder)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f'width="{MAP_SIDE}" height="{MAP_HEIGHT}"' in page.content.decode()
    policy = dict(
        one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy.pop("style-src") == "'unsafe-inline'"
    assert policy.pop("script-src") == policy.pop("connect-src") == "'self'"
    assert {"default-src", "frame-ancestors", "base-uri", "form-action"} == policy.keys()
    assert set(policy.values()) == {"'none'"}
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.ask("GET", f"{page.folder}page.js").status == 200
    assert page.status()["phase"] == "waiting"
    assert len(urlsplit(served.address).path) > 30
    assert served.server_address[0] == "127.0.0.1"


def test_nobody_else_gets_anything(served: PlayServer) -> None:
    page = Page(served.address)
    start = b'[{"kind": "start"}]'
    for path in (
        "/",
        "x",
        "*",
        "//[",
        "/screen",
        "//screen",
        f"{page.folder}other",
        f"{page.folder}a/screen",
    ):
        assert page.ask("GET", path).status == 404
        assert page.content == b""
        assert page.ask("POST", path, start).status == 404
    wrong = page.folder[:-2] + ("A" if page.folder[-2] != "A" else "B") + "/"
    assert page.ask("POST", f"{wrong}inputs", start).status == 404
    for name, value in (
        ("Host", "evil.example"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://["),
    ):
        assert page.ask("GET", page.folder, **{name: value}).status == 403
        assert page.ask("POST", f"{page.folder}inputs", start, **{name: value}).status == 403
    assert served.screen.take() == []
    own = f"http://127.0.0.1:{page.port}"
    assert page.ask("POST", f"{page.folder}inputs", start, Origin=own).status == 200
    assert [given.kind for given in served.screen.take()] == ["start"]


def test_messages_that_mean_nothing_are_refused(served: PlayServer) -> None:
    page = Page(served.address)
    for body, status in ((b"{", 400), (b"[" * 9000, 400), (b" " * (MOST_BYTES + 1), 413)):
        assert page.ask("POST", f"{page.folder}inputs", body).status == status
    assert page.ask("GET", f"{page.folder}inputs").status == 404
    for length in ("-1", "x", "9" * 5000):
        answer = page.ask("POST", f"{page.folder}inputs", b"", Content_Length=length)
        assert answer.status == 404
    for after in ("", "x", "-1", "9" * 50, "%D9%A1"):
        assert page.ask("GET", f"{page.folder}screen?after={after}").status == 200
    assert page.status()["phase"] == "waiting"


def test_an_answer_comes_when_something_is_new(served: PlayServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(server, "WAIT_SECONDS", 30.0)
    page = Page(served.address)
    number = page.status()["number"]
    threading.Timer(0.1, lambda: served.screen.show(b"image", phase="playing", score=7)).start()
    status = page.status(after=number)
    assert (status["phase"], status["score"], page.content) == ("playing", 7, b"image")
    assert status["number"] > number


def test_a_tick_does_one_thing() -> None:
    from pipeline.play.interactive.inputs import PersonInput

    screen = PlayScreen(STATUS)
    moves = [PersonInput(kind="move", x=x) for x in range(3)]
    press = PersonInput(kind="press", button="left", x=9)
    screen.put([*moves, press, moves[0], press])
    assert screen.take() == [moves[2], press]
    assert screen.take() == [moves[0], press]
    assert screen.take() == []
    screen.put([press] * (MOST_WAITING + 50))
    assert sum(bool(screen.take()) for _ in range(MOST_WAITING + 50)) == MOST_WAITING


def test_a_port_that_is_taken_is_told(served: PlayServer) -> None:
    for port in (served.server_port, 70_000):
        with pytest.raises(PlayServerError, match="cannot be served on port"):
            PlayServer(served.screen, port)


def test_of_many_games_each_is_made_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GameError, match="seed"):
        PlayTable(tmp_path, planned_games("person", "random", [(1 << 63) - 1, 1 << 63]))
    made: list[PlannedGame] = []
    monkeypatch.setattr(play, "InteractiveGame", made.append)
    monkeypatch.setattr(play, "PlayServer", lambda *_: None)
    PlayTable(tmp_path, planned_games("person", "random", range(1000)))
    assert len(made) == 2


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as it goes, to the end of a game."""
    monkeypatch.setattr(play, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(play, "LINGER_SECONDS", 0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_games_are_played_to_their_end_and_kept(tmp_path: Path) -> None:
    table = PlayTable(tmp_path, planned_games("person", "random", [5, 6]))
    page, seen = Page(table.address), list[dict[str, Any]]()

    def person() -> None:
        status = page.status()
        while status["phase"] != "over":
            if status["phase"] == "waiting":
                page.send({"kind": "start"}, {"kind": "key", "key": "s"})
                page.send({"kind": "press", "button": "right", "x": 500, "y": 300})
            elif status["phase"] == "playing" and not any(s["phase"] == "playing" for s in seen):
                (tmp_path / "frame.jpg").write_bytes(page.content)
            seen.append(status)
            status = page.status(status["number"])
        seen.append(status)

    playing = threading.Thread(target=person)
    playing.start()
    files = list(table.play())
    playing.join()
    assert [file.name for file in files] == ["person-random-5.mcap", "person-random-6.mcap"]
    for number, file in enumerate(files):
        session = open_session(file)
        assert replay(session).is_equal
        assert end_of(session) in (-1, 0, 1)
        assert session.info.player == number
        assert session.info.screen == (MAP_SIDE, MAP_HEIGHT)
    assert {status["game"] for status in seen} == {1, 2}
    assert seen[-1]["outcome"].startswith("You have ")
    with Image.open(tmp_path / "frame.jpg") as image:
        assert image.size == (MAP_SIDE, MAP_HEIGHT)
        assert np.asarray(image).std() > 5
    with pytest.raises(RecordingError, match="already"):
        PlayTable(tmp_path, planned_games("person", "random", [6]))


def test_a_game_that_nobody_looks_at_waits_and_is_kept_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.interactive_play.screen.AWAY_SECONDS", 0.3)
    table = PlayTable(tmp_path, planned_games("person", "random", [5]))
    page = Page(table.address)

    def person() -> None:
        page.send({"kind": "start"})
        status = page.status()
        while status["seconds"] < 0.5:
            status = page.status(status["number"])
        time.sleep(1.0)

    playing = threading.Thread(target=person)
    playing.start()

    def interrupted(seconds: float) -> None:
        if not playing.is_alive():
            raise KeyboardInterrupt
        time.sleep(seconds)

    monkeypatch.setattr(play, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(table.play())
    (file,) = tmp_path.glob("*.mcap")
    session = open_session(file)
    assert end_of(session) is None
    assert 0.5 <= session.seconds < 1.3, "it has waited"
    assert replay(session).is_equal
