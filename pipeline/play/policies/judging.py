"""How well policies play: whole games against a fixed opponent, beside scripted players.

Every player meets the same opponent in the same games, in each from both sides, so that returns
are compared game by game.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.manifests import Record
from pipeline.play.demonstrations import outcome_of
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.matches import Player
from pipeline.play.simulator.observation import Observations, observe
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
FEWEST_GAMES = 10
"""Of which an interval is given: fewer are too much alike among replicates."""
MEASURED = ("returns", "loot", "survival", "seconds")
Returns = TypeVar("Returns", float, npt.NDArray[np.float64])


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
    interval: Interval | None = Field(description="None of fewer than ten games.")

    def told(self, sign: str = "") -> str:
        """Both in words; a sign of "+" tells it also of what is above zero."""
        figure = f"{self.mean:{sign}.2f}"
        if self.interval is None:
            return f"{figure} (too few games for an interval)"
        return f"{figure} ({self.interval.low:{sign}.2f} to {self.interval.high:{sign}.2f})"


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
    played = play_beside(networks, opponent, games, beside=beside, seed=seed, report=report)
    return judge(played, opponent)


def play_beside(
    networks: PolicyNetworks,
    opponent: str,
    games: int,
    *,
    beside: Sequence[str] = (),
    seed: int = 0,
    report: Report = silent,
) -> dict[str, PlayedGames]:
    """The games that `evaluate` judges, by player; those of the policies come first."""
    seeds = seeds_of(games, seed)
    for name in (opponent, *beside):
        ScriptedPlayers.start([0], (name, None))  # Before hours of play: is there such a one?
    played = {POLICIES: play_policies(networks, opponent, seeds, report)}
    for name in beside:
        played[name] = play_scripted(name, opponent, seeds, report)
    return played


def judge(played: Mapping[str, PlayedGames], opponent: str) -> PolicyJudgement:
    """Compare players in the same games.

    Args:
        played: by player, with those of `POLICIES`.
    """
    own = played[POLICIES]
    others = {name: those for name, those in played.items() if name != POLICIES}
    shares = {name: share_of(own, theirs) for name, theirs in others.items()}
    return PolicyJudgement(
        opponent=opponent,
        games=len(own.outcomes),
        players=results_of(played),
        return_shares={name: share for name, share in shares.items() if share is not None},
        return_leads={name: lead_of(own, theirs) for name, theirs in others.items()},
    )


def return_of(lead: Returns, outcome: Returns) -> Returns:
    """What games are worth to a player: a hundredth of its lead in score, and how they ended."""
    return lead / 100 + outcome


def mean_of_sessions(returns: Sequence[float]) -> Mean:
    """The mean over games that have nothing to do with each other, and its interval."""
    values = np.array(returns)
    return _mean(values, _drawn_sessions(len(values)))


def share_of_sessions(own: PlayedGames, returns: Sequence[float]) -> Mean | None:
    """The policies' return divided by that of other games; None unless that is certainly above 0.

    Both means are drawn anew in each replicate.
    """
    values = np.array(returns)
    means = values[_drawn_sessions(len(values))].mean(axis=1)
    if means.min() <= 0:
        return None
    mean = round(float(own.returns.mean() / values.mean()), 4)
    if min(len(own.returns), len(values)) < FEWEST_GAMES:
        return Mean(mean=mean, interval=None)
    shares = own.returns[_replicates(len(own.returns))].mean(axis=1) / means
    return Mean(mean=mean, interval=_percentiles(shares))


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
    both, sides = both_sides(seeds)
    policies = PolicySide.start(networks, both, sides, player)
    opponents = scripted_opponents(both, sides, opponent)
    return play_games(POLICIES, Games.start(both), (policies, opponents), sides, report)


def policy_table(networks: PolicyNetworks, opponent: str, seeds: Sequence[int]) -> PolicyTable:
    """The beginning of games of policies, two for each seed: one from each side."""
    return PolicyTable.start(networks, opponent, *both_sides(seeds))


def play_table(table: PolicyTable, player: str, report: Report = silent) -> PlayedGames:
    """Play games to their ends.

    Args:
        player: what is told of them.
    """
    players = (table.own, table.opponents)
    return play_games(player, table.games, players, table.sides, report)


def lead_of(own: PlayedGames, theirs: PlayedGames) -> Mean:
    """By how much returns are higher than those of somebody else in the same games."""
    return _mean(own.returns - theirs.returns, _replicates(len(own.returns)))


def share_of(own: PlayedGames, theirs: PlayedGames) -> Mean | None:
    """Returns divided by those of somebody else in the same games; None unless above 0 for sure."""
    draws = _replicates(len(own.returns))
    if theirs.returns[draws].mean(axis=1).min() <= 0:
        return None
    return _share(own.returns, theirs.returns, draws)


def results_of(played: Mapping[str, PlayedGames]) -> tuple[PlayerResult, ...]:
    """How players did, by name, in the same games."""
    return tuple(
        _result(name, games, _replicates(len(games.returns))) for name, games in played.items()
    )


def play_scripted(
    player: str, opponent: str, seeds: Sequence[int], report: Report = silent
) -> PlayedGames:
    """The same games, of a scripted player."""
    both, sides = both_sides(seeds)
    scripts = scripted_opponents(both, sides, opponent, player)
    return play_games(player, Games.start(both), (scripts,), sides, report)


def play_games(
    name: str,
    games: Games,
    players: Sequence[Player],
    sides: npt.NDArray[np.int_],
    report: Report = silent,
) -> PlayedGames:
    """Play games to their end, in place, and say how one side of each did.

    Args:
        name: of whoever plays on that side.
        players: who play, on that side and on the other.
        sides: int [games].
    """
    for _tick in _ticks(name, report):
        if (games.clocks["result"] != Result.RUNNING).all():
            break
        actions = games.no_actions()
        for player in players:
            actions = player.act(games, actions)
        games.step(actions)
    return _played(games, sides)


class Sight(Protocol):
    """How policies know of their games, and how what they do reaches these."""

    def see(self, games: Games, running: npt.NDArray[np.intp]) -> Observations:
        """What is known by now; asked in every tick, once.

        Args:
            running: numbers of the games that go on.
        """
        ...

    def aim(self, actions: Actions, seen: Observations) -> Actions:
        """What is done in the games: int32 [games, 5].

        Args:
            actions: int32 [games, 5], as policies want it.
            seen: what they have chosen it by.
        """
        ...


@dataclass(frozen=True, eq=False)
class TrueSight:
    """Policies are told what the game knows that their sides see.

    Attributes:
        sides: int [games].
    """

    sides: npt.NDArray[np.int_]

    def see(self, games: Games, running: npt.NDArray[np.intp]) -> Observations:
        """As `Sight`."""
        del running  # Those that have ended are told of, too: it costs nothing.
        every = np.arange(len(games))
        seen = [observe(games, side) for side in range(SIDES)]
        return Observations(
            *(
                np.stack([getattr(view, name) for view in seen])[self.sides, every]
                for name in ("entities", "status", "ground")
            )
        )

    def aim(self, actions: Actions, seen: Observations) -> Actions:
        """As `Sight`: the game finds entities by their slots."""
        del seen
        return actions


@dataclass(frozen=True, eq=False)
class PolicySide:
    """Policies at play on one side of many games, one player a side.

    They see as late as they were trained to.
    """

    policies: PolicyPlayer
    sides: npt.NDArray[np.int_]
    sight: Sight
    seen: deque[Observations]
    """What was known in the latest ticks, the oldest first."""

    @classmethod
    def start(
        cls,
        networks: PolicyNetworks,
        seeds: Sequence[int],
        sides: npt.NDArray[np.int_],
        player: PolicyPlayer | None = None,
    ) -> PolicySide:
        """At the beginning of games.

        Args:
            sides: int [games], on which the policies play.
            player: a fresh one, in place of one of the networks.
        """
        policies = player or PolicyPlayer(networks, len(seeds), seed=seeds[0])
        return cls(policies, sides, TrueSight(sides), deque(maxlen=networks.delay + 1))

    def act(self, games: Games, actions: Actions | None = None) -> Actions:
        """As `simulator.matches.Player`."""
        chosen = games.no_actions() if actions is None else actions
        running = np.flatnonzero(games.clocks["result"] == Result.RUNNING)
        self.seen.append(self.sight.see(games, running))
        seen = self.seen[0]
        wanted = self.policies.act(seen.entities, seen.status, running)
        chosen[np.arange(len(games)), self.sides] = self.sight.aim(wanted, seen)
        return chosen


@dataclass(frozen=True, eq=False)
class PolicyTable:
    """Policies at play against a scripted opponent, in games that go on tick by tick."""

    games: Games
    own: PolicySide
    opponents: ScriptedPlayers

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
        own = PolicySide.start(networks, seeds, sides)
        return cls(Games.start(seeds), own, scripted_opponents(seeds, sides, opponent))

    @property
    def policies(self) -> PolicyPlayer:
        """The policies."""
        return self.own.policies

    @property
    def sides(self) -> npt.NDArray[np.int_]:
        """On which side the policies play in each game."""
        return self.own.sides

    @property
    def sight(self) -> Sight:
        """How the policies know of the games."""
        return self.own.sight

    def seen_by(self, sight: Sight) -> PolicyTable:
        """The same games, of which the policies know in another way."""
        return replace(self, own=replace(self.own, sight=sight))

    def step(self) -> bool:
        """Play a tick; False when all games have ended."""
        actions = self.act()
        if actions is not None:
            self.games.step(actions)
        return actions is not None

    def act(self) -> Actions | None:
        """What everybody does in this tick; to be asked once. None when all games have ended."""
        if (self.games.clocks["result"] != Result.RUNNING).all():
            return None
        return self.opponents.act(self.games, self.own.act(self.games))


def seeds_of(games: int, seed: int) -> range:
    """One for each two games.

    Raises:
        JudgingError: no games.
    """
    if games < 1:
        raise JudgingError(f"{games} games say nothing.", "Play at least two; 400 say much.")
    return range(seed, seed + -(-games // 2))


def both_sides(seeds: Sequence[int]) -> tuple[list[int], npt.NDArray[np.int_]]:
    """Seeds of two games for each, and on which side the policies play in each."""
    return [*seeds, *seeds], np.repeat(np.arange(SIDES), len(seeds))


def scripted_opponents(
    seeds: Sequence[int],
    sides: npt.NDArray[np.int_],
    opponent: str,
    player: str | None = None,
    players_a_side: int = 1,
) -> ScriptedPlayers:
    """Scripted players who play against a side of each game, each player of theirs by one script.

    Args:
        sides: int [games], against which they play.
        player: the script of those on that side; None where they are somebody else.

    Raises:
        GameError: there is no player of a name.
    """
    names = tuple(
        [name for name in pair for _player in range(players_a_side)]
        for pair in ((player, opponent), (opponent, player))
    )
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
    scores, stock = (
        games.players[name].reshape(len(games), SIDES, -1).sum(axis=2).astype(np.float64)
        for name in ("score", "stock")
    )
    lead = scores[every, sides] - scores[every, 1 - sides]
    units = (games.entities["kind"] <= Kind.WARSHIP) & (games.entities["present"] == 1)
    a_side = games.player_count // SIDES
    own = units & (games.entities["owner"] // a_side == sides[:, None])
    return PlayedGames(
        outcomes,
        return_of(lead, outcomes.astype(np.float64)),
        stock[every, sides],
        own.sum(axis=1) / (UNITS * a_side),
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


def _drawn_sessions(count: int) -> npt.NDArray[np.int_]:
    """Which sessions each replicate is made of: int [replicates, sessions]."""
    return np.random.default_rng([count, 1]).integers(0, count, (REPLICATES, count))


def _replicates(games: int) -> npt.NDArray[np.int_]:
    """Which games each replicate is made of: int [replicates, games].

    The two games of a seed stand and fall together.
    """
    half = games // 2
    drawn = np.random.default_rng([games]).integers(0, half, (REPLICATES, half))
    return np.concatenate([drawn, drawn + half], axis=1)


def _mean(values: npt.NDArray[np.float64], draws: npt.NDArray[np.int_]) -> Mean:
    few = len(values) < FEWEST_GAMES
    interval = None if few else _percentiles(values[draws].mean(axis=1))
    return Mean(mean=round(float(values.mean()), 4), interval=interval)


def _share(
    own: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], draws: npt.NDArray[np.int_]
) -> Mean:
    mean = round(float(own.mean() / theirs.mean()), 4)
    if len(own) < FEWEST_GAMES:
        return Mean(mean=mean, interval=None)
    shares = own[draws].mean(axis=1) / theirs[draws].mean(axis=1)
    return Mean(mean=mean, interval=_percentiles(shares))


def _percentiles(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(low=round(float(low), 4), high=round(float(high), 4))
