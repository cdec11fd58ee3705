"""The checkpoint that a job is continued from: what describes it, and how it is laid out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.files import replacing, write_json, write_text
from pipeline.jobs.program.constants import (
    CHECKPOINT_DESCRIPTION,
    CHECKPOINT_FILE,
    EVENTS_FILE,
    OUTPUTS_FOLDER,
    RESUME_FILE,
)
from pipeline.jobs.program.outputs import sidecar_of


class CheckpointDescription(BaseModel):
    """Which epoch a checkpoint is of, and what its bytes must be; lies beside it as JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: str = "train"
    epoch: int = Field(ge=0, description="Finished epochs of that stage.")
    epochs: int = Field(ge=0, description="Asked for.")
    sha256: str
    bytes: int = Field(ge=0)

    def write(self, outputs: Path) -> None:
        """Write it beside the checkpoint in a folder of outputs, as the program does: whole."""
        with replacing(outputs / CHECKPOINT_DESCRIPTION) as neighbour:
            write_json(neighbour, self.model_dump())

    @classmethod
    def beside(cls, checkpoint: Path) -> CheckpointDescription | None:
        """Of a checkpoint; None where nothing that can be read describes it."""
        try:
            return cls.model_validate_json(sidecar_of(checkpoint).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None


def prepare_to_resume(folder: Path) -> str:
    """Lay a job's newest checkpoint where its program, started on another host, goes on from it.

    The newest is the one in the outputs, else the one that the job had begun with; it stays in the
    outputs as well, for those who go on from there. Epochs that were told after it are forgotten:
    they will be computed and told again.

    Args:
        folder: of the job.

    Returns:
        Where the next host begins, for people.
    """
    outputs, resume = folder / OUTPUTS_FOLDER, folder / RESUME_FILE
    checkpoint, events = outputs / CHECKPOINT_FILE, outputs / EVENTS_FILE
    if checkpoint.is_file() and sidecar_of(checkpoint).is_file():
        # What lies there may be another name of somebody's own checkpoint.
        for name in (resume, sidecar_of(resume)):
            name.unlink(missing_ok=True)
        shutil.copyfile(checkpoint, resume)
        shutil.copyfile(sidecar_of(checkpoint), sidecar_of(resume))
    elif not resume.is_file():
        events.unlink(missing_ok=True)
        return "Starting over on another host: no checkpoint had been fetched yet."
    description = CheckpointDescription.beside(resume)
    if description is None:
        events.unlink(missing_ok=True)
        return "Resuming on another host from the checkpoint that this job began with."
    if events.is_file():
        write_text(events, _events_until(events.read_text(encoding="utf-8"), description))
    return f"Resuming on another host after epoch {description.epoch}."


def _events_until(text: str, checkpoint: CheckpointDescription) -> str:
    """The whole lines up to the end of a checkpoint's epoch, if that was told."""
    *lines, _ = text.split("\n")
    for index, line in enumerate(lines):
        event = json.loads(line)
        place = (event.get("stage", "train"), event.get("epoch"))
        if event["event"] == "epoch" and place == (checkpoint.stage, checkpoint.epoch):
            lines = lines[: index + 1]
            break
    return "".join(f"{line}\n" for line in lines)
