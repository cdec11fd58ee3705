"""A game between scripted players, as a sheet of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND, Result
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers
from pipeline.play.simulator.view import camera_of, render
from pipeline.progress import Report, silent, track
from pipeline.visualization.tiles import create_tiles, encode_jpeg

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


def simulate(
    player: str, opponent: str, seed: int, sheet: Path, report: Report = silent
) -> PlayedGame:
    """Play one game and write 16 frames of it, evenly spread.

    Raises:
        GameError: no such player, or no such seed.
        PlayedGameError: the sheet cannot be written.
    """
    _make_room(sheet)
    names = (player, opponent)
    games, players = Games.start([seed]), ScriptedPlayers.start([seed], names)
    moments = [(games.copy(), Goal(int(players.scripts["goal"][0, 0])))]
    for tick in range(1, MAX_TICKS + 1):
        games.step(players.act(games))
        ended = games.clocks["result"][0] != Result.RUNNING
        if tick % TICKS_A_SECOND == 0 or ended:
            moments.append((games.copy(), Goal(int(players.scripts["goal"][0, 0]))))
        if ended:
            break
    last = len(moments) - 1
    shown = [moments[last * number // (FRAMES - 1)] for number in range(FRAMES)]
    frames = [
        Image.fromarray(render(moment, 0, camera_of(moment, 0, 0), 0).image)
        for moment, _goal in track(shown, FRAMES, "draw the game", report)
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


def _make_room(sheet: Path) -> None:
    """Before the game is played: what cannot be written is known at once."""
    with _explained(sheet):
        sheet.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _explained(sheet: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlayedGameError(
            f"The sheet of the game cannot be written to {sheet}: {error}",
            "Name a file in a folder that you may write to.",
        ) from error
