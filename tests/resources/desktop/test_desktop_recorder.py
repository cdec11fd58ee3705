"""Real windows on a virtual display, real input, and what of it is in the session's file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector_runtime.detector import Detector
from detector_runtime.settings import DetectorSettings
from doubles import x11
from doubles.colour_model import CLASSES, ColourModel, write_colour_detector
from doubles.models import write_no_detector
from doubles.x11_game import HEIGHT, UNITS, WIDTH
from typer.testing import CliRunner

from assets.cli.app import app
from pipeline.export.contract import check_onnx_contract
from pipeline.play.desktop.frame_files import read_frames
from pipeline.play.desktop.hot_keys import HotKeys
from pipeline.play.recordings.events import (
    EntitiesEvent,
    FrameEvent,
    KeyEvent,
    MouseEvent,
    RecordingError,
    Topic,
)
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.recovery import recover
from pipeline.play.simulator.observation import Column
from pipeline.release.bundle import Release, write_bundle
from resources.defaults import Resources
from resources.desktop.desktop_session import RecorderSettings
from resources.desktop.requirements import DesktopError
from resources.desktop.windows import open_window
from resources.desktop.x11 import close_display
from resources.paths import Paths

pytestmark = pytest.mark.skipif(not x11.is_installed(), reason="needs Xvfb and openbox")
RED = 96, 72
"""The middle of the red unit, in a window of WIDTH times HEIGHT."""


BOTH = pytest.mark.parametrize(
    "managed", [True, False], ids=["managed", "unmanaged"], indirect=True
)


@pytest.fixture(scope="module")
def managed(request) -> bool:
    """Whether there is a window manager."""
    return getattr(request, "param", True)


@pytest.fixture(scope="module")
def display(managed) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as changed, x11.virtual_display(managed=managed) as name:
        changed.setenv("DISPLAY", name)
        changed.delenv("WAYLAND_DISPLAY", raising=False)
        changed.delenv("XDG_SESSION_TYPE", raising=False)
        yield name


def is_listed(title: str) -> bool:
    """A window manager lists a window a moment after it is shown."""
    try:
        open_window(title).close()
    except DesktopError as error:
        return "Several" in error.problem
    return True


class Desk:
    """A desktop with a game on it and somebody who plays and records."""

    def __init__(self, display: str, managed: bool, folder: Path, stack: ExitStack) -> None:
        self.display, self.managed, self.folder = display, managed, folder
        self.stack = stack
        self.hands = x11.Hands(display)
        stack.callback(close_display, self.hands.display)
        self.said: list[str] = []

    def window(self, title: str, *box: int):
        game = self.stack.enter_context(x11.game_window(self.display, title, *box))
        x11.until(lambda: is_listed(title))
        found = open_window(title)
        self.stack.callback(found.close)
        return game, found

    def focus(self, window) -> None:
        self.hands.focus(window._id, managed=self.managed)
        x11.until(window.is_active)
        time.sleep(0.06)  # So that the recorder has seen it twice.

    @contextmanager
    def recording(self, window, detector=None, **settings) -> Iterator[list]:
        from resources.desktop.recorder import DesktopRecorder

        chosen = RecorderSettings(
            **{"folder": self.folder, "game": "skirmish", "keys": None, **settings}
        )
        recorder = DesktopRecorder(chosen, window, detector, self.said.append)
        failures: list[Exception] = []

        def run() -> None:
            try:
                recorder.run()
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            self.await_said("Ready")
            time.sleep(0.06)
            yield recorder.recorded.sessions
        finally:
            recorder.ending.set()
            thread.join()
        if failures:
            raise failures[0]

    def await_said(self, beginning: str, times: int = 1) -> None:
        x11.until(lambda: sum(line.startswith(beginning) for line in self.said) >= times)

    def start(self) -> None:
        before = sum(line.startswith("Recording") for line in self.said)
        self.hands.tap("F5")
        self.await_said("Recording", before + 1)

    def save(self) -> None:
        before = sum(line.startswith("Saved") for line in self.said)
        self.hands.tap("F6")
        self.await_said("Saved", before + 1)


@pytest.fixture
def desk(display, managed, tmp_path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(display, managed, tmp_path, stack)


def events_of(session: SessionReader, topic: Topic, kind: type) -> list:
    return [event for _time, event in session.events(topic) if isinstance(event, kind)]


def keys_of(file: Path) -> list[tuple[str, str]]:
    session = open_session(file)
    return [(event.kind, event.key) for event in events_of(session, Topic.KEYS, KeyEvent)]


def presses_of(file: Path) -> list[MouseEvent]:
    mouse = events_of(open_session(file), Topic.MOUSE, MouseEvent)
    return [event for event in mouse if event.kind == "press"]


@BOTH
def test_what_a_hand_does_is_recorded_where_and_when_it_was(desk):
    game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    area = window.area()
    with desk.recording(window) as sessions:
        began = time.perf_counter_ns()
        desk.start()
        time.sleep(0.3)
        clicked = desk.hands.click(area.left + 40, area.top + 50)
        time.sleep(0.2)
        again = desk.hands.click(area.left + 319, area.top + 179, number=3)
        desk.hands.button(4, True)
        desk.hands.button(4, False)
        desk.hands.tap("w", "space")
        desk.hands.key("Shift_L", True)
        desk.hands.tap("1")
        desk.hands.key("Shift_L", False)
        desk.save()
    session = open_session(sessions[0].file)
    assert session.info.screen == (WIDTH, HEIGHT)
    assert session.info.actor == "person"
    assert session.info.classes == ()
    timed = [one for one in session.events(Topic.MOUSE) if one.event.kind == "press"]
    places = [(one.event.button, one.event.x, one.event.y) for one in timed]
    assert places == [("left", 40, 50), ("right", 319, 179)]
    apart = timed[1].time - timed[0].time
    assert apart == pytest.approx(again - clicked, abs=0.15e9)
    assert timed[0].time == pytest.approx(clicked - began, abs=0.5e9)
    mouse = events_of(session, Topic.MOUSE, MouseEvent)
    assert [event.notches for event in mouse if event.kind == "scroll"] == [1]
    assert [event.kind for event in mouse if event.button] == ["press", "release"] * 2
    assert keys_of(sessions[0].file) == [
        ("press", "w"), ("release", "w"), ("press", "space"), ("release", "space"),
        ("press", "shift"), ("press", "1"), ("release", "1"), ("release", "shift"),
    ]  # fmt: skip
    said = game.close()
    assert sum(line.startswith("button") for line in said) == 3
    # The game has had everything, hot keys too.
    assert sum(line.startswith("key") for line in said) == 6


def test_images_show_the_window_and_one_that_stays_the_same_is_written_once(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    with desk.recording(window, frames_a_second=20.0) as sessions:
        desk.start()
        time.sleep(0.6)
        desk.save()
    session = open_session(sessions[0].file)
    frames = events_of(session, Topic.FRAMES, FrameEvent)
    assert len(frames) >= 4
    images = list(read_frames(sessions[0].frames))
    assert {frame.index for frame in frames} <= set(range(len(images)))
    assert len(images) == 1
    image = cv2.imdecode(np.frombuffer(images[0], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (HEIGHT, WIDTH, 3)
    red = image[RED[1], RED[0]]
    assert red[2] > 180
    assert max(red[:2]) < 70


@BOTH
def test_what_is_typed_elsewhere_is_not_recorded(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    diary, other = desk.window("My diary", 600, 80, WIDTH, HEIGHT)
    desk.focus(window)
    area, elsewhere = window.area(), other.area()
    with desk.recording(window, frames_a_second=20.0) as sessions:
        desk.start()
        time.sleep(0.3)
        desk.hands.tap("a")
        desk.hands.key("w", True)
        time.sleep(0.2)  # What is pressed as the focus goes may count as pressed elsewhere.
        desk.focus(other)
        desk.hands.tap("s", "e", "c", "r", "e", "t")
        desk.hands.tap("F6", "F7")
        desk.hands.move(area.left + 50, area.top + 60)
        desk.hands.click(elsewhere.left + 20, elsewhere.top + 20)
        desk.hands.key("w", False)
        time.sleep(0.3)
        desk.focus(window)
        desk.hands.tap("b")
        desk.hands.click(area.left + 5, area.top + 6)
        time.sleep(0.2)
        desk.save()
    # The key that was held is let go of when the focus goes.
    assert keys_of(sessions[0].file) == [
        ("press", "a"), ("release", "a"), ("press", "w"), ("release", "w"),
        ("press", "b"), ("release", "b"),
    ]  # fmt: skip
    mouse = events_of(open_session(sessions[0].file), Topic.MOUSE, MouseEvent)
    assert {(event.x, event.y) for event in mouse} == {(5, 6)}
    times = [time_ for time_, _event in open_session(sessions[0].file).events(Topic.FRAMES)]
    assert max(np.diff(times)) > 0.25e9  # No image while another window had the focus.
    assert sum(line.startswith("key") for line in diary.close()) >= 8
    for file in desk.folder.iterdir():
        assert b"diary" not in file.read_bytes()
        assert b"A Game" not in file.read_bytes()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_click_means_the_same_at_every_resolution(desk, factor):
    _game, window = desk.window("A Game", 10, 30, WIDTH * factor, HEIGHT * factor)
    desk.focus(window)
    area = window.area()
    assert area.size == (WIDTH * factor, HEIGHT * factor)
    with (
        Detector(ColourModel(), DetectorSettings(follow_camera=False)) as detector,
        desk.recording(window, detector, looks_a_second=20.0, frames_a_second=10.0) as sessions,
    ):
        desk.start()
        time.sleep(0.8)
        for x, y in ((RED[0] + 5, RED[1] - 3), (20, 150)):
            desk.hands.click(area.left + x * factor, area.top + y * factor)
        desk.save()
    session = open_session(sessions[0].file)
    assert session.info.classes == CLASSES
    known = events_of(session, Topic.ENTITIES, EntitiesEvent)
    assert len(known) > len(events_of(session, Topic.FRAMES, FrameEvent)) > 3
    of_red = next(row for row in known[-1].rows if row[Column.KIND] == 0)
    scale = 1080 / HEIGHT
    assert (of_red[Column.X], of_red[Column.Y]) == (RED[0] * scale, RED[1] * scale)
    assert len(known[-1].rows) == len(UNITS)
    on_red, on_ground = presses_of(sessions[0].file)
    assert (on_red.entity, on_red.map_x, on_red.map_y) == (of_red[Column.ID], 5 * scale, -3 * scale)
    assert (on_ground.entity, on_ground.map_x, on_ground.map_y) == (None, 20 * scale, 150 * scale)


def test_hot_keys_stop_save_discard_and_go_on(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    with desk.recording(window) as sessions:
        desk.hands.tap("F6", "F7")  # There is nothing to save or discard.
        desk.start()
        desk.hands.tap("a", "F5")
        desk.await_said("Stopped")
        desk.hands.tap("b", "F7")
        desk.await_said("Discarded")
        assert [file.name for file in desk.folder.iterdir() if file.suffix == ".mcap"] == []
        desk.start()
        desk.hands.tap("c", "F5")
        desk.await_said("Stopped", 2)
        desk.hands.tap("d")
        desk.start()  # Keeps the one that was stopped.
        desk.hands.tap("e")
    # The last one is kept, too: nobody has discarded it.
    assert [keys_of(one.file) for one in sessions] == [
        [("press", "c"), ("release", "c")],
        [("press", "e"), ("release", "e")],
    ]
    assert [one.file.stem for one in sessions] == ["skirmish-0001", "skirmish-0002"]
    assert not list(desk.folder.glob("*.part"))


def test_other_hot_keys_leave_those_to_the_game(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    with desk.recording(window, hot_keys=HotKeys("f9", "f10", "f11")) as sessions:
        desk.hands.tap("F9")
        desk.await_said("Recording")
        desk.hands.tap("F5", "F10")
        desk.await_said("Saved")
    assert [keys_of(one.file) for one in sessions] == [[("press", "f5"), ("release", "f5")]]
    assert desk.said[0] == "Ready: F9 starts and stops, F10 saves, F11 discards; Ctrl+C ends."


def test_only_named_keys_are_recorded_of_a_whole_screen(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    screen = open_window(None)
    with desk.recording(screen, keys=frozenset({"q"})) as sessions:
        desk.start()
        desk.hands.tap("h", "q", "i")
        desk.save()
    assert keys_of(sessions[0].file) == [("press", "q"), ("release", "q")]
    assert open_session(sessions[0].file).info.screen == (1400, 900)


@BOTH
def test_a_window_that_moves_is_followed_and_one_of_another_size_ends_the_session(desk):
    game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    before = window.area()
    with desk.recording(window, frames_a_second=20.0) as sessions:
        desk.start()
        game.tell("move 500 300")
        x11.until(lambda: window.area().left != before.left)
        time.sleep(0.2)
        area = window.area()
        desk.hands.click(area.left + 7, area.top + 8)
        game.tell("size 400 200")
        desk.await_said("Saved")
        desk.focus(window)
        desk.start()
        time.sleep(0.3)
        game.close()
        desk.await_said("Saved", 2)
    assert [(event.x, event.y) for event in presses_of(sessions[0].file)] == [(7, 8)]
    assert [open_session(one.file).info.screen for one in sessions] == [(320, 180), (400, 200)]


def test_images_end_at_their_bound_and_all_else_goes_on(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    with desk.recording(window, most_frame_bytes=0, frames_a_second=20.0) as sessions:
        desk.start()
        desk.await_said("No more images")
        desk.hands.tap("a")
        desk.save()
    assert keys_of(sessions[0].file) == [("press", "a"), ("release", "a")]
    assert sessions[0].frames is None
    assert not list(desk.folder.glob("*.mjpeg"))


def test_a_folder_that_cannot_be_written_is_one_clear_error(desk, tmp_path):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RecordingError, match="cannot be written"),
        desk.recording(window, folder=tmp_path / "file"),
    ):
        desk.hands.tap("F5")
        time.sleep(0.3)


# pynput's threads end with the display, and Python prints how.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_where_the_display_ends_what_was_recorded_is_still_there(tmp_path, managed, monkeypatch):
    with ExitStack() as stack, ExitStack() as display:
        name = display.enter_context(x11.virtual_display(managed=managed))
        monkeypatch.setenv("DISPLAY", name)
        desk = Desk(name, managed, tmp_path, stack)
        _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
        desk.focus(window)
        with suppress(DesktopError), desk.recording(window):
            desk.start()
            desk.hands.tap("a")
            time.sleep(0.2)
            display.close()
            time.sleep(0.5)
    part = tmp_path / "skirmish-0001.mcap.part"
    file = recover(part).file if part.exists() else tmp_path / "skirmish-0001.mcap"
    assert keys_of(file) == [("press", "a"), ("release", "a")]


@BOTH
def test_a_title_that_nobody_or_several_have_is_refused(desk):
    desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.window("A Game of others", 500, 80, WIDTH, HEIGHT)
    with pytest.raises(DesktopError, match="No window has 'chess'") as raised:
        open_window("chess")
    assert "'A Game'" in raised.value.fix
    with pytest.raises(DesktopError, match="Several windows"):
        open_window("gam")
    open_window("a game").close()  # Exactly one is called that, whatever the case.


def started(desk: Desk, title: str, *more: str) -> tuple[subprocess.Popen, Callable[[str], str]]:
    command = [sys.executable, "-m", "assets.cli.app", "record", "--window", title]
    process = subprocess.Popen(
        [*command, "--game", "killed", "--out", str(desk.folder), *more],
        env={**os.environ, "DISPLAY": desk.display, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )

    def await_line(beginning: str) -> str:
        # One that says nothing more would be waited for until the end of the suite's patience.
        ending = threading.Timer(x11.PATIENCE, process.kill)
        ending.start()
        try:
            return _line(beginning)
        finally:
            ending.cancel()

    def _line(beginning: str) -> str:
        for line in process.stdout:
            if line.startswith(beginning):
                return line
        raise AssertionError(f"it has ended and never said '{beginning}'")

    return process, await_line


def test_a_killed_recording_loses_less_than_a_second(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    process, await_line = started(desk, "A Game")
    try:
        await_line("Ready")
        time.sleep(0.2)
        desk.hands.tap("F5")
        await_line("Recording")
        desk.hands.tap("a")
        time.sleep(1.0)
        desk.hands.tap("b")
        time.sleep(0.5)
    finally:
        process.kill()
        process.wait()
    recovered = recover(desk.folder / "killed-0001.mcap.part")
    assert keys_of(recovered.file)[-1] == ("release", "b")
    assert recovered.seconds > 1.0
    assert list(read_frames(desk.folder / "killed-0001.mjpeg"))


@pytest.mark.usefixtures("pythons_own_signals")
def test_one_that_is_interrupted_is_saved(desk):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    process, await_line = started(desk, "A Game", "--frames", "10", "--keys", "c,D")
    try:
        await_line("Ready")
        time.sleep(0.2)
        desk.hands.tap("F5")
        await_line("Recording")
        desk.hands.tap("c", "x", "d")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        await_line("Saved")
        assert process.wait(x11.PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    keys = [(kind, key) for key in "cd" for kind in ("press", "release")]
    assert keys_of(desk.folder / "killed-0001.mcap") == keys


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    model = write_colour_detector(folder / "best.onnx")
    write_bundle(folder / "bundle", model, check_onnx_contract(model, CLASSES), Release("x", "1.0"))
    return folder / "bundle"


@pytest.mark.slow
@pytest.mark.usefixtures("pythons_own_signals")
def test_a_bundle_finds_what_clicks_mean(desk, bundle):
    _game, window = desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    desk.focus(window)
    process, await_line = started(desk, "A Game", "--model", str(bundle), "--looks", "10")
    try:
        await_line("Ready")
        time.sleep(0.2)
        desk.hands.tap("F5")
        await_line("Recording")
        time.sleep(1.5)
        area = window.area()
        for x, y in ((RED[0] + 5, RED[1] - 3), (20, 150)):
            desk.hands.click(area.left + x, area.top + y)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        await_line("Saved")
        assert process.wait(x11.PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    session = open_session(desk.folder / "killed-0001.mcap")
    assert session.info.classes == CLASSES
    assert session.info.rates[Topic.ENTITIES] == 10.0
    last = events_of(session, Topic.ENTITIES, EntitiesEvent)[-1]
    scale = 1080 / HEIGHT
    middles = {
        kind: ((left + width / 2) * scale, (top + height / 2) * scale)
        for kind, (_colour, (left, top, width, height)) in enumerate(UNITS)
    }
    found = {row[Column.KIND]: (row[Column.X], row[Column.Y]) for row in last.rows}
    assert len(last.rows) == len(UNITS)
    assert found == {kind: pytest.approx(place, abs=scale) for kind, place in middles.items()}
    on_red, on_ground = presses_of(session.file)
    of_red = next(row for row in last.rows if row[Column.KIND] == 0)
    assert on_red.entity == of_red[Column.ID]
    assert (on_red.map_x, on_red.map_y) == pytest.approx((5 * scale, -3 * scale), abs=scale)
    assert (on_ground.entity, on_ground.map_x) == (None, 20 * scale)


@pytest.mark.slow
def test_a_model_that_is_none_is_said_and_nothing_recorded(desk, bundle):
    desk.window("A Game", 100, 80, WIDTH, HEIGHT)
    text = desk.folder / "notes.onnx"
    text.write_text("a note")
    other = write_no_detector(desk.folder / "other.onnx")
    torn = desk.folder / "torn"
    torn.mkdir()
    (torn / "bundle.json").write_bytes((bundle / "bundle.json").read_bytes()[:50])
    told = []
    for model in (desk.folder / "nowhere", text, other, torn):
        choices = [*record_words(desk.folder / "new"), "--model", str(model)]
        done = CliRunner().invoke(app, choices, obj=Resources.of(Paths.below(desk.folder)))
        assert done.exit_code == 1, done.output
        assert "What to do" in done.output
        told.append(done.output)
    assert "no model at" in " ".join(told[0].split())
    assert not (desk.folder / "new").exists()


def record_words(folder: Path) -> list[str]:
    return ["record", "--window", "A Game", "--game", "killed", "--out", str(folder)]
