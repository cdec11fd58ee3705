"""Progress on a terminal: a bar where there is one, lines where output goes to a file."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

from assets.core.building import NOTICE_LOGGER
from pipeline.progress import Progress
from resources.run_log import PROGRESS_LOGGER

SECONDS_BETWEEN_LINES = 10.0
Listener = Callable[[logging.LogRecord], None]


@contextmanager
def progress_shown(console: Console) -> Iterator[None]:
    """Show every stage that reports while the block runs."""

    def show_notice(record: logging.LogRecord) -> None:
        console.print(f"  {record.getMessage()}", highlight=False, markup=False)

    with (
        _bars(console) if console.is_terminal else nullcontext(_lines(console)) as show,
        _listening(PROGRESS_LOGGER, show),
        _listening(NOTICE_LOGGER, show_notice),
    ):
        yield


class _Handler(logging.Handler):
    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        self._listener(record)


@contextmanager
def _listening(logger: logging.Logger, listener: Listener) -> Iterator[None]:
    handler = _Handler(listener)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _bars(console: Console) -> Iterator[Listener]:
    """One bar per stage."""
    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=console) as bars:

        def show(record: logging.LogRecord) -> None:
            progress: Progress = record.progress  # type: ignore[attr-defined]
            if progress.stage not in tasks or progress.done == 0:
                tasks[progress.stage] = bars.add_task(progress.stage, left="")
            bars.update(
                tasks[progress.stage],
                total=progress.total,
                completed=progress.done,
                left=progress.time_left,
            )

        yield show


def _lines(console: Console) -> Listener:
    """The first and last reading of a stage, and one now and then between."""
    last: dict[str, float] = {}

    def show(record: logging.LogRecord) -> None:
        progress: Progress = record.progress  # type: ignore[attr-defined]
        waited = time.monotonic() - last.get(progress.stage, 0.0)
        if waited > SECONDS_BETWEEN_LINES or progress.done == progress.total:
            last[progress.stage] = time.monotonic()
            console.print(str(progress), highlight=False, markup=False)

    return show
