"""Adds 1, 2, 3 and so on, one number an epoch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import CHECKPOINT_FILE, RESUME_FILE, STOP_FILE
from pipeline.jobs.program.outputs import Outputs
from pipeline.jobs.program.runner import run_program

STAGE = "add"


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    return run_program(arguments, add)


def add(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Add up to `epochs`; fail after `fails_after` of them."""
    import yaml

    outputs.json("environment.json", {"device": "an abacus", "gpu": None, "yaml": yaml.__version__})
    epoch, total = newest(folder, outputs)
    if epoch:
        print(f"going on after {epoch}")
    while epoch < job["epochs"] and not (folder / STOP_FILE).exists():
        time.sleep(job["seconds"])
        epoch, total = epoch + 1, total + epoch + 1
        place = {"stage": STAGE, "epoch": epoch, "epochs": job["epochs"]}
        state = json.dumps([epoch, total])
        outputs.keep_checkpoint(lambda file, text=state: file.write_text(text), **place)
        outputs.event("epoch", **place, epoch_seconds=job["seconds"], total=total)
        if epoch == job.get("fails_after"):
            raise MemoryError("the abacus is full")
    outputs.text("total.txt", f"{total}\n")
    outputs.finish()


def newest(folder: Path, outputs: Outputs) -> tuple[int, int]:
    """Epoch and sum of the checkpoint that is furthest."""
    files = (folder / RESUME_FILE, outputs.folder / CHECKPOINT_FILE)
    found = [json.loads(file.read_text()) for file in files if file.is_file()]
    epoch, total = max(found, default=(0, 0))
    return epoch, total
