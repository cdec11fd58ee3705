"""Tiny policies of a weak player, and the play of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from pipeline.play.shadow.settings import ShadowSettings


@pytest.fixture(scope="session")
def old() -> list[Demonstration]:
    """Two games that the policies were cloned from."""
    return demonstrate("scripted_l3", "scripted_l2", range(2))


@pytest.fixture(scope="session")
def watched() -> list[Demonstration]:
    """Two games of another player."""
    return demonstrate("scripted_l5", "scripted_l3", range(2))


@pytest.fixture(scope="session")
def policies(tmp_path_factory, old) -> Path:
    """Policies with eight features. Not to be changed."""
    role = RoleSettings(epochs=1, batch=128, learning_rate=3e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    folder = tmp_path_factory.mktemp("policies")
    clone(old, settings, folder)
    return folder


@pytest.fixture
def brief() -> ShadowSettings:
    """A training of four steps every ten seconds of play."""
    return ShadowSettings(
        interval=10, steps=4, smallest=16, minutes=3, learning_rate=3e-3, keep_every=2, kept=2
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums of floats are the same with as many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
