"""Tiny policies of a weak player, and games in which they see what they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from doubles.true_games import TrueGame, true_game

from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings


@pytest.fixture(scope="session")
def games() -> list[TrueGame]:
    """A careful player against a hasty one, and players that miss."""
    return [
        true_game("scripted_l5", "scripted_l3", 0),
        true_game("scripted_l2", "scripted_l3", 0),
        true_game("scripted_l2", "scripted_l3", 1),
        true_game("scripted_l2", "scripted_l5", 0),
        true_game("scripted_l1", "scripted_l3", 1),
    ]


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Policies with eight features. Not to be changed."""
    role = RoleSettings(epochs=1, batch=128, learning_rate=3e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    folder = tmp_path_factory.mktemp("policies")
    clone(demonstrate("scripted_l3", "scripted_l2", range(2)), settings, folder)
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums of floats are the same with as many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
