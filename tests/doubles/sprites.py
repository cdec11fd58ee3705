"""Libraries, shapes and caches of sprites that a test made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.palette import Colour
from pipeline.scenes.sources.catalogue import SpriteCache, SpriteShape
from pipeline.sprites.library import LibraryWriter, Sprite


def write_library(
    folder: Path, sprites: Iterable[Sprite], team_colours: tuple[Colour, ...] | None = None
) -> None:
    """Write a library of sprites that are taken one at a time; see `LibraryWriter`."""
    writer = LibraryWriter(folder)
    for sprite in sprites:
        writer.add(sprite)
    writer.finish(team_colours)


def shape_of(sprite: Sprite) -> SpriteShape:
    """What planning needs to know of a sprite."""
    height, width = sprite.rgba.shape[:2]
    return SpriteShape(
        id=sprite.id,
        class_name=sprite.class_name,
        width=width,
        height=height,
        hotspot=sprite.hotspot,
        owned=sprite.player_weight is not None,
        heading=sprite.heading,
    )


def cache_of(sprites: Iterable[Sprite]) -> SpriteCache:
    """A cache of sprites that are in memory."""
    return SpriteCache({sprite.id: sprite for sprite in sprites})
