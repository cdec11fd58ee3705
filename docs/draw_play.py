"""Draws the film of docs/tutorial-play.md: records, trains and films as that page does.

uv run python docs/draw_play.py docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from assets.operations.playing.cloned_policies import (
    clone_policies,
    recorded_demonstrations,
    settings_of,
)
from assets.operations.playing.watched_games import FilmChoices, WatchedGame, watch_game
from pipeline.play.recordings.simulated_play import planned_games, record_games

PLAYER, OPPONENT = "scripted_l5", "scripted_l3"
RECORDED = range(1000, 1005)
"""Seeds of the games that are learned from."""
PRESET, TRAINING_SEED = "small", 1000
FILMED = 3
"""Seed of the game in the film."""
FILM = "policies.webp"


def main(folder: Path) -> None:
    """Draw the film into a folder; the same bytes whenever game and training are the same."""
    with tempfile.TemporaryDirectory() as name:
        policies = train(Path(name))
        print(film(policies, folder / FILM))


def train(folder: Path) -> Path:
    """Ten minutes of play, recorded and learned from; the folder of the policies."""
    recordings, policies = folder / "recordings", folder / "policies"
    list(record_games(recordings, planned_games(PLAYER, OPPONENT, RECORDED)))
    settings = settings_of(PRESET, delay=0, seed=TRAINING_SEED)
    clone_policies(recorded_demonstrations(recordings), settings, policies)
    return policies


def film(policies: Path, out: Path, speed: float = 6.0) -> WatchedGame:
    """One of their games, small enough for a page."""
    choices = FilmChoices(out, speed=speed, frames_a_second=8.0, width=640)
    return watch_game(str(policies), OPPONENT, FILMED, choices)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
