"""A kind of job that is no training, with a program, requirements and events of its own."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.jobs.events import EVENT_TYPES, EpochEvent
from pipeline.jobs.folder import write_job_folder
from pipeline.jobs.spec import JobSpec, pinned


class SumEvent(EpochEvent):
    """One more number is in the sum."""

    total: int


SUM = JobSpec(
    name="sum",
    requirements=pinned(("PyYAML",)),
    event_types={**EVENT_TYPES, "epoch": SumEvent},
    large_outputs=("checkpoint.pt", "total.txt"),
    memory_fix="Add fewer numbers.",
)


def write_sum_job(
    folder: Path, epochs: int = 3, seconds: float = 0.05, fails_after: int | None = None
) -> Path:
    """A folder with the job of adding the numbers up to `epochs`; its job file."""
    job = {"epochs": epochs, "seconds": seconds, "fails_after": fails_after}
    return write_job_folder(folder, "doubles.sum_program", json.dumps(job), {})
