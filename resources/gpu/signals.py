"""Being told to end, on the way to an orderly end.

Dagster turns SIGTERM and SIGINT into an exception within an asset's body; elsewhere SIGTERM would
end a process without any `finally`. And while a pod is being ended, the next signal has to wait.

A step of a run is a process of its own. Where the run's process is killed, nobody tells the step,
which would go on for a run that has failed; `require_a_parent` notices.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from pipeline.errors import OutpostError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def with_time_limit(act: Callable[[], object], seconds: float) -> None:
    """Do something for so long at most; a failure of it is not told."""

    def attempt() -> None:
        with suppress(Exception):
            act()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)


class Interrupted(BaseException):
    """The process was asked to end."""


class AbandonedError(OutpostError):
    """The process that this one works for has died."""


def require_a_parent() -> None:
    """Do nothing, unless the process that started this one to do its work has died.

    Raises:
        AbandonedError: it has.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise AbandonedError(
            "The process of the run has died, so nobody waits for this step any more.",
            "Launch the run again; it goes on from the newest checkpoint if `resume` names it.",
        )


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGTERM raises, unless somebody has decided otherwise."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def shielded() -> Iterator[None]:
    """Hold the first signal back until the block has ended; a second one comes through at once."""
    if not _in_main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        if held:
            restore()
            signal.raise_signal(number)
        held.append(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in SIGNALS:
        signal.signal(number, hold)
    try:
        yield
    finally:
        restore()
    if held:
        # Not os.kill, which on Windows ends the process at once and with it what has to follow.
        signal.raise_signal(held[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
