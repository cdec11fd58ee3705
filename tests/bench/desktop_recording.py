"""What `outpost record` takes from a game: how long its input takes to arrive, and the processor.

A window of 1280 by 720 pixels on a virtual X display, whose units move 30 times a second.
`input_..._ms` is from a press of the mouse to when the game has heard of it, with and without a
recording; `core_share_...` is of the whole process while it records.
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from resources.desktop.desktop_session import RecorderSettings
from resources.desktop.recorder import DesktopRecorder
from resources.desktop.windows import open_window

sys.path.insert(0, str(Path(__file__).parents[1]))
from doubles import x11

CLICKS = 200
SECONDS = 10.0
STEPS_A_SECOND = 30


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    with (
        pytest.MonkeyPatch.context() as changed,
        x11.virtual_display() as display,
        x11.game_window(display, "Bench", 20, 40, 1280, 720) as game,
    ):
        changed.setenv("DISPLAY", display)
        return _figures(display, game)


def _figures(display: str, game: x11.GameProcess) -> dict[str, float]:
    window, hands = open_window("Bench"), x11.Hands(display)
    area = window.area()
    hands.move(area.left + 600, area.top + 300)
    x11.until(window.is_active)
    without = _answer_times(game, hands)
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = RecorderSettings(Path(folder), "bench", None)
        recorder = DesktopRecorder(settings, window, None, said.append)
        thread = threading.Thread(target=recorder.run)
        thread.start()
        x11.until(lambda: said)
        time.sleep(0.1)
        hands.tap("F5")
        x11.until(lambda: len(said) == 2)
        during = _answer_times(game, hands)
        hands.tap("F6", "F5")
        x11.until(lambda: len(said) == 4)
        ends = time.monotonic() + SECONDS
        step = 0
        while time.monotonic() < ends:
            step = (step + 7) % 600
            game.tell(f"step {step}")
            time.sleep(1 / STEPS_A_SECOND)
        hands.tap("F6")
        x11.until(lambda: len(said) == 5)
        recorder.ending.set()
        thread.join()
        recorded = recorder.recorded
        moving = recorded.sessions[1]
        megabytes = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    window.close()
    hands.display.close()
    return {
        "input_without_ms": statistics.median(without),
        "input_while_recording_ms": statistics.median(during),
        "input_slowest_tenth_without_ms": statistics.quantiles(without, n=10)[-1],
        "input_slowest_tenth_while_recording_ms": statistics.quantiles(during, n=10)[-1],
        "noting_one_input_at_most_ms": recorded.slowest_input_ms,
        "core_share_at_5_images_a_second": moving.processor_share,
        "images": float(moving.events["/frames"]),
        "written_mb": megabytes,
    }


def _answer_times(game: x11.GameProcess, hands: x11.Hands) -> list[float]:
    """Milliseconds from a press to when the game says that it has come, one press after another."""
    taken = []
    for _ in range(CLICKS):
        began = time.perf_counter()
        hands.press(1)
        while not game.next_line().startswith("button"):
            pass
        taken.append((time.perf_counter() - began) * 1000)
        hands.button(1, False)
    return taken
