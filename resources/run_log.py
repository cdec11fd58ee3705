"""Progress of long work, into a run's log and to whoever listens on a terminal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pipeline.progress import Progress, Report

PROGRESS_LOGGER = logging.getLogger("outpost.progress")
"""Every reading of every stage, for whoever draws a progress bar."""

SECONDS_BETWEEN_LOG_LINES = 5.0


def reporter(log: Callable[[str], None] | None = None) -> Report:
    """A progress listener that logs the first and last reading of a stage and few between.

    Args:
        log: of a run; without one, progress is for the terminal alone.
    """
    last_logged = {"at": 0.0}

    def report(progress: Progress) -> None:
        PROGRESS_LOGGER.info("%s", progress, extra={"progress": progress})
        due = time.monotonic() - last_logged["at"] > SECONDS_BETWEEN_LOG_LINES
        if log is not None and (due or progress.done == progress.total):
            last_logged["at"] = time.monotonic()
            log(str(progress))

    return report
