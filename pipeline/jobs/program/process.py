"""How the program ends: when asked to, when abandoned, and which exit code tells why."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from pipeline.jobs.program.constants import (
    EXIT_DISK_FULL,
    EXIT_FAILED,
    EXIT_NO_MEMORY,
    EXIT_STOPPED,
    KILL,
    LIFELINE_GRACE_SECONDS,
    OUT_OF_MEMORY_TEXTS,
)


def stop_on_request() -> None:
    """End in order on SIGTERM, so that loader processes end with this one."""

    def stop(_signal: int, _frame: Any) -> NoReturn:
        raise SystemExit(EXIT_STOPPED)

    signal.signal(signal.SIGTERM, stop)


def stop_when_abandoned() -> None:
    """End when standard input is closed: whoever started the job is gone."""

    def wait() -> None:
        # Not through sys.stdin, whose lock this thread would still hold when Python ends.
        while os.read(0, 1024):
            pass
        signal_group(signal.SIGTERM)
        time.sleep(LIFELINE_GRACE_SECONDS)
        signal_group(KILL)

    threading.Thread(target=wait, daemon=True).start()


def signal_group(number: signal.Signals) -> None:
    """Signal this process and, where it leads a group of its own, all that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


def exit_code_of(error: BaseException) -> int:
    """Which of the exit codes tells best why the job failed."""
    for cause in chain_of(error):
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(cause):
            return EXIT_DISK_FULL
        exhausted = any(text in str(cause).lower() for text in OUT_OF_MEMORY_TEXTS)
        if exhausted or isinstance(cause, MemoryError):
            return EXIT_NO_MEMORY
    return EXIT_FAILED


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
