"""`outpost record`: sessions of a game on a desktop."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.play.desktop.hot_keys import HotKeys
from pipeline.play.recordings.events import NAME
from resources.defaults import Resources
from resources.desktop.requirements import DesktopError, require_desktop

if TYPE_CHECKING:
    from detector_runtime import Detector
    from resources.desktop.recorder import Recorded

KEY_NAME = re.compile(r"[a-z0-9_]{1,30}")
FEWEST_A_SECOND, MOST_A_SECOND = 0.1, 60.0


@dataclass(frozen=True)
class DesktopChoices:
    """What is recorded, as a person says it.

    Attributes:
        window: a part of its title; None for the whole screen.
        keys: names of those that are recorded; None for all.
        out: folder of the sessions; that of the game in the state folder if None.
        model: a bundle's folder or zip, or an ONNX file.
        gigabytes: most that the images of one session take.
        hot_keys: those that begin and end sessions.
    """

    window: str | None
    game: str
    keys: frozenset[str] | None
    out: Path | None
    model: Path | None
    frames_a_second: float
    looks_a_second: float
    gigabytes: float
    shows_more: bool
    hot_keys: HotKeys


def record_desktop(
    resources: Resources, choices: DesktopChoices, report: Callable[[str], None]
) -> Recorded:
    """Record sessions as hot keys say, until the window is closed or the person interrupts.

    Args:
        report: is told in a line what has begun and ended.

    Raises:
        DesktopError: a choice that cannot be, or a desktop that cannot be recorded.
        DetectorError: the model cannot be opened.
        RecordingError: a session cannot be written; what there is of it stays.
    """
    _require_sound(choices)
    require_desktop()
    from resources.desktop.desktop_session import RecorderSettings
    from resources.desktop.recorder import DesktopRecorder
    from resources.desktop.windows import open_window

    settings = RecorderSettings(
        folder=choices.out or resources.state.recordings(choices.game),
        game=choices.game,
        keys=choices.keys,
        frames_a_second=choices.frames_a_second,
        looks_a_second=choices.looks_a_second,
        most_frame_bytes=int(choices.gigabytes * 1e9),
        shows_more=choices.shows_more,
        hot_keys=choices.hot_keys,
    )
    with ExitStack() as opened:
        window = open_window(choices.window)
        opened.callback(window.close)
        detector = None
        if choices.model is not None:
            detector = opened.enter_context(_detector(choices.model, choices.looks_a_second))
        return DesktopRecorder(settings, window, detector, report).run()


def _detector(model: Path, looks_a_second: float) -> Detector:
    """One that leaves the processor to the game wherever it waits."""
    from detector_runtime.access import open_detector
    from detector_runtime.settings import DetectorSettings
    from detector_runtime.tracking.tracker import TrackerSettings

    tracker = TrackerSettings(frame_seconds=1.0 / looks_a_second)
    detector = open_detector(model, settings=DetectorSettings(tracker=tracker, spinning=False))
    detector.warmup()
    return detector


def _require_sound(choices: DesktopChoices) -> None:
    if not re.fullmatch(NAME, choices.game) or len(choices.game) > 90:
        raise DesktopError(
            f"'{choices.game}' cannot be the name of a game: sessions are named by it.",
            "Use up to 90 letters, digits, dots, dashes and underscores.",
        )
    hot_keys = choices.hot_keys
    chosen = (hot_keys.start, hot_keys.save, hot_keys.discard)
    named = sorted({*(choices.keys or ()), *chosen})
    wrong = [key for key in named if not KEY_NAME.fullmatch(key)]
    if wrong:
        raise DesktopError(
            f"There is no key '{wrong[0]}'.",
            "Name keys as sessions do: a, 1, space, shift, f1, page_up, or code_ and its number.",
        )
    if len({*chosen}) < len(chosen) or not {*chosen}.isdisjoint(choices.keys or ()):
        raise DesktopError(
            f"The keys {', '.join(chosen)} cannot start, save and discard: one of them is named "
            "twice, or is to be recorded.",
            "Choose three keys that the game does not use.",
        )
    for rate in (choices.frames_a_second, choices.looks_a_second):
        if not FEWEST_A_SECOND <= rate <= MOST_A_SECOND:
            raise DesktopError(
                f"{rate:g} a second cannot be.",
                f"Choose {FEWEST_A_SECOND:g} to {MOST_A_SECOND:g} images and looks a second.",
            )
    if not (math.isfinite(choices.gigabytes) and choices.gigabytes >= 0):
        raise DesktopError(
            f"Images cannot take {choices.gigabytes:g} gigabytes.", "Choose 0 or more."
        )
