"""A person plays the built-in game in a browser, and the session is what that person did."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.play.recordings.events import KeyEvent, MouseEvent, Topic
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.replay import demonstration_of, replay, states
from pipeline.play.simulator.rules import Act, Kind

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
PLAYED = "() => parseInt(document.getElementById('time').textContent.split(':')[1]) >= %d"


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "person-scripted_l1-0.mcap").touch()  # Of another day.
    words = ["play", "record", "person", "scripted_l1", "--no-browser", "--out", str(tmp_path)]
    running = subprocess.Popen(
        [sys.executable, "-m", "assets.cli.app", *words],
        cwd=ROOT,
        env={**os.environ, "OUTPOST_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    yield running
    running.kill()
    running.wait()


@pytest.fixture
def page(recording: subprocess.Popen[str]) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    assert recording.stdout is not None
    address = recording.stdout.readline().split()[-1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1100, "height": 800})
        problems: list[str] = []
        view.on("pageerror", lambda error: problems.append(str(error)))
        view.on("console", lambda said: said.type == "error" and problems.append(said.text))
        view.goto(address)
        yield view
        assert not problems
        browser.close()


def test_clicks_and_keys_of_a_person_are_played_and_recorded(
    recording: subprocess.Popen[str], page: Any, tmp_path: Path
) -> None:
    page.get_by_role("button", name="Start game 1").click()
    page.wait_for_function(PLAYED % 1, timeout=60_000)
    box = page.locator("#map").bounding_box()
    page.keyboard.press("w")
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=5)
    page.mouse.click(box["x"] + 700, box["y"] + 300, button="right")
    page.wait_for_function(PLAYED % 3, timeout=60_000)
    page.screenshot(path=str(tmp_path / "page.png"))
    recording.send_signal(signal.SIGINT)
    assert recording.wait(timeout=60) == 130
    session = open_session(tmp_path / "person-scripted_l1-1.mcap")
    assert replay(session).is_equal
    keys = [event for _t, event in session.events(Topic.KEYS) if isinstance(event, KeyEvent)]
    assert [(key.actor, key.key) for key in keys] == [("person", "WORKERS")]
    mouse = [event for _t, event in session.events(Topic.MOUSE) if isinstance(event, MouseEvent)]
    (press,) = [event for event in mouse if event.kind == "press"]
    assert (press.button, press.actor) == ("right", "person")
    assert abs(press.x - 700) <= 2
    assert abs(press.y - 300) <= 2
    assert [event for event in mouse if event.kind == "move"]
    shown = demonstration_of(session)
    assert sorted(set(shown.actions[:, 0].tolist())) == [Act.NOTHING, Act.COMMAND, Act.KEY]
    went = [games.entities[0, :2].copy() for games in states(session)]
    assert (went[0]["kind"] == Kind.WORKER).all()
    assert (went[-1]["x"] != went[0]["x"]).all(), "both workers have set out"
