"""Images of our own sprites, by which a model is shown what to look for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.formats.palette import Colour
from pipeline.labels.boxes import Box
from pipeline.sprites.library import OpenLibrary, Sprite, SpriteEntry
from pipeline.sprites.recolour import recolour
from pipeline.subsampling import spread_over

GROUND: Colour = (114, 114, 114)
"""What YOLO's letterbox puts around an image."""
DEFAULT_TEAMS: tuple[Colour, ...] = ((0, 80, 220), (220, 30, 30), (30, 160, 40), (230, 200, 30))
"""Of players, where the game states none."""
SHARE = 0.3
"""Of the canvas that a sprite's longer side takes."""


@dataclass(frozen=True, eq=False)
class SpritePrompt:
    """A sprite on a plain ground, and where it is.

    Attributes:
        pixels: uint8 [side, side, 3], RGB.
        box: around the sprite, in pixels of the canvas.
    """

    pixels: npt.NDArray[np.uint8]
    box: Box


def prompts_of(
    library: OpenLibrary, class_name: str, count: int, side: int
) -> Iterator[SpritePrompt]:
    """Several sprites of a class, evenly spread over its files and headings, in players' colours.

    Args:
        count: at most so many; fewer where the class has fewer.
        side: of the canvas, in pixels.

    Raises:
        SpriteLibraryError: an image of the library is damaged.
    """
    teams = library.team_colours or DEFAULT_TEAMS
    for number, entry in enumerate(_chosen(library, class_name, count)):
        yield draw_prompt(library[entry.id], teams[number % len(teams)], side)


def draw_prompt(sprite: Sprite, team: Colour, side: int) -> SpritePrompt:
    """A sprite in the middle of a canvas, enlarged or reduced to a share of it."""
    pixels = sprite.rgba
    if sprite.player_weight is not None:
        pixels = recolour(pixels, sprite.player_weight, team)
    height, width = pixels.shape[:2]
    zoom = SHARE * side / max(width, height)
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    canvas = Image.new("RGB", (side, side), GROUND)
    canvas.paste(image, (left, top), image)
    box = Box(float(left), float(top), float(left + size[0]), float(top + size[1]))
    return SpritePrompt(np.asarray(canvas), box)


def _chosen(library: OpenLibrary, class_name: str, count: int) -> Sequence[SpriteEntry]:
    entries = [one for one in library.entries.values() if one.class_name == class_name]
    return spread_over(sorted(entries, key=lambda one: one.id), count)
