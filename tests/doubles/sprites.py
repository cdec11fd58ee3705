"""Sprite libraries of sprites that a test made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.palette import Colour
from pipeline.sprites.library import LibraryWriter, Sprite


def write_library(
    folder: Path, sprites: Iterable[Sprite], team_colours: tuple[Colour, ...] | None = None
) -> None:
    """Write a library of sprites that are taken one at a time; see `LibraryWriter`."""
    writer = LibraryWriter(folder)
    for sprite in sprites:
        writer.add(sprite)
    writer.finish(team_colours)
