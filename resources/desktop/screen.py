"""Images of the screen by mss, and the detector's looks at them, each at its own rate.

One thread takes images and writes them into the session's file, another lets the detector look at
the newest. What comes of it is told; neither ever waits for who listens.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from detector_runtime.tracking.tracker import EntityTracker

from detector_runtime import Detector
from pipeline.play.desktop.frame_files import FrameFileWriter
from pipeline.play.desktop.inputs import Area
from pipeline.play.desktop.sightings import EntityNumbers, Look, look_of, scale_of
from pipeline.play.recordings.events import FrameEvent, TimedEvent
from resources.desktop.requirements import DesktopError
from resources.desktop.windows import RecordedWindow

Image = npt.NDArray[np.uint8]
JPEG_QUALITY = 80
LEAST_FREE_BYTES = 1 << 30
"""Of the disk, below which no images are written."""


@dataclass(frozen=True)
class FramesEnded:
    """No more images are written: their bound is reached, or the disk is nearly full."""


@dataclass(frozen=True)
class WindowChanged:
    """The window has another size, or is gone: what follows would not fit to the session."""


@dataclass(frozen=True)
class Failed:
    """A thread has ended with an error."""

    error: Exception


ScreenNews = TimedEvent | Look | FramesEnded | WindowChanged | Failed
Told = Callable[[ScreenNews], None]


class LatestImage:
    """The newest image with its time; older ones are forgotten."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: tuple[int, Image] | None = None

    def put(self, taken: int, image: Image) -> None:
        """Replace it."""
        with self._changed:
            self._newest = taken, image
            self._changed.notify_all()

    def take(self, seconds: float) -> tuple[int, Image] | None:
        """The newest, once; None where there is no new one for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest


@dataclass(frozen=True)
class Rates:
    """Images that are written, and looks of the detector, in a second; 0 for no detector."""

    frames: float
    looks: float

    @property
    def images(self) -> float:
        """That are taken in a second."""
        return max(self.frames, self.looks)


class FrameThread(threading.Thread):
    """Takes images of a window while it has the focus."""

    def __init__(
        self, window: RecordedWindow, began: int, rates: Rates, file: FrameFileWriter, told: Told
    ) -> None:
        """For a session that begins at a time of `time.perf_counter_ns`."""
        super().__init__(name="frames", daemon=True)
        self.latest = LatestImage()
        self._window, self._began, self._rates = window, began, rates
        self._file, self._told = file, told
        self._next_written = 0
        self._area = window.area()
        self._ending = threading.Event()
        self._is_full = False
        self._last: tuple[int, Image] | None = None

    def end(self) -> None:
        """End it, and wait until it has ended."""
        self._ending.set()
        self.join()

    def run(self) -> None:
        from mss import ScreenShotError

        try:
            self._take_images()
        except ScreenShotError as error:
            self._told(Failed(_unseen(error)))
        except Exception as error:
            self._told(Failed(error))
        finally:
            self._file.close()

    def _take_images(self) -> None:
        # A connection of its own: those of mss are for one thread.
        from mss import MSS

        with MSS() as screen:
            due, period = time.perf_counter(), 1.0 / self._rates.images
            while not self._ending.wait(max(0.0, due - time.perf_counter())):
                # What was missed is not caught up with.
                due = max(due + period, time.perf_counter())
                area = self._window.area()
                if area is not None and not (self._window.is_active() and area.width):
                    continue  # Windows gives one that is minimized no size.
                if area is None or self._area is None or area.size != self._area.size:
                    self._told(WindowChanged())
                    return
                self._take(screen, area)

    def _take(self, screen: Any, area: Area) -> None:
        taken = time.perf_counter_ns() - self._began
        image = grabbed(screen, area)
        # The focus may have gone to something private while the image was taken.
        if not self._window.is_active():
            return
        self.latest.put(taken, image)
        # The nearest one to when it is due, of those that are taken for the detector.
        if not self._is_full and taken + int(0.5e9 / self._rates.images) >= self._next_written:
            self._next_written = max(self._next_written, taken) + int(1e9 / self._rates.frames)
            self._write(taken, image)

    def _write(self, taken: int, image: Image) -> None:
        if self._last is not None and np.array_equal(self._last[1], image):
            index: int | None = self._last[0]
        elif shutil.disk_usage(self._file.file.parent).free < LEAST_FREE_BYTES:
            index = None
        else:
            encoded, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            index = self._file.append(jpeg.tobytes()) if encoded else None
        if index is None:
            self._is_full, self._last = True, None
            self._told(FramesEnded())
            return
        self._last = index, image
        self._told(TimedEvent(taken, FrameEvent(file=self._file.file.name, index=index)))


class LookThread(threading.Thread):
    """Lets a detector look at the newest image, so many times a second at most."""

    def __init__(
        self, detector: Detector, latest: LatestImage, rate: float, shows_more: bool, told: Told
    ) -> None:
        """Looks at the images of one session, whose entities are numbered anew.

        Args:
            rate: looks a second.
            shows_more: see `sightings.scale_of`.
        """
        super().__init__(name="looks", daemon=True)
        self._detector, self._latest, self._period = detector, latest, 1.0 / rate
        self._shows_more, self._told = shows_more, told
        self._numbers = EntityNumbers()
        self._ending = threading.Event()

    def end(self) -> None:
        """End it, and wait until the look that is under way has ended."""
        self._ending.set()
        self.join()

    def run(self) -> None:
        try:
            self._detector.reset_tracking()
            due = time.perf_counter()
            while not self._ending.wait(max(0.0, due - time.perf_counter())):
                newest = self._latest.take(self._period)
                if newest is not None:
                    due = max(due + self._period, time.perf_counter())
                    self._told(self._look(*newest))
        except Exception as error:
            self._told(Failed(error))

    def _look(self, taken: int, image: Image) -> Look:
        seen = self._detector.detect_fast(image, color="bgr", timestamp=taken / 1e9)
        tracker = self._detector.tracker
        camera = tracker.camera if isinstance(tracker, EntityTracker) else (0.0, 0.0)
        scale = scale_of(image.shape[0], shows_more=self._shows_more)
        return look_of(seen, self._numbers, taken, camera, scale)


def grabbed(screen: Any, area: Area) -> Image:
    """An area of the desktop, uint8 [height, width, 3], blue first; black beyond its edge."""
    whole = screen.monitors[0]
    left, top = max(area.left, whole["left"]), max(area.top, whole["top"])
    right = min(area.left + area.width, whole["left"] + whole["width"])
    bottom = min(area.top + area.height, whole["top"] + whole["height"])
    image = np.zeros((area.height, area.width, 3), np.uint8)
    if left < right and top < bottom:
        part = {"left": left, "top": top, "width": right - left, "height": bottom - top}
        shot = screen.grab(part)
        pixels = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        rows = slice(top - area.top, bottom - area.top)
        image[rows, left - area.left : right - area.left] = pixels[:, :, :3]
    return image


def _unseen(error: Exception) -> DesktopError:
    return DesktopError(
        f"The screen cannot be read: {error}",
        "See that the desktop is still there. What was recorded stays; `outpost play recover` "
        "finishes it.",
    )
