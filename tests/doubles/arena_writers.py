"""What other processes write, while a test looks on; no test module, so that they start quickly."""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.arena.opponents.pool import OpponentPool
from pipeline.play.arena.opponents.snapshots import PolicySnapshot
from pipeline.play.arena.ratings.elo import EloRegistry


def rate_many(file: Path, name: str, games: int) -> None:
    """Rate games of somebody against everybody, one by one."""
    registry = EloRegistry(file)
    for number in range(games):
        registry.update_both(name, "everybody", 1.0, match_id=f"{name} {number}")


def rate_until_killed(file: Path, tell: Connection) -> None:
    """Rate games without end, and tell after each."""
    registry = EloRegistry(file)
    for number in range(100_000):
        registry.update("mine", "random", 1.0, match_id=str(number))
        tell.send(number)


def add_many(folder: Path, size: int, versions: Iterable[int]) -> None:
    """Add snapshots to a pool."""
    pool = OpponentPool(folder, size)
    for version in versions:
        pool.add(policy(version), version)


def policy(value: float) -> PolicySnapshot:
    """A policy with one value in all its weights."""
    tensors: dict[str, npt.NDArray[Any]] = {
        "weight": np.full((3, 2), value, np.float32),
        "count": np.arange(4),
    }
    return PolicySnapshot("linear", tensors, {"width": 2, "names": ["a", "b"]})
