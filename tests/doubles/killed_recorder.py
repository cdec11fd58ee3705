"""A process that records events and says how many it has written, until it is killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from doubles.sessions import session_info

from pipeline.play.recordings.events import KeyEvent
from pipeline.play.recordings.writer import SessionWriter


def record(folder: Path) -> None:
    """Bursts of events and pauses; a number on a line after each burst."""
    began = time.monotonic_ns()
    with SessionWriter(folder, session_info("killed")) as writer:
        for count in range(1, 1_000_000):
            event = KeyEvent(actor="person", kind="press", key=f"K{count}")
            writer.write(time.monotonic_ns() - began, event)
            if count % 10 == 0:
                print(count, flush=True)
            if count % 500 == 0:
                time.sleep(0.02)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
