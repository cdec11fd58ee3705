"""Processes that leave nothing behind: a program and all that it starts, ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

GRACE_SECONDS = 10.0
"""What a program gets to end in order."""
KILL_SECONDS = 10.0


@contextmanager
def running(
    command: Sequence[str], output: IO[bytes], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own; the whole group ends with the block.

    Its standard input stays open for as long as this process lives, so a program that watches it
    notices even when this process is killed.

    Args:
        command: program and arguments; no shell is involved.
        output: receives standard output and error.
        folder: the program's working directory.
        environment: all of it.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a process group to end, wait, then kill what is left of it."""
    try:
        if process.poll() is None:
            _ask_to_end(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
    finally:
        # Also when a second interrupt cuts the waiting short, and also when the leader has ended
        # by itself: what it started may still run.
        _kill_group(process)
        process.wait(KILL_SECONDS)


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/PID", str(process.pid), "/T", "/F"], capture_output=True, check=False
        )
        return
    # macOS answers EPERM where nothing but zombies is left of a group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
