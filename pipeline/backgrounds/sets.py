"""A whole set of backgrounds of one kind, by whichever way a pack's ground is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.backgrounds.hexes import open_pictures
from pipeline.backgrounds.pictures import (
    choose_shore_textures,
    write_backgrounds,
    write_hex_backgrounds,
    write_shores,
)
from pipeline.backgrounds.textures import Kind, choose_textures
from pipeline.games.pack import TerrainRules
from pipeline.progress import Report, silent


def write_kind(
    folder: Path,
    kind: Kind,
    files: tuple[Path, Sequence[Path]],
    rules: TerrainRules,
    size: tuple[int, int],
    report: Report = silent,
) -> dict[str, str]:
    """Make and write all backgrounds of a kind.

    Args:
        folder: exists.
        kind: land, water, or shore.
        files: the game's folder, and its terrain files.
        rules: of the pack.
        size: width and height of a scene in pixels.
        report: told after every background.

    Returns:
        Why each texture that is not used is left out.

    Raises:
        TextureError: nothing can serve as such ground.
        DdsError, PngError: a texture cannot be read.
    """
    game_folder, every = files
    if rules.hexes is not None:
        base = game_folder / rules.folder
        names = {file.relative_to(base).as_posix(): file for file in every}
        write_hex_backgrounds(folder, kind, open_pictures(names, rules), rules, size, report)
        return {}
    if kind == "shore":
        textures, left_out = choose_shore_textures(every, rules)
        write_shores(folder, textures, rules, size, report)
        return left_out
    choice = choose_textures(every, kind, rules)
    write_backgrounds(folder, kind, choice.textures, rules, size, report)
    return choice.left_out
