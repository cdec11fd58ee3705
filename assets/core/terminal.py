"""Progress on a terminal: a bar where there is one, lines where output goes to a file."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from assets.core.building import NOTICE_LOGGER, PROGRESS_LOGGER
from pipeline.progress import Progress

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_shown(console: Console) -> Iterator[None]:
    """Show every stage that reports while the block runs."""
    with (
        _bars(console) if console.is_terminal else nullcontext(_LineHandler(console)) as shown,
        _listening(PROGRESS_LOGGER, shown),
        _listening(NOTICE_LOGGER, _NoticeHandler(console)),
    ):
        yield


@contextmanager
def _listening(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _bars(console: Console) -> Iterator[logging.Handler]:
    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _BarHandler(bars)


class _BarHandler(logging.Handler):
    """One bar per stage."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        progress: Progress = record.progress  # type: ignore[attr-defined]
        if progress.stage not in self._tasks or progress.done == 0:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage)
        task = self._tasks[progress.stage]
        self._bars.update(task, total=progress.total, completed=progress.done)


class _NoticeHandler(logging.Handler):
    """Prints each notice on a line of its own, above the bars."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(f"  {record.getMessage()}", highlight=False, markup=False)


class _LineHandler(logging.Handler):
    """The first and last reading of a stage, and one now and then between."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._last: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        progress: Progress = record.progress  # type: ignore[attr-defined]
        waited = time.monotonic() - self._last.get(progress.stage, 0.0)
        if waited > SECONDS_BETWEEN_LINES or progress.done == progress.total:
            self._last[progress.stage] = time.monotonic()
            self._console.print(str(progress), highlight=False, markup=False)
