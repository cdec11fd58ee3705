"""`outpost play watch`: a game as a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks

from pipeline.errors import OutpostError
from pipeline.play.arena.matches.watching import match_play
from pipeline.play.film.animation import check_film
from pipeline.play.film.moments import (
    PlayedTick,
    policy_play,
    scripted_play,
    session_play,
)
from pipeline.play.film.whole_games import FilmChoices, WatchedGame, film_game
from pipeline.play.recordings.events import require_simulated
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.replay import whole_ticks
from pipeline.play.simulator.rules import SIDES
from pipeline.play.simulator.scripted import SKILLS
from resources.run_log import reporter


class WatchedGameError(OutpostError):
    """A game of which there is no film."""


def watch_game(player: str, opponent: str, seed: int, choices: FilmChoices) -> WatchedGame:
    """Film a game of two players, of whom the first is watched.

    Args:
        player: name of a scripted player, the folder of cloned policies, or the file of one that
            has learned by playing.
        opponent: the same.

    Raises:
        WatchedGameError: there is no such player.
        ModelLoadError: a folder holds no policies, or others than this runtime plays.
        SnapshotError: a file holds no policy.
        GameError: there is no such seed.
        FilmError: the film cannot be written.
    """
    check_film(choices.out)
    if player in SKILLS and opponent in SKILLS:
        ticks = scripted_play(player, opponent, seed)
        return _filmed(ticks, (player, opponent), 0, choices)
    if Path(player).is_dir() and opponent in SKILLS:
        ticks = policy_play(PolicyNetworks.load(Path(player)), opponent, seed)
        return _filmed(ticks, (_name_of(player), opponent), 0, choices)
    for one in (player, opponent):
        if one not in SKILLS and not Path(one).exists():
            raise WatchedGameError(
                f"There is no player '{one}', nor policies in a folder or file of that name.",
                "Name a folder that `outpost play clone` has filled, a file that `outpost play "
                f"train` has written, or one of {', '.join(SKILLS)}.",
            )
    ticks = match_play(player, opponent, seed)
    return _filmed(ticks, (_name_of(player), _name_of(opponent)), 0, choices)


def _name_of(player: str) -> str:
    return player if player in SKILLS else Path(player).resolve().stem


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
    return film_game(ticks, players, player, choices, reporter())


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
