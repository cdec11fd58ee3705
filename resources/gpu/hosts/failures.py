"""What a job that ended badly says for itself."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from pipeline.training.detector_program.constants import EXIT_DISK_FULL, EXIT_NO_MEMORY
from pipeline.training.job import JobSpec
from resources.gpu.hosts.shell import SIGNAL_CODES
from resources.gpu.hosts.tail import without_colours
from resources.gpu.lease import TrainingFailedError

LAST_LINES = 15


def training_failure(spec: JobSpec, code: int, log: Path) -> TrainingFailedError:
    """The error to raise for a job that ended without having done its work.

    Args:
        spec: what it was to do.
        code: its exit code: as `subprocess` or as a shell has it.
        log: everything that it said.
    """
    problem, fix = _explain(spec, code)
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    last = [line for line in map(without_colours, text.splitlines()) if line][-LAST_LINES:]
    quoted = "\n".join(f"  | {line}" for line in last) or "  | (nothing)"
    said = f"{problem} The log ends with:\n{quoted}"
    return TrainingFailedError(said, f"{fix} Log: {log}", was_killed=code in KILLED)


def _explain(spec: JobSpec, code: int) -> tuple[str, str]:
    """What went wrong and what to do, as far as the exit code tells."""
    if code == EXIT_DISK_FULL:
        return (
            "The disk of the host is full.",
            "Free some space or ask for a larger disk, then run again.",
        )
    killed = code in (-_KILL, SIGNAL_CODES + _KILL)
    if code == EXIT_NO_MEMORY or killed:
        how = "The system ended the training, most likely because it" if killed else "It"
        chosen = spec.hyperparameters
        return (
            f"{how} ran out of memory.",
            f"Lower the batch (now {chosen.batch}) or imgsz (now {chosen.imgsz}), or close "
            "other programs.",
        )
    return (
        f"The training job ended with exit code {code}.",
        "Read the last lines above, correct the cause and run again.",
    )


_KILL = 9 if sys.platform == "win32" else signal.SIGKILL
KILLED = tuple(
    code
    for number in (_KILL, signal.SIGTERM, signal.SIGHUP if hasattr(signal, "SIGHUP") else 1)
    for code in (-number, SIGNAL_CODES + number)
)
"""Exit codes of a job that the system, or whoever shuts a host down, has ended."""
