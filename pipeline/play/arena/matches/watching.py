"""A match of any two players, to be watched: as ticks of a film, and as the film itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.play.arena.matches.players import (
    Contestant,
    EpisodeSettings,
    load_contestant,
    seat,
)
from pipeline.play.film.moments import PlayedTick
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import NOTHING, SIDES, Result
from pipeline.progress import Report, silent

SPEED, FRAMES_A_SECOND, WIDTH = 6.0, 6.0, 480
"""Of films on pages: as wide as a page shows, and of some hundred kilobytes."""


class FilmedPlayer(NamedTuple):
    """Somebody in a film, and what is written beside the score."""

    name: str
    player: Contestant


def match_play(player: Contestant, opponent: Contestant, seed: int) -> Iterator[PlayedTick]:
    """A game to its end, in which the first player is watched; what it is after is not known.

    Both draw what they do, as they have learned to.

    Raises:
        ContestantError, ModelLoadError, SnapshotError: somebody cannot be loaded.
        GameError: there is no such seed.
    """
    settings, first = EpisodeSettings(deterministic=False), np.zeros(1, np.int_)
    games = Games.start([seed])
    players = (
        seat(load_contestant(player), [seed], first, settings),
        seat(load_contestant(opponent), [seed], SIDES - 1 - first, settings),
    )
    while games.clocks["result"][0] == Result.RUNNING:
        actions = games.no_actions()
        for one in players:
            actions = one.act(games, actions)
        yield PlayedTick(games, actions[0, 0].tolist(), None, NOTHING)
        games.step(actions)
    yield PlayedTick(games, games.no_actions()[0, 0].tolist(), None, NOTHING)


def film_match(
    file: Path, first: FilmedPlayer, second: FilmedPlayer, seed: int, report: Report = silent
) -> str:
    """Write the film of a game, and say in words who has won; errors as of `match_play`.

    Raises:
        FilmError: the film cannot be written.
    """
    # What draws takes a second to import.
    from pipeline.play.film.whole_games import FilmChoices, film_game

    choices = FilmChoices(file, SPEED, FRAMES_A_SECOND, sees_all=True, width=WIDTH)
    ticks = match_play(first.player, second.player, seed)
    return film_game(ticks, (first.name, second.name), 0, choices, report).result
