"""Checkpoints: the one that training goes on from, and those that are published."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import CHECKPOINT_FILE, RESUME_FILE
from pipeline.jobs.program.outputs import Outputs, sha256_of, sidecar_of

from ..constants import STATE_KEY


class CheckpointError(RuntimeError):
    """A checkpoint from which no training can go on."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a training can go on from.

    Attributes:
        content: as ultralytics wrote it.
        state: what `Recorder.keep` added to it.
    """

    content: dict[str, Any]
    state: dict[str, Any]

    @property
    def stage(self) -> str:
        """The stage of training that it is of."""
        return str(self.state["stage"])

    @property
    def epoch(self) -> int:
        """Finished epochs of that stage."""
        return int(self.content["epoch"]) + 1


def newest_checkpoint(job: dict[str, Any], folder: Path, outputs: Outputs) -> Checkpoint | None:
    """What the job can go on from: the checkpoint that came with it, or a later one of its own.

    Raises:
        CheckpointError: the one that came with it is damaged or of no use.
    """
    names = [entry["name"] for entry in job["training"]]
    found = []
    if (folder / RESUME_FILE).is_file():
        found.append(read_checkpoint(folder / RESUME_FILE, names))
    if (outputs.folder / CHECKPOINT_FILE).is_file():
        # Renamed into place, so it is whole even when its sidecar is still that of the one before.
        try:
            found.append(read_checkpoint(outputs.folder / CHECKPOINT_FILE, names, checked=False))
        except CheckpointError as error:
            outputs.event("message", message=f"{error} It is left aside.")
    return max(found, key=lambda item: (names.index(item.stage), item.epoch), default=None)


def read_checkpoint(file: Path, stages: list[str], checked: bool = True) -> Checkpoint:
    """Read a checkpoint to go on from.

    Whoever was killed between publishing a checkpoint and its sidecar has left a whole one with the
    sidecar of the one before it.

    Raises:
        CheckpointError: it differs from what its sidecar says and is not of a later epoch, cannot
            be read, has been stripped, or is of a job with other stages.
    """
    sidecar = sidecar_of(file)
    described = _read_sidecar(sidecar) if checked and sidecar.is_file() else None
    if described is None or sha256_of(file) == described["sha256"]:
        return _load(file, stages)
    damaged = CheckpointError(f"{file.name} is not what {sidecar.name} says: it is damaged.")
    try:
        found = _load(file, stages)
    except CheckpointError as error:
        raise damaged from error
    if not _is_later(found, described, stages):
        raise damaged
    return found


def _read_sidecar(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        str(content["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file.name} does not describe a checkpoint: it is damaged ({error!r}). Delete it to "
            "go on from the checkpoint unchecked."
        ) from error
    return content


def _is_later(checkpoint: Checkpoint, described: dict[str, Any], stages: list[str]) -> bool:
    """Whether a checkpoint is of a later epoch than the described one."""
    stage, epoch = described.get("stage"), described.get("epoch")
    if stage not in stages or not isinstance(epoch, int):
        return False
    return (stages.index(stage), epoch) < (stages.index(checkpoint.stage), checkpoint.epoch)


def _load(file: Path, stages: list[str]) -> Checkpoint:
    import torch

    try:
        content = torch.load(file, map_location="cpu", weights_only=False)
    except (
        Exception
    ) as error:  # a cut-off zip, a foreign pickle, a missing class: no use either way
        raise CheckpointError(f"{file.name} cannot be read: {error}") from error
    state = content.pop(STATE_KEY, None) if isinstance(content, dict) else None
    if state is None or content.get("optimizer") is None:
        raise CheckpointError(
            f"{file.name} holds weights without what going on takes: start from them instead."
        )
    if state["stage"] not in stages:
        raise CheckpointError(
            f"{file.name} is of stage {state['stage']}, which this job has not: {stages}."
        )
    return Checkpoint(content, state)


def without_optimizer(file: Path) -> bytes:
    """A checkpoint as good for everything but going on from it."""
    import torch

    content = torch.load(file, map_location="cpu", weights_only=False)
    content["optimizer"] = None
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def publish_checkpoint(source: Path, outputs: Outputs, name: str) -> Path:
    """Copy a finished checkpoint without what says where and when it was made."""
    import torch

    checkpoint = torch.load(source, map_location="cpu", weights_only=False)
    for key in ("git", "date", STATE_KEY):
        checkpoint.pop(key, None)
    for settings in (checkpoint["train_args"], checkpoint["model"].args):
        for key in {"data", "model", "project", "save_dir", "resume"} & set(settings):
            settings[key] = Path(str(settings[key])).name if settings[key] else settings[key]
    with outputs.replacing(name) as temporary:
        torch.save(checkpoint, temporary)
    return outputs.folder / name
