"""The training job, on any host: `python program.pyz job.json`.

The program is this package, packed as a zipapp (`pipeline.training.job.pack_program`). It needs
Python 3.10, ultralytics and what that brings, and nothing of Outpost.

    job.json            what to do (`pipeline.training.job.JobSpec`)
    program.pyz         this package
    data/               the training set, when the job trains
    *.pt                weights to start from or to export, when they are at hand
    resume.pt           a `checkpoint.pt` to go on from, with `resume.json`, its `checkpoint.json`
    stop                when it appears, training ends after the epoch and the job goes on to export
    work/               scratch: everything that ultralytics writes
    outputs/            what comes back; `done.json` is written last and only when all went well
        plots/          what ultralytics draws; of several stages, each in a folder of its own

Every line of `outputs/metrics.jsonl` is one event (`pipeline.training.results`). While it trains,
`outputs/checkpoint.pt` is the newest whole checkpoint and all that going on from it takes;
`outputs/checkpoint.json` says which epoch of which stage it is, its digest and its size. A job that
is started again in its folder goes on from there by itself.

With `--lifeline` the job ends when its standard input is closed, so that it cannot outlive the
process that started it. SIGTERM ends it too: at once, with what there is.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from .acceleration.cores import usable_cores
from .acceleration.cpu import share_the_cores
from .export import export
from .host import environment, keep_to_the_folder
from .process import exit_code_of, stop_on_request, stop_when_abandoned
from .recording.checkpoints import newest_checkpoint
from .recording.outputs import Outputs
from .training import Training
from .ultralytics_patches import patch_ultralytics
from .weights import described, find_weights


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    stop_on_request()
    if "--lifeline" in arguments:
        stop_when_abandoned()
    folder = Path(arguments[0]).resolve().parent
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    try:
        with Outputs(folder / "outputs") as outputs:
            return run_and_explain(job, folder, outputs)
    except OSError as error:
        traceback.print_exc()
        return exit_code_of(error)


def run_and_explain(job: dict[str, Any], folder: Path, outputs: Outputs) -> int:
    """Run the job; a failure is told as the last event, and by the exit code."""
    try:
        run(job, folder, outputs)
    except SystemExit:
        outputs.event("message", message="Asked to end at once; what there is was kept")
        raise
    except Exception as error:
        traceback.print_exc()
        outputs.event("failed", message=f"{type(error).__name__}: {error}"[:2000])
        return exit_code_of(error)
    return 0


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train and export, as far as the job asks for it."""
    work = folder / "work"
    keep_to_the_folder(work)
    print(f"On a processor {share_the_cores()}")
    outputs.event("stage", stage="prepare", message="Loading ultralytics")
    patch_ultralytics(work, usable_cores())
    saved = newest_checkpoint(job, folder, outputs) if "train" in job["stages"] else None
    weights = None if saved else find_weights(job, folder, work, outputs)
    started_from = saved.state["weights"] if saved else described(weights)
    outputs.json("environment.json", environment() | {"weights": started_from})
    if "train" in job["stages"]:
        weights = Training(job, folder, outputs, started_from).run(weights, saved)
    if "export" in job["stages"]:
        if weights is None:
            raise FileNotFoundError(f"{job['weights']} is not in the job's folder to be exported")
        export(job, weights, work, outputs)
    outputs.finish()
