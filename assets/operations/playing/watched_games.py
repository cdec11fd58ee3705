"""`outpost play watch`: a game as a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks

from pipeline.errors import OutpostError
from pipeline.play.film.animation import FilmFile, check_film, write_film
from pipeline.play.film.frames import FilmedGame, draw_moment, result_in_words
from pipeline.play.film.moments import (
    Moment,
    PlayedTick,
    moments_of,
    policy_play,
    scripted_play,
    session_play,
)
from pipeline.play.recordings.events import require_simulated
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.replay import whole_ticks
from pipeline.play.simulator.rules import SIDES, TICKS_A_SECOND
from pipeline.play.simulator.scripted import SKILLS
from resources.run_log import reporter

LAST_SECONDS = 3.0
"""How long the last frame stays."""


class WatchedGameError(OutpostError):
    """A game of which there is no film."""


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


def watch_game(player: str, opponent: str, seed: int, choices: FilmChoices) -> WatchedGame:
    """Film a game of policies or of a scripted player, which plays on the first side.

    Args:
        player: name of a scripted player, or the folder of policies.

    Raises:
        WatchedGameError: there is neither such a player nor such a folder.
        ModelLoadError: the folder holds no policies, or others than this runtime plays.
        GameError: there is no such opponent, or no such seed.
        FilmError: the film cannot be written.
    """
    check_film(choices.out)
    if player in SKILLS:
        ticks = scripted_play(player, opponent, seed)
        return _filmed(ticks, (player, opponent), 0, choices)
    folder = Path(player)
    if not folder.is_dir():
        raise WatchedGameError(
            f"There is no player '{player}', nor a folder of policies of that name.",
            f"Name a folder that `outpost play clone` has filled, or one of {', '.join(SKILLS)}.",
        )
    ticks = policy_play(PolicyNetworks.load(folder), opponent, seed)
    return _filmed(ticks, (folder.resolve().name, opponent), 0, choices)


def watch_session(file: Path, choices: FilmChoices) -> WatchedGame:
    """Film a recorded session of the built-in game, as far as it goes.

    Raises:
        RecordingError: it cannot be read or played again.
        WatchedGameError: not one tick of it is whole.
        FilmError: the film cannot be written.
    """
    check_film(choices.out)
    session = open_session(file)
    require_simulated(session.info)
    if whole_ticks(session) == 0:
        raise WatchedGameError(
            f"The session {session.info.name} ends before its first tick.",
            "Name another session: in this one nothing was played.",
        )
    player = session.info.player
    assert player is not None
    return _filmed(session_play(session), _players_of(session), player, choices)


def _filmed(
    ticks: Iterator[PlayedTick], players: tuple[str, ...], player: int, choices: FilmChoices
) -> WatchedGame:
    game = FilmedGame(players, player, choices.sees_all, choices.width)
    moments = moments_of(ticks, player, choices.every)
    film = write_film(
        choices.out,
        lambda number: draw_moment(game, moments[number]),
        _durations(moments, choices.speed),
        reporter(),
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


def _players_of(session: SessionReader) -> tuple[str, ...]:
    """Names of all who play, of whom a session names its player and the opponent alone."""
    info = session.info
    assert info.players_a_side is not None
    assert info.player is not None
    count = SIDES * info.players_a_side
    names = (info.actor, info.opponent or info.actor)
    return tuple(
        names[number // info.players_a_side != info.player // info.players_a_side]
        for number in range(count)
    )
