"""A whole set of backgrounds of one kind, by whichever way a pack's ground is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.backgrounds.hexes import open_images
from pipeline.backgrounds.images import (
    BackgroundEntry,
    choose_shore_textures,
    no_backgrounds,
    read_index,
    sampling_sheet,
    write_backgrounds,
    write_hex_backgrounds,
    write_shores,
)
from pipeline.backgrounds.textures import Kind, choose_textures
from pipeline.files import read_json, write_json
from pipeline.games.pack import TerrainRules
from pipeline.progress import Report, silent

LEFT_OUT_FILE = "left_out.json"
SAMPLINGS_FILE = "samplings.jpg"


@dataclass(frozen=True)
class BackgroundSet:
    """The artifact of `terrain_backgrounds`, `water_backgrounds` and `shore_backgrounds`.

    *.jpg           the backgrounds
    index.json      what each is made from
    left_out.json   why each texture that is not used is left out
    samplings.jpg   of land without hexes: textures stretched and isometric, to compare
    """

    folder: Path
    entries: tuple[BackgroundEntry, ...]
    left_out: Mapping[str, str]

    @classmethod
    def open(cls, folder: Path) -> BackgroundSet:
        """Read what `write` wrote; images are left for later.

        Raises:
            BackgroundSetError: the folder holds no backgrounds, or of another version.
        """
        left_out = read_json(folder / LEFT_OUT_FILE, dict[str, str], no_backgrounds)
        return cls(folder, read_index(folder), left_out)

    @classmethod
    def write(
        cls,
        folder: Path,
        kind: Kind,
        files: tuple[Path, Sequence[Path]],
        rules: TerrainRules,
        size: tuple[int, int],
        report: Report = silent,
    ) -> BackgroundSet:
        """Make and write all backgrounds of a kind; arguments and errors as of `write_kind`."""
        left_out = write_kind(folder, kind, files, rules, size, report)
        write_json(folder / LEFT_OUT_FILE, left_out)
        if kind == "land" and rules.hexes is None:
            textures = choose_textures(files[1], kind, rules).textures
            (folder / SAMPLINGS_FILE).write_bytes(sampling_sheet(textures, rules, size))
        return cls(folder, read_index(folder), left_out)

    def samplings(self) -> bytes | None:
        """A JPEG of the same textures stretched and isometric; None where there is none."""
        file = self.folder / SAMPLINGS_FILE
        return file.read_bytes() if file.is_file() else None


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
        write_hex_backgrounds(folder, kind, open_images(names, rules), rules, size, report)
        return {}
    if kind == "shore":
        textures, left_out = choose_shore_textures(every, rules)
        write_shores(folder, textures, rules, size, report)
        return left_out
    choice = choose_textures(every, kind, rules)
    write_backgrounds(folder, kind, choice.textures, rules, size, report)
    return choice.left_out
