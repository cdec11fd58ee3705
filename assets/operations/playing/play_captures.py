"""`outpost play capture`: labelled screenshots of play, from which a detector can learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.files import make_room
from pipeline.play.play_captures import PlayCapturesError, write_play_captures
from pipeline.play.recordings.events import GAME
from resources.defaults import Resources
from resources.run_log import reporter

FILE = "session_play.zip"
MOST_GAMES, MOST_FRAMES = 1000, 100


@dataclass(frozen=True)
class CapturesWanted:
    """What is captured.

    Attributes:
        player, opponent: names in `pipeline.play.simulator.scripted.SKILLS`.
        frames: of each game.
        seed: of the first game; the others follow it.
    """

    player: str
    opponent: str
    games: int
    frames: int
    seed: int


@dataclass(frozen=True)
class WrittenCaptures:
    """An export batch of screenshots."""

    file: Path
    screenshots: int


def capture_play(resources: Resources, wanted: CapturesWanted, out: Path | None) -> WrittenCaptures:
    """Let scripted players play, and write labelled screenshots of it.

    Args:
        out: zip to write; among the exports of the game, from which its detector learns, if None.

    Raises:
        GameError: no such player.
        PlayCapturesError: too many or none, or the file cannot be written.
    """
    if not (1 <= wanted.games <= MOST_GAMES and 1 <= wanted.frames <= MOST_FRAMES):
        raise PlayCapturesError(
            f"{wanted.frames} screenshots of each of {wanted.games} games cannot be taken.",
            f"Choose 1 to {MOST_FRAMES} of 1 to {MOST_GAMES} games.",
        )
    file = out or resources.exports.path(GAME) / FILE
    seeds = range(wanted.seed, wanted.seed + wanted.games)
    try:
        make_room(file)
        players = (wanted.player, wanted.opponent)
        count = write_play_captures(file, players, seeds, wanted.frames, reporter())
    except OSError as error:
        raise PlayCapturesError(
            f"Screenshots cannot be written to {file}: {error}",
            "Name a file in a folder that you may write to.",
        ) from error
    return WrittenCaptures(file, count)
