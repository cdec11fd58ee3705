"""A policy as it was, as one file: plain tensors, and facts as JSON in its header.

Safetensors and nothing else: reading a snapshot runs no code of whoever wrote it. What builds the
network again is chosen by the reader, by the name that the facts have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.simulator.games import MOST_PLAYERS_A_SIDE

FACTS = "facts"
SUFFIX = ".safetensors"


class SnapshotError(OutpostError):
    """A snapshot that cannot be read."""


class SnapshotFacts(Record):
    """What a snapshot says of itself."""

    policy: str = Field(min_length=1, description="What kind of policy, for who builds it again.")
    version: int = Field(ge=0, description="Rises from one snapshot of a training to the next.")
    players_a_side: int = Field(ge=1, le=MOST_PLAYERS_A_SIDE, description="That it plays with.")
    settings: dict[str, Any] = Field(description="What building it takes beside its weights.")


@dataclass(frozen=True, eq=False)
class PolicySnapshot:
    """A policy's weights, and what building it again takes.

    Attributes:
        policy: what kind it is.
        tensors: its weights by name.
        settings: plain values of JSON.
        players_a_side: that it plays with.
        version: given by the pool that it is added to.
    """

    policy: str
    tensors: Mapping[str, npt.NDArray[Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    players_a_side: int = 1
    version: int = 0

    def to_bytes(self) -> bytes:
        """What its file holds; of equal snapshots the same."""
        from safetensors.numpy import save

        facts = SnapshotFacts(
            policy=self.policy,
            version=self.version,
            players_a_side=self.players_a_side,
            settings=dict(self.settings),
        )
        tensors = {name: np.ascontiguousarray(value) for name, value in self.tensors.items()}
        content: bytes = save(tensors, {FACTS: json.dumps(facts.model_dump(), sort_keys=True)})
        return content


def read_snapshot(file: Path) -> PolicySnapshot:
    """Read what `to_bytes` gave.

    Raises:
        SnapshotError: it is gone, cut off, or something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = SnapshotFacts.model_validate_json((opened.metadata() or {})[FACTS])
    except (OSError, SafetensorError, KeyError, ValidationError) as error:
        raise SnapshotError(
            f"The snapshot {file} cannot be read: {error}",
            "Name the file of a policy. A pool goes on without this one: remove it there.",
        ) from error
    return PolicySnapshot(
        facts.policy, tensors, facts.settings, facts.players_a_side, facts.version
    )
