"""A whole game as a film: how fast it is shown, and how the game in it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pipeline.play.film.animation import FilmFile, write_film
from pipeline.play.film.frames import FilmedGame, draw_moment, result_in_words
from pipeline.play.film.moments import Moment, PlayedTick, moments_of
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.progress import Report, silent

LAST_SECONDS = 3.0
"""How long the last frame stays."""


@dataclass(frozen=True)
class FilmChoices:
    """What a film is like.

    Attributes:
        speed: how many times as fast as the game.
        frames_a_second: of the film.
        sees_all: whether all of the map is shown, or what the player sees.
        width: of a frame, in pixels.
    """

    out: Path
    speed: float = 4.0
    frames_a_second: float = 10.0
    sees_all: bool = False
    width: int = 768

    @property
    def every(self) -> int:
        """Ticks of the game from one frame to the next."""
        return max(1, round(TICKS_A_SECOND * self.speed / self.frames_a_second))


@dataclass(frozen=True)
class WatchedGame:
    """A film, and how the game in it has ended.

    Attributes:
        players: by number of the player.
        player: the one that is watched.
        result: in words; empty where it was not played to its end.
        seconds: of play.
    """

    players: tuple[str, ...]
    player: int
    result: str
    seconds: float
    scores: tuple[int, ...]
    film: FilmFile


def film_game(
    ticks: Iterable[PlayedTick],
    players: tuple[str, ...],
    player: int,
    choices: FilmChoices,
    report: Report = silent,
) -> WatchedGame:
    """Film a game, tick by tick.

    Args:
        ticks: at least one.
        players: names, by number of the player.
        player: the one that is watched.

    Raises:
        FilmError: the film cannot be written.
    """
    game = FilmedGame(players, player, choices.sees_all, choices.width)
    moments = moments_of(ticks, player, choices.every)
    film = write_film(
        choices.out,
        lambda number: draw_moment(game, moments[number]),
        _durations(moments, choices.speed),
        report,
    )
    last = moments[-1]
    return WatchedGame(
        players,
        player,
        result_in_words(game, last),
        last.tick / TICKS_A_SECOND,
        tuple(last.games.players["score"][0].tolist()),
        film,
    )


def _durations(moments: Sequence[Moment], speed: float) -> list[int]:
    """Milliseconds for which each is shown."""
    apart = [after.tick - one.tick for one, after in pairwise(moments)]
    shown = [max(1, round(1000 * ticks / (TICKS_A_SECOND * speed))) for ticks in apart]
    return [*shown, round(1000 * LAST_SECONDS)]
