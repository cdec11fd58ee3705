"""Why a job ended without having done its work."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.jobs.events import EventError, FailedEvent, read_events
from pipeline.jobs.program.constants import (
    EVENTS_FILE,
    EXIT_DISK_FULL,
    EXIT_KILLED,
    EXIT_NO_MEMORY,
    EXIT_STOPPED,
    LOG_FILE,
    SIGNAL_CODES,
)
from pipeline.jobs.spec import JobSpec
from pipeline.jobs.tail import without_colours

LAST_LINES = 15


class JobFailedError(OutpostError):
    """A job that ended without having done its work. Its outputs so far and its log are kept.

    Attributes:
        was_killed: a signal from outside ended it, as far as its exit code tells.
    """

    def __init__(self, problem: str, fix: str, was_killed: bool = False) -> None:
        super().__init__(problem, fix)
        self.was_killed = was_killed


def job_failure(spec: JobSpec, code: int, outputs: Path) -> JobFailedError:
    """The error to raise for a job that ended without having done its work.

    Args:
        spec: the kind of job.
        code: its exit code: as `subprocess` or as a shell has it.
        outputs: the folder that it wrote to, with its log and its events.
    """
    try:
        *_, last_event = (None, *read_events(outputs / EVENTS_FILE, spec.event_types))
    except (OSError, EventError):
        last_event = None
    told = last_event.message if isinstance(last_event, FailedEvent) else ""
    problem, fix = _explain(spec, code, told)
    log = outputs / LOG_FILE
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    last = [line for line in map(without_colours, text.splitlines()) if line][-LAST_LINES:]
    quoted = "\n".join(f"  | {line}" for line in last) or "  | (nothing)"
    ends = f"{problem} The log ends with:\n{quoted}"
    return JobFailedError(ends, f"{fix} Log: {log}", was_killed=code in KILLED)


def _explain(spec: JobSpec, code: int, told: str) -> tuple[str, str]:
    """What went wrong and what to do, as far as the exit code and the program itself tell."""
    if code == EXIT_DISK_FULL:
        return (
            "The disk of the host is full.",
            "Free some space or ask for a larger disk, then run again.",
        )
    if code in _either(EXIT_STOPPED):
        return (
            f"The {spec.name} was asked to end from outside.",
            "Run it again; `resume` goes on from its newest checkpoint, if it had finished an "
            "epoch.",
        )
    killed = code in _either(EXIT_KILLED)
    if code == EXIT_NO_MEMORY or killed:
        how = f"The system ended the {spec.name}, most likely because it" if killed else "It"
        return f"{how} ran out of memory.", spec.memory_fix
    fix = "Read the last lines above, correct the cause and run again."
    if told:
        return f"The {spec.name} failed: {told}.", fix
    return f"The {spec.name} ended with exit code {code}.", fix


def _either(code: int) -> tuple[int, int]:
    """An exit code of a process that a signal ended, as a shell and as `subprocess` has it."""
    return code, SIGNAL_CODES - code


_EXIT_HUNG_UP = SIGNAL_CODES + 1
KILLED = (*_either(EXIT_KILLED), *_either(EXIT_STOPPED), *_either(_EXIT_HUNG_UP))
"""Exit codes of a job that the system, or whoever shuts a host down, has ended."""
