"""Labelled screenshots of play, as an export batch: what a detector learns of the game as played.

The built-in game's own captures show towns and formations. In play units stand behind each other,
at work and in fights.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.demo_game.captures import add_subset
from pipeline.demo_game.renderer import Screenshot
from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import SIDES, SUBPIXELS, TICKS_A_SECOND, Result
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.play.simulator.view import Camera, render
from pipeline.progress import Report, silent, track

PLAYED_TICKS = 120 * TICKS_A_SECOND
"""Of a game from which screenshots are taken."""
BESIDE = 80
"""Pixels of the map, at most, from the unit that a screenshot is of to its middle."""


class PlayCapturesError(OutpostError):
    """Screenshots of play that cannot be made or written."""


def write_play_captures(
    file: Path,
    players: tuple[str, str],
    seeds: Sequence[int],
    frames: int,
    report: Report = silent,
) -> int:
    """Let scripted players play, and write screenshots of it as an export of CVAT (COCO 1.0).

    The same arguments give the same bytes.

    Args:
        file: the zip to write.
        players: names in `scripted.SKILLS`.
        seeds: one a game.
        frames: of each game, as many as it lasts for.

    Returns:
        How many screenshots there are.

    Raises:
        GameError: no such player, or a seed out of range.
        PlayCapturesError: there is none; no file is written then.
        OSError: the file cannot be written.
    """
    ScriptedPlayers.start([], players)
    shots = (
        shot
        for seed in track(seeds, len(seeds), "capture play", report)
        for shot in _shots(players, seed, frames)
    )
    with replacing(file) as fresh:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:
            count = add_subset(archive, "default", shots)
        if count == 0:
            raise PlayCapturesError(
                "The games had ended before the first screenshot was to be taken.",
                "Take more screenshots of each game, or play more games.",
            )
    return count


def _shots(players: tuple[str, str], seed: int, frames: int) -> Iterator[Screenshot]:
    """Of moments of one game, each of a unit of either side."""
    random = np.random.default_rng([seed, 8])
    games, scripts = Games.start([seed]), ScriptedPlayers.start([seed], players)
    moments = np.sort(random.choice(PLAYED_TICKS, frames, replace=False)).tolist()
    for tick in range(PLAYED_TICKS):
        if games.clocks["result"][0] != Result.RUNNING:
            return
        if moments and tick == moments[0]:
            moments.pop(0)
            yield _shot(games, seed, random)
        games.step(scripts.act(games))


def _shot(games: Games, seed: int, random: np.random.Generator) -> Screenshot:
    side = int(random.integers(SIDES))
    entities = games.entities[0]
    own = entities[(entities["present"] == 1) & (entities["owner"] == side)]
    chosen = own[random.integers(len(own))]
    x, y = (
        int(chosen[axis]) // SUBPIXELS + int(random.integers(-BESIDE, BESIDE + 1))
        for axis in ("x", "y")
    )
    tick = int(games.clocks["tick"][0])
    return replace(render(games, 0, Camera.on(x, y), side), name=f"play{seed}_{tick:04d}")
