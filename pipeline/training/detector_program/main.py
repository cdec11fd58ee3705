"""The training job, on any host: `python program.pyz job.json`.

It needs Python 3.10, ultralytics and what that brings. Of the job's folder
(`pipeline.jobs.program.constants`), these are its own:

    job.json            what to do (`pipeline.training.job.TrainingSpec`)
    data/               the training set, when the job trains
    *.pt                weights to start from or to export, when they are at hand
    work/               everything that ultralytics writes
    outputs/plots/      what ultralytics draws; of several stages, each in a folder of its own

Events are those of `pipeline.training.results`. When `stop` appears, training ends after the epoch
and the job goes on to export. A job that is started again in its folder goes on from its newest
checkpoint by itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from detector_runtime.system.cores import usable_cores

from pipeline.jobs.program.constants import ENVIRONMENT_FILE, WORK_FOLDER
from pipeline.jobs.program.host import environment
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.runner import run_program

from .acceleration.waiting import ThreadsGiveWay, prepare_to_share
from .export import export
from .recording.checkpoints import newest_checkpoint
from .training import Training
from .ultralytics_patches import patch_ultralytics
from .weights import described, find_weights


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    return run_program(arguments, run)


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train and export, as far as the job asks for it."""
    work = folder / WORK_FOLDER
    keep_to_the_folder(work)
    chosen = prepare_to_share()
    outputs.event("stage", stage="prepare", message="Loading ultralytics")
    patch_ultralytics(work, usable_cores())
    saved = newest_checkpoint(job, folder, outputs) if "train" in job["stages"] else None
    weights = None if saved else find_weights(job, folder, work, outputs)
    started_from = saved.state["weights"] if saved else described(weights)
    import ultralytics

    own = {"ultralytics": ultralytics.__version__, "weights": started_from}
    outputs.json(ENVIRONMENT_FILE, environment() | own)
    if "train" in job["stages"]:
        with ThreadsGiveWay(chosen):
            weights = Training(job, folder, outputs, started_from).run(weights, saved)
    if "export" in job["stages"]:
        if weights is None:
            raise FileNotFoundError(f"{job['weights']} is not in the job's folder to be exported")
        export(job, weights, work, outputs)
    outputs.finish()


def keep_to_the_folder(work: Path) -> None:
    """Have libraries write below `work` and nowhere else, and install nothing by themselves."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_CONFIG_DIR=str(work / "config"),
        MPLCONFIGDIR=str(work / "config"),
        # Others open windows, or look for a screen.
        MPLBACKEND="Agg",
        YOLO_AUTOINSTALL="false",
        # No look-up of newer releases and no usage statistics, both of which hang behind a
        # firewall. Weights are downloaded all the same.
        YOLO_OFFLINE="true",
        # Official builds of onnxruntime write an identifier to the home folder and report to
        # Microsoft unless this is set before the first import.
        ORT_DISABLE_TELEMETRY="1",
    )
