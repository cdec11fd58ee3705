"""Moments of a game, and a detector that is told what is drawn."""

from __future__ import annotations

import pytest
from doubles.told_detector import ToldDetector

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.scripted import ScriptedPlayers


@pytest.fixture(scope="session")
def moments() -> tuple[Games, Games]:
    """A game after 40 seconds, and four ticks later."""
    games, players = Games.start([3]), ScriptedPlayers.start([3], ("scripted_l5", "scripted_l3"))
    for _tick in range(800):
        games.step(players.act(games))
    before = games.copy()
    for _tick in range(4):
        games.step(players.act(games))
    return before, games


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> ToldDetector:
    """Sees all that is drawn, to the pixel."""
    return ToldDetector(monkeypatch)
