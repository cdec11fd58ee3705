"""All that going on with a training takes, as plain tensors with facts: safetensors, no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.policies.settings import Role

LAST, BEST = "last", "best"
NETWORK, MOMENTS = "network:", "moments:"
FACTS = "facts"
DAMAGED = "Remove the folder of that policy, and train it again."


class PolicyCheckpointError(OutpostError):
    """A checkpoint that cannot be read, or is of something else."""


@dataclass(frozen=True, eq=False)
class PolicyCheckpoint:
    """A training after an epoch.

    Attributes:
        epoch: how many are done.
        trained: facts that must be the same to go on: settings, sessions.
        history: measures of each epoch.
        network: tensors by name.
        moments: AdamW's, by the number of the weight and the name; none in one that is to play.
    """

    role: Role
    epoch: int
    trained: dict[str, Any]
    history: tuple[dict[str, Any], ...]
    network: dict[str, Any]
    moments: dict[str, Any]

    def write(self, file: Path) -> None:
        """Write it whole; equal trainings, equal bytes."""
        from safetensors.torch import save_file

        tensors = {
            **{f"{NETWORK}{name}": value.contiguous() for name, value in self.network.items()},
            **{f"{MOMENTS}{name}": value.contiguous() for name, value in self.moments.items()},
        }
        facts = {
            "role": self.role,
            "epoch": self.epoch,
            "trained": self.trained,
            "history": self.history,
        }
        with replacing(file) as fresh:
            save_file(tensors, fresh, {FACTS: json.dumps(facts, sort_keys=True)})


def read_checkpoint(file: Path, role: Role) -> PolicyCheckpoint:
    """Read what was written.

    Raises:
        PolicyCheckpointError: damaged, or of another policy.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = json.loads((opened.metadata() or {})[FACTS])
        found = PolicyCheckpoint(
            facts["role"],
            int(facts["epoch"]),
            dict(facts["trained"]),
            tuple(facts["history"]),
            _part(tensors, NETWORK),
            _part(tensors, MOMENTS),
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PolicyCheckpointError(
            f"The checkpoint {file} cannot be read: {error}", DAMAGED
        ) from error
    if found.role != role:
        raise PolicyCheckpointError(f"{file} is of a {found.role}, not of a {role}.", DAMAGED)
    return found


def file_of(folder: Path, name: str) -> Path:
    """Where the checkpoint of that name is."""
    return folder / f"{name}.safetensors"


def epoch_file(folder: Path, epoch: int) -> Path:
    """Where the checkpoint after an epoch is."""
    return file_of(folder, f"epoch-{epoch:05}")


def prune(folder: Path, kept: int) -> None:
    """Remove checkpoints of epochs but the latest."""
    files: Sequence[Path] = sorted(folder.glob("epoch-*.safetensors"))
    for file in files[: max(0, len(files) - kept)]:
        file.unlink()


def _part(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
