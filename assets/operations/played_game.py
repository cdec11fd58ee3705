"""A game between scripted players, as a sheet of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import make_room, replacing
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND, Result
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers
from pipeline.play.simulator.sheets import sheet_of, spread
from resources.run_log import reporter


class PlayedGameError(OutpostError):
    """A sheet of a game that cannot be written."""


@dataclass(frozen=True)
class PlayedGame:
    """How a game has ended.

    Attributes:
        result: name of `rules.Result`.
        seconds: of play.
        scores, brought_home: one for each player.
        goals: what the first player was after in each frame of the sheet.
        sheet: JPEG of frames as the first player saw them, from left to right and from above.
    """

    players: tuple[str, ...]
    seed: int
    result: str
    seconds: float
    scores: tuple[int, ...]
    brought_home: tuple[int, ...]
    goals: tuple[str, ...]
    sheet: Path


def simulate(player: str, opponent: str, seed: int, sheet: Path) -> PlayedGame:
    """Play one game and write 16 frames of it, evenly spread.

    Raises:
        GameError: no such player, or no such seed.
        PlayedGameError: the sheet cannot be written.
    """
    names = (player, opponent)
    players, games = ScriptedPlayers.start([seed], names), Games.start([seed])
    check_sheet(sheet)
    shown = spread([*_moments(games, players)])
    write_sheet(sheet_of([moment for moment, _goal in shown], reporter()), sheet)
    return PlayedGame(
        names,
        seed,
        Result(int(games.clocks["result"][0])).name,
        int(games.clocks["tick"][0]) / TICKS_A_SECOND,
        tuple(games.players["score"][0].tolist()),
        tuple(games.players["stock"][0].tolist()),
        tuple(goal.name for _moment, goal in shown),
        sheet,
    )


def check_sheet(sheet: Path) -> None:
    """Raise PlayedGameError where a sheet cannot be written: better before a game than after it."""
    with _explained(sheet):
        make_room(sheet)


def write_sheet(frames: bytes, sheet: Path) -> None:
    """Write a sheet of frames, whole.

    Raises:
        PlayedGameError: it cannot be written.
    """
    with _explained(sheet), replacing(sheet) as fresh:
        fresh.write_bytes(frames)


def _moments(games: Games, players: ScriptedPlayers) -> Iterator[tuple[Games, Goal]]:
    """Play to the end: the game at every second and at its end, what the first player is after."""
    for tick in range(MAX_TICKS + 1):
        ended = games.clocks["result"][0] != Result.RUNNING
        if tick % TICKS_A_SECOND == 0 or ended:
            yield games.copy(), Goal(int(players.scripts["goal"][0, 0]))
        if ended:
            break
        games.step(players.act(games))


@contextmanager
def _explained(sheet: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlayedGameError(
            f"The sheet of the game cannot be written to {sheet}: {error}",
            "Name a file in a folder that you may write to.",
        ) from error
