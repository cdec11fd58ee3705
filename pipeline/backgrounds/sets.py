"""A whole set of backgrounds of one kind, by whichever way a pack's ground is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.backgrounds.hexes import open_images
from pipeline.backgrounds.images import (
    Background,
    BackgroundEntry,
    choose_shore_textures,
    make_background,
    make_hex_background,
    make_shore,
    no_backgrounds,
    read_index,
    sampling_sheet,
    write_backgrounds,
)
from pipeline.backgrounds.textures import Kind, Texture, choose_textures
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
        """Make and write all backgrounds of a kind.

        Args:
            folder: exists.
            files: the game's folder, and its terrain files.
            size: width and height of a scene in pixels.

        Raises:
            TextureError: nothing can serve as such ground.
            DdsError, PngError: a texture cannot be read.
        """
        make: Callable[[int], Background]
        game_folder, every = files
        compared: Sequence[Texture] = ()
        left_out: dict[str, str] = {}
        if rules.hexes is not None:
            base = game_folder / rules.folder
            names = {file.relative_to(base).as_posix(): file for file in every}
            hexes = open_images(names, rules)
            make = partial(make_hex_background, kind=kind, images=hexes, rules=rules, size=size)
        elif kind == "shore":
            shores, left_out = choose_shore_textures(every, rules)
            make = partial(make_shore, textures=shores, rules=rules, size=size)
        else:
            choice = choose_textures(every, kind, rules)
            textures, left_out = choice.textures, choice.left_out
            compared = textures if kind == "land" else ()
            make = partial(make_background, kind=kind, textures=textures, rules=rules, size=size)
        write_backgrounds(folder, kind, make, rules, report)
        if compared:
            (folder / SAMPLINGS_FILE).write_bytes(sampling_sheet(compared, rules, size))
        write_json(folder / LEFT_OUT_FILE, left_out)
        return cls(folder, read_index(folder), left_out)

    def samplings(self) -> bytes | None:
        """A JPEG of the same textures stretched and isometric; None where there is none."""
        file = self.folder / SAMPLINGS_FILE
        return file.read_bytes() if file.is_file() else None
