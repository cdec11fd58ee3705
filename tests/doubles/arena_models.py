"""Models for the arena that need no training: what they do follows from what they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.play.arena.opponents.snapshots import PolicySnapshot
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import MAP_SIDE, Act, Key, Kind

Observation = Mapping[str, npt.NDArray[Any]]


class Marching:
    """Selects its soldiers, then sends them to where the enemy's keep must be, again and again."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.deterministic: set[bool] = set()

    def predict(
        self, observation: Observation, *, deterministic: bool
    ) -> tuple[npt.NDArray[np.int64], None]:
        entities = observation["entities"]
        self.asked.append(len(entities))
        self.deterministic.add(deterministic)
        actions = np.zeros((len(entities), 5), np.int64)
        keeps = (entities[..., Column.KIND] == Kind.KEEP) & (entities[..., Column.OWNER] == 0)
        keeps &= entities[..., Column.ID] >= 0
        for number, (rows, mine) in enumerate(zip(entities, keeps, strict=True)):
            if observation["status"][number, 0] % 40 < 4:
                actions[number] = (Act.KEY, 0, 0, 0, Key.SOLDIERS)
            elif mine.any():
                x, y = MAP_SIDE - 1 - rows[mine][0, [Column.X, Column.Y]]
                actions[number] = (Act.COMMAND, 0, x, y, 0)
        return actions, None


class Waiting:
    """Does nothing."""

    def predict(
        self, observation: Observation, *, deterministic: bool
    ) -> tuple[npt.NDArray[np.int64], None]:
        return np.zeros((len(observation["status"]), 5), np.int64), None


def built(snapshot: PolicySnapshot) -> Marching | Waiting:
    """A model of a snapshot of these."""
    return Marching() if snapshot.policy == "marching" else Waiting()


def snapshot_of(name: str) -> PolicySnapshot:
    """A snapshot of one of these, which have no weights to speak of."""
    return PolicySnapshot(name, {"none": np.zeros(1, np.float32)})
