"""How well policies play: whole games against a fixed opponent, beside scripted players.

Every player meets the same opponent in the same games, in each from both sides, so that returns
are compared game by game.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.manifests import Record
from pipeline.play.demonstrations import outcome_of
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.rules import (
    MAX_TICKS,
    SIDES,
    TICKS_A_SECOND,
    UNITS,
    Kind,
    Result,
)
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress, Report, silent

REPLICATES = 2000
POLICIES = "policies"
"""The name of the policies among players."""
MEASURED = ("returns", "loot", "survival", "seconds")


class JudgingError(OutpostError):
    """Games that cannot be judged."""


@dataclass(frozen=True, eq=False)
class PlayedGames:
    """Games of one player, a row each: float64 [games], outcomes int [games].

    Attributes:
        outcomes: 1 won, 0 a draw, -1 lost.
        returns: a hundredth of the lead in score, and the outcome, as environments reward it.
        loot: what was brought home.
        survival: share of its units that live at the end.
        seconds: of play.
    """

    outcomes: npt.NDArray[np.int_]
    returns: npt.NDArray[np.float64]
    loot: npt.NDArray[np.float64]
    survival: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]


class Mean(Record):
    """A mean over games and its interval (bootstrap, 95%)."""

    mean: float
    interval: Interval


class PlayerResult(Record):
    """How one player did."""

    player: str
    wins: int
    draws: int
    win_rate: Interval = Field(description="Of the share of wins (Wilson, 95%).")
    returns: Mean = Field(description="A hundredth of the lead in score, and 1 won or -1 lost.")
    loot: Mean = Field(description="Brought home.")
    survival: Mean = Field(description="Share of its units that live at the end.")
    seconds: Mean = Field(description="Of play.")


class PolicyJudgement(Record):
    """How policies play, beside others."""

    opponent: str
    games: int
    players: tuple[PlayerResult, ...] = Field(description="The policies come first.")
    return_shares: dict[str, Mean] = Field(
        description="The policies' return divided by another player's, where that is above 0 with "
        "certainty."
    )
    return_leads: dict[str, Mean] = Field(
        description="The policies' return less another player's, in the same games."
    )


def evaluate(
    networks: PolicyNetworks,
    opponent: str,
    games: int = 400,
    *,
    beside: Sequence[str] = (),
    seed: int = 0,
    report: Report = silent,
) -> PolicyJudgement:
    """Let policies and scripted players meet an opponent.

    Args:
        opponent: name in `scripted.SKILLS`.
        games: rounded up to an even number.
        beside: names of the scripted players to compare with.
        seed: of the first game; the others follow it.

    Raises:
        GameError: there is no player of a name.
        JudgingError: no games.
    """
    seeds = _seeds(games, seed)
    for name in (opponent, *beside):
        ScriptedPlayers.start([0], (name, None))  # Before hours of play: is there such a one?
    played = {POLICIES: play_policies(networks, opponent, seeds, report)}
    for name in beside:
        played[name] = play_scripted(name, opponent, seeds, report)
    own = played[POLICIES].returns
    others = {name: those.returns for name, those in played.items() if name != POLICIES}
    draws = _replicates(len(own))
    return PolicyJudgement(
        opponent=opponent,
        games=len(own),
        players=tuple(_result(name, those, draws) for name, those in played.items()),
        return_shares={
            name: _share(own, theirs, draws)
            for name, theirs in others.items()
            if theirs[draws].mean(axis=1).min() > 0
        },
        return_leads={name: _mean(own - theirs, draws) for name, theirs in others.items()},
    )


def play_policies(
    networks: PolicyNetworks,
    opponent: str,
    seeds: Sequence[int],
    report: Report = silent,
    player: PolicyPlayer | None = None,
) -> PlayedGames:
    """Games of policies, two for each seed: one from each side.

    Args:
        player: a fresh one of twice as many games as seeds, in place of one of the networks.
    """
    both, sides = _both_sides(seeds)
    table = PolicyTable.start(networks, opponent, both, sides)
    table = table if player is None else replace(table, policies=player)
    for _tick in _ticks(POLICIES, report):
        if not table.step():
            break
    return _played(table.games, sides)


def lead_of(own: PlayedGames, theirs: PlayedGames) -> Mean:
    """By how much returns are higher than those of somebody else in the same games."""
    return _mean(own.returns - theirs.returns, _replicates(len(own.returns)))


def play_scripted(
    player: str, opponent: str, seeds: Sequence[int], report: Report = silent
) -> PlayedGames:
    """The same games, of a scripted player."""
    both, sides = _both_sides(seeds)
    scripts = _opponents(both, sides, opponent, player)
    games = Games.start(both)
    for _tick in _ticks(player, report):
        if (games.clocks["result"] != Result.RUNNING).all():
            break
        games.step(scripts.act(games))
    return _played(games, sides)


@dataclass(frozen=True, eq=False)
class PolicyTable:
    """Policies at play against a scripted opponent, in games that go on tick by tick.

    They see as late as they were trained to.
    """

    games: Games
    policies: PolicyPlayer
    opponents: ScriptedPlayers
    sides: npt.NDArray[np.int_]
    seen: deque[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]
    """Entities and status of the latest ticks, the oldest first."""

    @classmethod
    def start(
        cls,
        networks: PolicyNetworks,
        opponent: str,
        seeds: Sequence[int],
        sides: npt.NDArray[np.int_],
    ) -> PolicyTable:
        """New games.

        Args:
            sides: int [games], on which the policies play.
        """
        return cls(
            Games.start(seeds),
            PolicyPlayer(networks, len(seeds), seed=seeds[0]),
            _opponents(seeds, sides, opponent, None),
            sides,
            deque(maxlen=networks.delay + 1),
        )

    def step(self) -> bool:
        """Play a tick; False when all games have ended."""
        running = np.flatnonzero(self.games.clocks["result"] == Result.RUNNING)
        if not len(running):
            return False
        every = np.arange(len(self.games))
        seen = [observe(self.games, side) for side in range(SIDES)]
        entities = np.stack([view.entities for view in seen])[self.sides, every]
        status = np.stack([view.status for view in seen])[self.sides, every]
        actions = self.games.no_actions()
        self.seen.append((entities, status))
        actions[every, self.sides] = self.policies.act(*self.seen[0], running)
        self.games.step(self.opponents.act(self.games, actions))
        return True


def _seeds(games: int, seed: int) -> range:
    if games < 1:
        raise JudgingError(f"{games} games say nothing.", "Play at least two; 400 say much.")
    return range(seed, seed + -(-games // 2))


def _both_sides(seeds: Sequence[int]) -> tuple[list[int], npt.NDArray[np.int_]]:
    return [*seeds, *seeds], np.repeat(np.arange(SIDES), len(seeds))


def _opponents(
    seeds: Sequence[int], sides: npt.NDArray[np.int_], opponent: str, player: str | None
) -> ScriptedPlayers:
    """The scripted ones; a player of None is somebody else."""
    names = ((player, opponent), (opponent, player))
    scripts = [
        ScriptedPlayers.start([s], names[d]).scripts for s, d in zip(seeds, sides, strict=True)
    ]
    return ScriptedPlayers(np.concatenate(scripts))


def _ticks(player: str, report: Report) -> Iterator[int]:
    """All ticks of a game, with what is told of them once a second of play."""
    began = time.monotonic()
    for tick in range(MAX_TICKS):
        if tick % TICKS_A_SECOND == 0:
            seconds = time.monotonic() - began
            report(Progress(f"games of {player}", tick, MAX_TICKS, seconds))
        yield tick
    report(Progress(f"games of {player}", MAX_TICKS, MAX_TICKS, time.monotonic() - began))


def _played(games: Games, sides: npt.NDArray[np.int_]) -> PlayedGames:
    every = np.arange(len(games))
    results = games.clocks["result"].tolist()
    outcomes = np.array(
        [outcome_of(result, side) for result, side in zip(results, sides.tolist(), strict=True)]
    )
    scores = games.players["score"].astype(np.float64)
    lead = scores[every, sides] - scores[every, 1 - sides]
    units = (games.entities["kind"] <= Kind.WARSHIP) & (games.entities["present"] == 1)
    own = units & (games.entities["owner"] == sides[:, None])
    return PlayedGames(
        outcomes,
        lead / 100 + outcomes,
        games.players["stock"].astype(np.float64)[every, sides],
        own.sum(axis=1) / UNITS,
        games.clocks["tick"] / TICKS_A_SECOND,
    )


def _result(player: str, played: PlayedGames, draws: npt.NDArray[np.int_]) -> PlayerResult:
    wins = int((played.outcomes == 1).sum())
    return PlayerResult(
        player=player,
        wins=wins,
        draws=int((played.outcomes == 0).sum()),
        win_rate=wilson(wins, len(played.outcomes)),
        **{name: _mean(getattr(played, name), draws) for name in MEASURED},
    )


def _replicates(games: int) -> npt.NDArray[np.int_]:
    """Which games each replicate is made of: int [replicates, games].

    The two games of a seed stand and fall together.
    """
    half = games // 2
    drawn = np.random.default_rng([games]).integers(0, half, (REPLICATES, half))
    return np.concatenate([drawn, drawn + half], axis=1)


def _mean(values: npt.NDArray[np.float64], draws: npt.NDArray[np.int_]) -> Mean:
    return Mean(
        mean=round(float(values.mean()), 4), interval=_percentiles(values[draws].mean(axis=1))
    )


def _share(
    own: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], draws: npt.NDArray[np.int_]
) -> Mean:
    return Mean(
        mean=round(float(own.mean() / theirs.mean()), 4),
        interval=_percentiles(own[draws].mean(axis=1) / theirs[draws].mean(axis=1)),
    )


def _percentiles(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(low=round(float(low), 4), high=round(float(high), 4))
