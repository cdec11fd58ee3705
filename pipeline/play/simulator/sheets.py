"""Games as sheets of frames, as one of their players saw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PIL import Image

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.view import camera_of, render
from pipeline.progress import Report, silent, track
from pipeline.visualization.tiles import create_tiles, encode_jpeg

COLUMNS, FRAMES = 4, 16
Item = TypeVar("Item")


def spread(moments: Sequence[Item]) -> list[Item]:
    """As many of a game's moments as a sheet has frames, from the first to the last."""
    last = len(moments) - 1
    return [moments[last * number // (FRAMES - 1)] for number in range(FRAMES)]


def sheet_of(moments: Sequence[Games], report: Report = silent) -> bytes:
    """Moments of a game as its first player saw them, from left to right and from above; JPEG."""
    frames = [
        Image.fromarray(render(moment, 0, camera_of(moment, 0, 0), 0).image)
        for moment in track(moments, len(moments), "draw the game", report)
    ]
    return encode_jpeg(create_tiles(frames, COLUMNS, gap=4))
