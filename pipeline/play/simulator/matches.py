"""Scripted players against each other: whole games in one batch, and who wins how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND, Result
from pipeline.play.simulator.scripted import ScriptedPlayers


class Player(Protocol):
    """Whoever plays some of the players of many games: by script, or by what it has learned."""

    def act(self, games: Games, actions: Actions | None = None) -> Actions:
        """What it does in this tick; to be asked in every tick, once.

        Args:
            actions: what others do; its own rows are written over when it acts.

        Returns:
            int32 [games, players, 5], for `Games.step`.
        """


@dataclass(frozen=True)
class WinRate:
    """How often one player beats another.

    Attributes:
        games: how many were played; each player has been on either side in half of them.
        wins, draws: of the first player.
        interval: of the share of wins among all games (Wilson, 95%).
        seconds: of play, on average.
    """

    player: str
    opponent: str
    games: int
    wins: int
    draws: int
    interval: Interval
    seconds: float


def win_rate(player: str, opponent: str, games: int = 400, seed: int = 0) -> WinRate:
    """Let two scripted players meet that often, and count.

    Args:
        games: rounded up to an even number: every map and chance is played from both sides.
        seed: of the first game; the others follow it.
    """
    half = -(-games // 2)
    seeds = range(seed, seed + half)
    first = play_out(Games.start(seeds), ScriptedPlayers.start(seeds, (player, opponent)))
    second = play_out(Games.start(seeds), ScriptedPlayers.start(seeds, (opponent, player)))
    won = (first.clocks["result"] == Result.FIRST_SIDE).sum()
    won += (second.clocks["result"] == Result.SECOND_SIDE).sum()
    draws = sum(int((played.clocks["result"] == Result.DRAW).sum()) for played in (first, second))
    ticks = np.concatenate([first.clocks["tick"], second.clocks["tick"]])
    return WinRate(
        player,
        opponent,
        2 * half,
        int(won),
        draws,
        wilson(int(won), 2 * half),
        round(float(ticks.mean()) / TICKS_A_SECOND, 1),
    )


def play_out(games: Games, players: ScriptedPlayers) -> Games:
    """Play to the end, in place, and return the games."""
    for _tick in range(MAX_TICKS):
        if (games.clocks["result"] != Result.RUNNING).all():
            break
        games.step(players.act(games))
    return games
