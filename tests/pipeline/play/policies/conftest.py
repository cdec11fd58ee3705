"""A little play, and networks that are small enough to learn of it in a moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.settings import CloneSettings, RoleSettings


@pytest.fixture(scope="session")
def shown() -> list[Demonstration]:
    """Three games."""
    return demonstrate("scripted_l5", "scripted_l3", range(3))


@pytest.fixture(scope="session")
def little(shown: list[Demonstration]) -> list[Demonstration]:
    """The beginnings of two games."""
    ticks = slice(0, 700)
    return [
        Demonstration(
            one.name,
            one.player,
            one.entities[ticks],
            one.status[ticks],
            one.actions[ticks],
            one.goals[ticks],
            one.targets[ticks],
            one.scores[: 700 + 1],
            0,
        )
        for one in shown[:2]
    ]


@pytest.fixture
def tiny() -> CloneSettings:
    """A network of eight features."""
    role = RoleSettings(epochs=4, batch=32, learning_rate=3e-3)
    return CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2, keep_every=1
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums of floats are the same with as many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
