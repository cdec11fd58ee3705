"""The sprite library: what it holds, and how it lies on disk.

A library folder holds `index.json` and one folder of PNG files per class (`distractor` for things
that are never labelled), see `stored_png`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.formats.palette import Colour
from pipeline.sprites import stored_png

Pixels = npt.NDArray[np.uint8]

INDEX_FILE = "index.json"
DISTRACTOR = "distractor"
"""Folder of the sprites that have no class."""
PIXELS = ("rgba", "player_weight", "shadow")
"""Fields of a sprite that are images, of which the last two may be None."""


class SpriteLibraryError(OutpostError):
    """A sprite library that cannot be read, or sprites that do not make one."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """One drawn frame of one class, trimmed to the opaque pixels of its main layer.

    Attributes:
        id: unique within the library, `<class>/<file stem>_h<heading>_s<step>`.
        class_name: the class, or None for a distractor.
        source: the game file, relative to the game's folder, forward slashes.
        source_sha256: digest of that file.
        frame, heading, step: index in the file; heading 0 is east and goes on clockwise.
        hotspot: ground anchor (x, y) in pixels from the top left of `rgba`; may lie outside it.
        rgba: uint8 [height, width, 4], straight alpha.
        player_weight: uint8 [height, width], 0 keeps the colour and 255 takes the team's; or None.
        shadow: uint8 [h, w] opacity of black, or None.
        shadow_offset: (x, y) of the shadow's top left from that of `rgba`.
    """

    id: str
    class_name: str | None
    source: str
    source_sha256: str
    frame: int
    heading: int
    step: int
    hotspot: tuple[int, int]
    rgba: Pixels
    player_weight: Pixels | None
    shadow: Pixels | None
    shadow_offset: tuple[int, int]

    @property
    def facts(self) -> dict[str, Any]:
        """Everything but the pixels, by the names of the fields."""
        return {name: value for name, value in vars(self).items() if name not in PIXELS}


class SpriteEntry(BaseModel):
    """A sprite in the library's index: everything but its pixels, and the files that hold them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    class_name: str | None
    source: str
    source_sha256: str
    frame: int
    heading: int
    step: int
    hotspot: tuple[int, int]
    shadow_offset: tuple[int, int]
    rgba: str
    player_weight: str | None
    shadow: str | None


class LibraryIndex(BaseModel):
    """The content of a library's `index.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sprites: tuple[SpriteEntry, ...]
    team_colours: tuple[Colour, ...] | None = Field(default=None, min_length=8, max_length=8)


class LibraryWriter:
    """Writes a library sprite by sprite; the same sprites, in any order, give the same bytes.

    Args:
        folder: made if it is missing.

    Raises:
        OSError: from every method, when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, SpriteEntry] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, sprite: Sprite) -> None:
        """Write a sprite's pixels.

        Raises:
            SpriteLibraryError: another sprite has its id.
        """
        if sprite.id in self._entries:
            raise SpriteLibraryError(
                f"Two sprites are called '{sprite.id}'.",
                "Two files of one class have the same name: exclude one in sprites.yaml.",
            )
        self._entries[sprite.id] = _write_sprite(self._folder, sprite)

    def finish(self, team_colours: tuple[Colour, ...] | None = None) -> None:
        """Write the index, without which the folder is no library.

        Args:
            team_colours: RGB of players 1 to 8, where the game states them.
        """
        in_order = tuple(self._entries[id_] for id_ in sorted(self._entries))
        index = LibraryIndex(sprites=in_order, team_colours=team_colours)
        write_json(self._folder / INDEX_FILE, index.model_dump(mode="json"), ascii_only=True)


class OpenLibrary(Mapping[str, Sprite]):
    """A library on disk, of which a sprite's pixels are read when it is asked for by its id.

    Attributes:
        entries: what the index says of each sprite, by id.
        team_colours: RGB of players 1 to 8 as the game states them; None where it does not.

    Raises:
        SpriteLibraryError: on opening or on reading: the index or an image is missing, damaged, or
            of another version.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = read_json(folder / INDEX_FILE, LibraryIndex, lambda _, why: _damaged(folder, why))
        self.entries = {entry.id: entry for entry in index.sprites}
        self.team_colours = index.team_colours

    def __getitem__(self, sprite_id: str) -> Sprite:
        try:
            return _read_sprite(self._folder, self.entries[sprite_id])
        except (OSError, ValueError) as error:
            raise _damaged(self._folder, error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def size_of(self, sprite_id: str) -> tuple[int, int]:
        """Width and height of a sprite, without reading its pixels."""
        file = self.entries[sprite_id].rgba
        try:
            with _opened(self._folder, file) as stream:
                header = stored_png.header_of(stream.read(stored_png.HEADER_BYTES))
        except (OSError, ValueError) as error:
            raise _damaged(self._folder, f"{PurePosixPath(file).name}: {error}") from error
        return header.width, header.height


def _damaged(folder: Path, why: object) -> SpriteLibraryError:
    return SpriteLibraryError(
        f"{folder} is not a whole sprite library: {why}", "Materialize the sprites again."
    )


def folder_of(sprite: Sprite) -> str:
    """The class, or `distractor`."""
    return sprite.class_name or DISTRACTOR


def _write_sprite(folder: Path, sprite: Sprite) -> SpriteEntry:
    name = sprite.id.rpartition("/")[2]
    (folder / folder_of(sprite)).mkdir(exist_ok=True)

    def write(pixels: Pixels, suffix: str = "") -> str:
        path = PurePosixPath(folder_of(sprite), f"{name}{suffix}.png")
        (folder / path).write_bytes(stored_png.encode(pixels))
        return str(path)

    weight, shadow = sprite.player_weight, sprite.shadow
    return SpriteEntry(
        **sprite.facts,
        rgba=write(sprite.rgba),
        player_weight=None if weight is None else write(weight, ".player"),
        shadow=None if shadow is None else write(shadow, ".shadow"),
    )


def _read_sprite(folder: Path, entry: SpriteEntry) -> Sprite:
    def read(file: str, channels: int) -> Pixels:
        with _opened(folder, file) as stream:
            data = stream.readall()
        found = stored_png.header_of(data).channels
        if found != channels:
            raise ValueError(f"{file} has {found} channels instead of {channels}")
        pixels = stored_png.decode(data)
        if pixels is None:  # Packed in another way than ours.
            with Image.open(folder / file, formats=["PNG"]) as image:
                return np.array(image)
        return pixels

    pixels = {
        "rgba": read(entry.rgba, 4),
        "player_weight": None if entry.player_weight is None else read(entry.player_weight, 1),
        "shadow": None if entry.shadow is None else read(entry.shadow, 1),
    }
    return Sprite(**(dict(entry) | pixels))


def _opened(folder: Path, file: str) -> FileIO:
    """A file of a library; without a `Path`, which takes as long as it takes to read the file."""
    return open(f"{folder}/{file}", "rb", buffering=0)  # noqa: PTH123
