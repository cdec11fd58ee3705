"""All that going on with a training takes, as plain tensors in a safetensors file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import CHECKPOINT_FILE, RESUME_FILE
from pipeline.jobs.program.outputs import Outputs

from .constants import FACTS_KEY

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


@dataclass(frozen=True)
class ClassifierCheckpoint:
    """A training between two epochs.

    Attributes:
        tensors: by the part of the training and the name there, joined by a colon.
        facts: of JSON: `epoch` (finished ones), `classes`, `best_loss`, `waited`, `epochs`.
    """

    tensors: dict[str, Any]
    facts: dict[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """Tensors of one part by their names in it."""
        prefix = f"{name}:"
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def write(self, file: Path) -> None:
        """Write it; equal trainings, equal bytes."""
        from safetensors.torch import save_file

        tensors = {name: tensor.contiguous().cpu() for name, tensor in self.tensors.items()}
        save_file(tensors, file, {FACTS_KEY: json.dumps(self.facts, sort_keys=True)})


def newest_checkpoint(
    job: dict[str, Any], folder: Path, outputs: Outputs
) -> ClassifierCheckpoint | None:
    """What an earlier start of the same training has kept; None where there is nothing."""
    found = [
        read_checkpoint(file)
        for file in (folder / RESUME_FILE, outputs.folder / CHECKPOINT_FILE)
        if file.is_file()
    ]
    newest = max(found, key=lambda checkpoint: checkpoint.facts["epoch"], default=None)
    if newest is not None and newest.facts["classes"] != list(job["classes"]):
        raise ValueError("the checkpoint is of a training with other names")
    return newest


def read_checkpoint(file: Path) -> ClassifierCheckpoint:
    """Read what `ClassifierCheckpoint.write` wrote."""
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return ClassifierCheckpoint(tensors, json.loads(opened.metadata()[FACTS_KEY]))


def moments_of(optimizer: Any) -> dict[str, Any]:
    """AdamW's state by the number of the weight and the name of the moment."""
    return {
        f"{number}.{name}": optimizer.state[weight][name]
        for number, weight in enumerate(weights_of(optimizer))
        if weight in optimizer.state
        for name in (*MOMENTS, "step")
    }


def restore_moments(optimizer: Any, moments: dict[str, Any]) -> None:
    """Give AdamW back what `moments_of` took."""
    for number, weight in enumerate(weights_of(optimizer)):
        names = [name for name in (*MOMENTS, "step") if f"{number}.{name}" in moments]
        if names:
            state = {name: moments[f"{number}.{name}"] for name in names}
            for name in MOMENTS:
                state[name] = state[name].to(weight.device).view_as(weight)
            optimizer.state[weight] = state


def weights_of(optimizer: Any) -> list[Any]:
    """All weights of an optimizer, in its order."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]
