"""Models that are exchanged while they are used: the detector, and what the other kinds need."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol

from detector_runtime.detector import Detector
from detector_runtime.errors import DetectorError, UpdateBusyError
from detector_runtime.images import Frame
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import DETECTOR, Kind, Opened
from detector_runtime.settings import DetectorSettings
from detector_runtime.updates.installed import InstalledModel

if TYPE_CHECKING:
    from detector_runtime.updates.updater import ModelUpdater

LOOK_SECONDS = 1.0
"""Between looks at which model is in use in the folder."""
ASK_SECONDS = 600.0
"""Between questions whether it is time for a check."""
CLOSING_SECONDS = 5.0
"""For which a closing detector waits for its thread."""
EXIT_SECONDS = 2.0
"""For which a program that ends waits for it."""

logger = logging.getLogger("detector_runtime")

Stamp = tuple[int, int, int]


class UpdatingDetector(Detector):
    """A detector with the model in use in a folder of `ModelUpdater`, whichever that is.

    A thread looks for another model, opens it beside the one in use, and exchanges the two between
    two calls: none waits for it, and none fails. A model that cannot be opened is not taken.
    """

    def __init__(
        self, updater: ModelUpdater, settings: DetectorSettings, *, watch: bool = True
    ) -> None:
        options = OnnxOptions(settings.threads, settings.spinning, settings.imgsz, settings.scale)
        in_use = ModelInUse(updater, DETECTOR, options)
        super().__init__(in_use.first(), settings)
        self._updater = updater
        self._in_use = in_use
        self._watch = watch
        self._watcher = Watcher(self, updater, asks=watch)

    def look_for_another_model(self) -> None:
        """Go on with the model that is in use in the folder by now, if it is another one."""
        try:
            found = self._in_use.another()
        except DetectorError as error:
            logger.warning("The next model cannot be used, %s goes on: %s", self.source, error)
            return
        if found is None:
            return
        installed, model = found
        before = self.source
        self.replace_model(model)
        self._in_use.take(installed)
        logger.info("Using %s in the place of %s", self.source, before)

    def note_that_it_worked(self) -> None:
        """Remember that the model answered, for `ModelUpdater.rollback`."""
        last = self.last
        if last is not None and last.source is self.source:
            self._in_use.note_that_it_worked()

    def close(self) -> None:
        """Ends the thread and frees the model; the detector is of no use afterwards."""
        self._watcher.end()
        self.note_that_it_worked()
        super().close()

    def after_fork(self) -> None:
        """Goes on in a forked process, with a thread of its own."""
        super().after_fork()
        self._watcher = Watcher(self, self._updater, asks=self._watch)

    def _observe(self, frame: Frame, timestamp: float | None) -> None:
        self._watcher.begin()
        super()._observe(frame, timestamp)


class ModelInUse(Generic[Opened]):
    """Which version of a folder a program uses, and another one once the folder uses that.

    Attributes:
        version: that the program uses.
    """

    def __init__(self, updater: ModelUpdater, kind: Kind[Opened], options: OnnxOptions) -> None:
        self.version = ""
        self._noted = False
        self._updater, self._kind, self._options = updater, kind, options
        # Before the first is opened: a later one is another one.
        self._stamp = stamp_of(updater.models.current_file)

    def first(self) -> Opened:
        """The model in use in the folder, which the program uses from now on.

        Raises:
            DetectorError: see `ModelUpdater.open`.
        """
        installed, model = self._updater.open(self._kind, self._options)
        self.take(installed)
        return model

    def another(self, *, again: bool = False) -> tuple[InstalledModel, Opened] | None:
        """The model in use in the folder by now, opened, if it is another one; see `take`.

        Args:
            again: also if it is the same one.

        Raises:
            DetectorError: it cannot be opened; it is not tried again until the folder changes.
        """
        stamp = stamp_of(self._updater.models.current_file)
        if stamp in (None, self._stamp):
            return None
        self._stamp = stamp
        installation = self._updater.models.installation()
        if installation is None:
            return None
        if installation.current.version == self.version and not again:
            return None
        return self._updater.open(self._kind, self._options)

    def take(self, installed: InstalledModel) -> None:
        """The program uses this one from now on."""
        self.version, self._noted = installed.version, installed.worked

    def note_that_it_worked(self) -> None:
        """Have the folder remember that the version has answered, if it does not yet."""
        if not self._noted:
            self._noted = is_noted_that_it_worked(self._updater, self.version)


class Watched(Protocol):
    """What goes on with newer models while it is used."""

    def look_for_another_model(self) -> None:
        """Go on with the model that is in use in the folder by now."""
        ...

    def note_that_it_worked(self) -> None:
        """Remember that the model answered, where it did."""
        ...


class Watcher:
    """The thread of something that is watched. It begins when it is told to, and ends with that.

    Args:
        owner: what is called.
        updater: of the folder that the owner's models come from.
        asks: whether it has the folder checked for newer models, when it is time.
        first_check: seconds after which it is asked for the first time whether a check is due.
    """

    def __init__(
        self, owner: Watched, updater: ModelUpdater, *, asks: bool, first_check: float = 0.0
    ) -> None:
        # The thread must not be what keeps alive what nobody uses any more.
        self._owner = weakref.ref(owner)
        self._updater, self._asks = updater, asks
        self._first_check = first_check
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Have the thread run. Called by one thread at a time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="model updates", daemon=True)
            self._thread.start()
            _RUNNING.add(self)

    def end(self, seconds: float = CLOSING_SECONDS) -> None:
        """Have the thread end, and wait for it; a download that is under way ends by itself."""
        self._end.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _run(self) -> None:
        asked = time.monotonic() + self._first_check - ASK_SECONDS
        while (owner := self._owner()) is not None:
            if time.monotonic() - asked >= ASK_SECONDS:
                asked = time.monotonic()
                self._ask()
            owner.look_for_another_model()
            owner.note_that_it_worked()
            del owner
            if self._end.wait(LOOK_SECONDS):
                return

    def _ask(self) -> None:
        if self._asks:
            try:
                self._updater.check()
            except DetectorError as error:
                self._asks = False
                logger.warning("Nothing looks for newer models: %s", error)


_RUNNING: weakref.WeakSet[Watcher] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Where a program ends, Python stops threads wherever they are. ONNX Runtime 1.32 then aborts
    the process if one of them is opening a model."""
    for watcher in list(_RUNNING):
        watcher.end(EXIT_SECONDS)


def is_noted_that_it_worked(updater: ModelUpdater, version: str) -> bool:
    """Have a folder remember that a version answered; False where that is to be tried again."""
    try:
        updater.note_that_it_worked(version)
    except UpdateBusyError:
        return False
    except DetectorError as error:
        # A folder that this user may not write, for example: not worth a warning.
        logger.debug("Not noted that %s worked: %s", version, error)
    return True


def stamp_of(file: Path) -> Stamp | None:
    """What changes whenever a file is replaced; None where it is not there."""
    try:
        found = os.stat(file)  # noqa: PTH116 - a Path takes three times as long
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
