"""Policies that take a moment to clone, and moments of their play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.examples import Examples, strategist_examples
from pipeline.play.policies.settings import CloneSettings, RoleSettings


@pytest.fixture(scope="session")
def watched() -> list[Demonstration]:
    """Two games."""
    return demonstrate("scripted_l5", "scripted_l3", range(7, 9))


@pytest.fixture(scope="session")
def moments(watched: list[Demonstration]) -> Examples:
    """What a strategist learns from them."""
    return strategist_examples(watched, 2)


@pytest.fixture(scope="session")
def cloned(watched: list[Demonstration], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of policies that know next to nothing."""
    role = RoleSettings(epochs=1, batch=256, learning_rate=1e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    folder = tmp_path_factory.mktemp("cloned")
    clone(watched, settings, folder)
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
