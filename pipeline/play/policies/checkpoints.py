"""All that going on with a training takes, as plain tensors with facts: safetensors, no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector_runtime.policies.networks import FEATURES_VERSION

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.policies.settings import Role

LAST, BEST = "last", "best"
NETWORK, MOMENTS = "network:", "moments:"
FACTS, FEATURES = "facts", "features"
FIRST_FEATURES = 1
"""Of checkpoints that do not say which version of the features they were trained on."""
DAMAGED = "Remove the folder of that policy, and train it again."
OTHER_NETWORK = "Clone the policies again, into another folder: outpost play clone."


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

        parts = {NETWORK: self.network, MOMENTS: self.moments}
        tensors = {
            f"{part}{name}": value.contiguous().cpu()
            for part, held in parts.items()
            for name, value in held.items()
        }
        facts = {
            FEATURES: FEATURES_VERSION,
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
        PolicyCheckpointError: damaged, of another policy, or of another version of the features.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = json.loads((opened.metadata() or {})[FACTS])
        features = int(facts.get(FEATURES, FIRST_FEATURES))
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
    if features != FEATURES_VERSION:
        raise PolicyCheckpointError(
            f"{file} was trained on version {features} of the features, and this Outpost makes "
            f"version {FEATURES_VERSION}.",
            OTHER_NETWORK,
        )
    return found


@dataclass(frozen=True)
class KeptCheckpoint:
    """One of the checkpoints of a folder of policies, without its weights.

    Attributes:
        name: best, last, or that of its epoch.
        epoch: how many were done.
        held_out: measures of that epoch on held-out sessions.
    """

    role: Role
    name: str
    epoch: int
    held_out: dict[str, float]
    bytes: int


def kept_checkpoints(folder: Path, role: Role) -> list[KeptCheckpoint]:
    """Those of one policy in a folder of policies, by name; torch is not needed.

    Raises:
        PolicyCheckpointError: one is damaged.
    """
    from safetensors import SafetensorError, safe_open

    kept = []
    for file in sorted((folder / role).glob("*.safetensors")):
        try:
            with safe_open(file, "np") as opened:
                facts = json.loads((opened.metadata() or {})[FACTS])
            measures = facts["history"][-1]["held_out"]
        except (OSError, SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
            raise PolicyCheckpointError(
                f"The checkpoint {file} cannot be read: {error}", DAMAGED
            ) from error
        size = file.stat().st_size
        kept.append(KeptCheckpoint(role, file.stem, facts["epoch"], measures, size))
    return kept


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
