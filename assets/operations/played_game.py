"""A game between scripted players, as a sheet of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.errors import OutpostError
from pipeline.files import make_room, replacing
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND, Result
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers
from pipeline.play.simulator.view import camera_of, render
from pipeline.progress import track
from pipeline.visualization.tiles import create_tiles, encode_jpeg
from resources.run_log import reporter

COLUMNS, FRAMES = 4, 16


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
    with _explained(sheet):
        make_room(sheet)  # Before the game is played: most of what can be wrong is known at once.
    moments = [*_moments(games, players)]
    last = len(moments) - 1
    shown = [moments[last * number // (FRAMES - 1)] for number in range(FRAMES)]
    frames = [
        Image.fromarray(render(moment, 0, camera_of(moment, 0, 0), 0).image)
        for moment, _goal in track(shown, FRAMES, "draw the game", reporter())
    ]
    with _explained(sheet), replacing(sheet) as fresh:
        fresh.write_bytes(encode_jpeg(create_tiles(frames, COLUMNS, gap=4)))
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
