"""A run that is killed, as by `kill -9`, at one transition of the ledger.

    python deadly_run.py URL STATE_FOLDER JOB TRANSITION before|after

The process kills itself just before or just after the transition is on the disk.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from doubles.gpu_jobs import SPEC  # noqa: E402
from doubles.renting import renting_from  # noqa: E402

from resources.gpu.leases.ledger import Ledger  # noqa: E402


def main(url: str, folder: str, job: str, transition: str, moment: str) -> None:
    """Rent, train, and die on the way."""
    ledger = Ledger(Path(folder))
    setattr(ledger, transition, deadly(getattr(ledger, transition), moment))
    with renting_from(url, ledger).rent(SPEC, print) as lease:
        lease.run(Path(job), on_log=print)


def deadly(act: Callable[..., Any], moment: str) -> Callable[..., Any]:
    """Die instead of doing something, or having done it."""

    def die(*arguments: Any, **options: Any) -> Any:
        if moment == "after":
            act(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return die


if __name__ == "__main__":
    main(*sys.argv[1:])
