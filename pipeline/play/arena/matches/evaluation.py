"""How often one player beats another, with intervals.

Of the episodes, those of even number are played from the first side and the others from the second;
episode i has the seed `seed + i`. Each is a game of its own, so that shares of them have Wilson's
intervals. The same seed and number of episodes give the same results; a model that draws what it
does, and that is not loaded anew, draws on from where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import Interval, wilson
from pipeline.play.arena.matches.players import (
    Contestant,
    EpisodeSettings,
    load_contestant,
    seat,
)
from pipeline.play.policies.judging import play_games
from pipeline.play.simulator.environments.episodes import new_seeds
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.hand_made.scenarios import start_games
from pipeline.play.simulator.rules import SIDES
from pipeline.progress import Report, silent

STRONGEST = "scripted_l5"


class EpisodesError(OutpostError, ValueError):
    """Episodes that cannot be played."""


class EvaluationResult(NamedTuple):
    """How episodes have ended for the player that is evaluated."""

    wins: int
    draws: int
    losses: int

    @property
    def n_episodes(self) -> int:
        """All of them."""
        return self.wins + self.draws + self.losses

    @property
    def win_rate(self) -> float:
        """Share of wins, 0 to 1."""
        return self.wins / self.n_episodes

    @property
    def draw_rate(self) -> float:
        """Share of draws, 0 to 1."""
        return self.draws / self.n_episodes

    @property
    def loss_rate(self) -> float:
        """Share of losses, 0 to 1."""
        return self.losses / self.n_episodes

    @property
    def score(self) -> float:
        """Mean of 1 for a win and 0.5 for a draw, as ratings take it."""
        return (self.wins + self.draws / 2) / self.n_episodes

    @property
    def win_interval(self) -> Interval:
        """Of the share of wins (Wilson, 95%)."""
        return wilson(self.wins, self.n_episodes)

    @property
    def draw_interval(self) -> Interval:
        """Of the share of draws (Wilson, 95%)."""
        return wilson(self.draws, self.n_episodes)

    @property
    def loss_interval(self) -> Interval:
        """Of the share of losses (Wilson, 95%)."""
        return wilson(self.losses, self.n_episodes)


def evaluate(
    checkpoint_path: Contestant,
    n_episodes: int = 50,
    deterministic: bool = True,
    seed: int | None = None,
    opponent: Contestant = STRONGEST,
) -> float:
    """The share of episodes that a player wins; arguments and errors as of `evaluate_detailed`."""
    return evaluate_detailed(checkpoint_path, n_episodes, deterministic, seed, opponent).win_rate


def evaluate_detailed(
    checkpoint_path: Contestant,
    n_episodes: int = 50,
    deterministic: bool = True,
    seed: int | None = None,
    opponent: Contestant = STRONGEST,
    env_kwargs: Mapping[str, Any] | None = None,
) -> EvaluationResult:
    """Play episodes against an opponent, and count how they end.

    Args:
        checkpoint_path: the folder of three policies, the file of a learned one, or the name of a
            player by script.
        deterministic: whether models do what they deem best, in place of drawing. Three policies
            always draw when to act.
        seed: of the first episode; None draws one.
        opponent: the same, or a model.
        env_kwargs: `players_a_side`, `ticks_per_step` and `scenarios`, as
            `players.EpisodeSettings`; episodes of set-ups begin as `start_games` has them.

    Raises:
        EpisodesError: no episodes, or settings that cannot be; also a ValueError.
        ContestantError: nobody is known by that name or path; also a ValueError.
        ModelLoadError, SnapshotError: policies cannot be opened.
    """
    return run_episodes_with_model(
        load_contestant(checkpoint_path), opponent, n_episodes, deterministic, seed, env_kwargs
    )


def run_episodes_with_model(
    model: Contestant,
    opponent: Contestant = STRONGEST,
    n_episodes: int = 50,
    deterministic: bool = True,
    seed: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> EvaluationResult:
    """The same for a model that has been loaded already.

    Args:
        model: what has `predict` as policies of Stable-Baselines3 have it, three policies, or the
            name of a player by script.
        report: told of ticks of play, all episodes at once.

    Others, and errors, are as of `evaluate_detailed`.

    Raises:
        ModelError: a model answers with what is no action.
    """
    if n_episodes < 1:
        raise EpisodesError(
            f"{n_episodes} episodes say nothing.", "Play at least one; 400 say much."
        )
    settings = _settings(deterministic, env_kwargs or {})
    own, other = load_contestant(model), load_contestant(opponent)
    first = new_seeds(np.random.default_rng(), 1)[0] if seed is None else seed
    seeds = range(first, first + n_episodes)
    sides = np.arange(n_episodes) % SIDES
    games = _games(seeds, settings)
    players = (
        seat(own, seeds, sides, settings),
        seat(other, seeds, SIDES - 1 - sides, settings),
    )
    outcomes = play_games("the evaluated player", games, players, sides, report).outcomes
    return EvaluationResult(*(int((outcomes == outcome).sum()) for outcome in (1, 0, -1)))


def evaluate_vs_pool(
    model: Contestant,
    opponent: Contestant,
    n_episodes: int = 20,
    deterministic: bool = True,
    seed: int | None = None,
) -> float:
    """The share of episodes that a model wins against an opponent of its pool."""
    return run_episodes_with_model(model, opponent, n_episodes, deterministic, seed).win_rate


def evaluate_team_vs_pool(
    policy: Contestant,
    opponent: Contestant,
    players_a_side: int = 2,
    n_episodes: int = 20,
    deterministic: bool = True,
    seed: int | None = None,
) -> float:
    """The same for teams: on each side, one policy plays for every player."""
    team = {"players_a_side": players_a_side}
    return run_episodes_with_model(policy, opponent, n_episodes, deterministic, seed, team).win_rate


def _games(seeds: Sequence[int], settings: EpisodeSettings) -> Games:
    if not settings.scenarios:
        return Games.start(seeds, settings.players_a_side)
    if settings.players_a_side > 1:
        raise EpisodesError(
            "Set-ups of games are for one against one.", "Leave out players_a_side, or scenarios."
        )
    return start_games(seeds, settings.scenarios)


def _settings(deterministic: bool, env_kwargs: Mapping[str, Any]) -> EpisodeSettings:
    try:
        return EpisodeSettings.model_validate({"deterministic": deterministic, **env_kwargs})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise EpisodesError(
            f"Episodes cannot be played with {wrong['loc'][0]}={wrong['input']!r}: {wrong['msg']}.",
            "Set players_a_side (1 to 4), ticks_per_step (1 or more) and scenarios (set-ups).",
        ) from error
