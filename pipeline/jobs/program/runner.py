"""The way through every job program: `python program.pyz job.json [--lifeline]`.

With `--lifeline` the program ends when its standard input is closed, so that it cannot outlive the
process that started it. SIGTERM ends it too: at once, with what it has kept by then.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import (
    CHECKPOINT_FILE,
    EXIT_STOPPED,
    JOB_FILE,
    LIFELINE,
    OUTPUTS_FOLDER,
)
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.process import exit_code_of, stop_on_request, stop_when_abandoned

Work = Callable[[dict[str, Any], Path, Outputs], None]
"""What a program does: with the content of its job file, the job's folder, and the outputs, which
it has to `finish`."""


def run_program(arguments: list[str], work: Work) -> int:
    """Do the work of the job that a file describes and return the exit code."""
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    stop_on_request()
    if LIFELINE in arguments:
        stop_when_abandoned()
    folder = Path(arguments[0]).resolve().parent
    job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    try:
        with Outputs(folder / OUTPUTS_FOLDER) as outputs:
            return run_and_explain(job, folder, outputs, work)
    except OSError as error:
        traceback.print_exc()
        return exit_code_of(error)


def run_and_explain(job: dict[str, Any], folder: Path, outputs: Outputs, work: Work) -> int:
    """Do the work; a failure is told as the last event, and by the exit code."""
    try:
        work(job, folder, outputs)
    except SystemExit as request:
        if request.code == EXIT_STOPPED:
            has_checkpoint = (outputs.folder / CHECKPOINT_FILE).is_file()
            kept = "; the newest checkpoint was kept" if has_checkpoint else ""
            outputs.event("message", message=f"Asked to end at once{kept}")
        raise
    except Exception as error:
        traceback.print_exc()
        outputs.event("failed", message=f"{type(error).__name__}: {error}"[:2000])
        return exit_code_of(error)
    return 0
