"""A league in a folder that is gone on with, and what it has come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.metrics.intervals import Interval
from pipeline.play.arena.exploitability.trained_responses import TrainedResponse
from pipeline.play.arena.league.rounds import LeagueError, play_league
from pipeline.play.arena.league.settings import LeagueSettings
from pipeline.play.arena.league.standing import (
    CURVES_FILE,
    MATRIX_FILE,
    STANDING_FILE,
    LeagueStanding,
    interval_of,
)
from pipeline.play.arena.matches.players import load_contestant
from resources.run_log import reporter


@dataclass(frozen=True)
class LeaguePolicy:
    """A policy of a league, how strong it is, and how exploitable.

    Attributes:
        name: `start`, or the round that made it.
        policy: its file.
        rating: by Bradley and Terry's model, on Elo's scale.
        interval: of that rating, at 95%.
        elo: mean over some orders of the games.
        proxy: `nash_exploitability_proxy` in the pool of the others; None with too few of them.
    """

    name: str
    policy: Path
    rating: float
    interval: Interval
    elo: float
    response: TrainedResponse
    proxy: float | None


@dataclass(frozen=True)
class LeagueReport:
    """What a league has come to.

    Attributes:
        policies: in the order of rounds.
        matrix: SVG of who wins against whom.
        curves: SVG of ratings and exploitability over rounds.
        standing: JSON of all of it.
    """

    policies: tuple[LeaguePolicy, ...]
    matrix: Path
    curves: Path
    standing: Path


def played_league(folder: Path, settings: LeagueSettings) -> LeagueReport:
    """Play a league, or go on with it.

    Raises:
        LeagueError: the folder holds another league, or cannot be written to.
        ContestantError, ModelLoadError, SnapshotError: what it begins with cannot be opened.
    """
    if settings.training.start_from is not None:
        load_contestant(settings.training.start_from)  # Before a folder is made for it.
    try:
        standing = play_league(folder, settings, reporter())
    except OSError as error:
        raise LeagueError(
            f"The league cannot be played in {folder}: {error}",
            "Name a folder that you may write to, with some hundred megabytes left.",
        ) from error
    return report_of(folder, standing)


def report_of(folder: Path, standing: LeagueStanding) -> LeagueReport:
    """What a league has come to, with the places of its files."""
    elo = {one.player: one.rating for one in standing.elo}
    policies = []
    for one in standing.rounds:
        rating, interval = interval_of(standing, one.name)
        policies.append(
            LeaguePolicy(
                name=one.name,
                policy=folder / one.policy,
                rating=rating,
                interval=interval,
                elo=elo[one.name],
                response=one.response,
                proxy=standing.proxies.get(one.name),
            )
        )
    return LeagueReport(
        tuple(policies), folder / MATRIX_FILE, folder / CURVES_FILE, folder / STANDING_FILE
    )
