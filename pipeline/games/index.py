"""The index of a game's files: what every sprite and background is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.formats.palette import palette_files
from pipeline.games.files import (
    FoundFile,
    Listing,
    Overlay,
    find_file,
    first_folder,
    has_suffix,
    list_files,
    path_in,
    paths_in,
)
from pipeline.games.pack import GamePack, SpriteRules, TerrainRules
from pipeline.manifests import FileEntry, Record
from pipeline.progress import Report, silent, track

INDEX_FILE = "index.json"
GAME_DIR_VARIABLE = "OUTPOST_GAME_DIR"
"""Names the folder of an installed game; with _<GAME> at its end, of that game alone."""


class GameFolderError(OutpostError):
    """A game's folder that is missing or is not that game's."""


def game_variable(pack: GamePack) -> str:
    """The environment variable that names the folder of this game alone."""
    return f"{GAME_DIR_VARIABLE}_{pack.name.upper()}"


def how_to_point_at(pack: GamePack) -> str:
    """What to do when the folder of a game is the wrong one."""
    inside = first_folder(pack.sprites).split("/")[0]
    return (
        f"Set {game_variable(pack)} to the folder in which {pack.title} is installed: the one that "
        f"contains '{inside}'. `outpost game check {pack.name} --dir FOLDER` says whether it is."
    )


class GameFile(FileEntry):
    """A file of a game by its path in the game's folder, with the size and digest of what is read.

    A file of the game's own says nothing of mods, as if there were none.
    """

    mod: str = Field("", description="The mod whose file of that path is read in its place.")

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if key != "mod" or value}


class GameIndex(Record):
    """Sprite and terrain files of an installed game, paths relative to its folder."""

    game: str
    sprites: tuple[GameFile, ...]
    terrain: tuple[GameFile, ...]
    other: tuple[GameFile, ...] = ()
    """Files that are neither, such as the palette of team colours."""

    @classmethod
    def open(cls, folder: Path) -> GameIndex:
        """Read what `write` wrote: the artifact of `game_files`.

        Raises:
            GameFolderError: there is no index, or one of another version.
        """
        return read_json(folder / INDEX_FILE, cls, _no_index)

    def write(self, folder: Path) -> None:
        """Write the index into a folder that exists."""
        write_json(folder / INDEX_FILE, self.model_dump(mode="json"))

    @property
    def by_mod(self) -> dict[str, int]:
        """How many files come from each mod, by its name."""
        return dict(sorted(Counter(entry.mod for entry in self.files if entry.mod).items()))

    @property
    def files(self) -> tuple[GameFile, ...]:
        return (*self.sprites, *self.terrain, *self.other)


class Oddities(Record):
    """What is odd about a game's files, and harms nothing but themselves; paths are whole."""

    unreadable: dict[str, str] = Field({}, description="What cannot be read, and why.")
    alike: dict[str, tuple[str, ...]] = Field(
        {}, description="Files left out, by the one that differs from them in letter case alone."
    )

    @classmethod
    def of(cls, listings: Sequence[Listing], unread: Mapping[Path, str] | None = None) -> Oddities:
        """What listings left out, and files that were listed and could not be read."""
        unreadable = {path: why for each in listings for path, why in each.unreadable.items()}
        alike = {kept: others for each in listings for kept, others in each.alike.items()}
        unreadable.update(unread or {})
        return cls(
            unreadable={str(path): why for path, why in sorted(unreadable.items())},
            alike={str(kept): tuple(map(str, others)) for kept, others in sorted(alike.items())},
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """One line each, with what to do."""
        return (
            *(
                f"{path} was left out: {why}. Let the game's launcher verify its files, or give "
                "yourself the right to read it."
                for path, why in self.unreadable.items()
            ),
            *(
                f"{kept} is read, and {' and '.join(others)} is not: their names differ in letter "
                "case alone, and the game takes them for one. Delete the one that is not its own."
                for kept, others in self.alike.items()
            ),
        )


@dataclass(frozen=True)
class Indexed:
    """An index, what was left out of it, and the file to read for each of its paths."""

    index: GameIndex
    oddities: Oddities
    files: dict[str, Path]


def index_game(
    folder: Path,
    pack: GamePack,
    digest: Callable[[Path], str],
    report: Report = silent,
    overlays: Sequence[Overlay] = (),
) -> Indexed:
    """List and hash the files that a pack reads.

    Args:
        digest: SHA-256 of a file; the caller may remember those of unchanged files.
        overlays: mods whose files stand in the place of the game's own, the strongest first.

    Raises:
        GameFolderError: the folder is missing, or holds no sprites or no terrain.
    """
    if not folder.is_dir():
        raise GameFolderError(f"There is no folder {folder}.", how_to_point_at(pack))
    listings, parts = [], []
    for rules in (pack.sprites, pack.terrain):
        listing = list_files(folder, rules, overlays)
        found = [each for name, each in listing.found.items() if has_suffix(name, rules.suffix)]
        if not found:
            raise _nothing_there(folder, pack, rules)
        listings.append(listing)
        parts.append(found)
    parts.append(_palette(folder, pack, overlays))
    entries: dict[Path, GameFile] = {}
    unread: dict[Path, str] = {}
    every = [each for part in parts for each in part]
    for each in track(every, len(every), "indexing game files", report):
        try:
            entries[each.own] = _entry(each, folder, digest)
        except OSError as error:
            unread[each.file] = error.strerror or str(error)
    sprites, terrain, other = (
        tuple(entries[each.own] for each in part if each.own in entries) for part in parts
    )
    index = GameIndex(game=pack.name, sprites=sprites, terrain=terrain, other=other)
    read = {entries[each.own].path: each.file for each in every if each.own in entries}
    return Indexed(index, Oddities.of(listings, unread), read)


def files_of(entry: GameFile, folder: Path, overlays: Sequence[Overlay]) -> list[Path]:
    """The files that an entry may stand for: those of its mod by that path in any letter case."""
    if not entry.mod:
        return [folder / entry.path]
    mods = (each.folder for each in overlays if each.name == entry.mod)
    return [file for mod in mods for file in paths_in(mod, entry.path)]


def _no_index(file: Path, why: Exception) -> GameFolderError:
    return GameFolderError(
        f"{file} is no index of a game's files: {why}", "Materialize game_files again."
    )


def _nothing_there(
    folder: Path, pack: GamePack, rules: SpriteRules | TerrainRules
) -> GameFolderError:
    return GameFolderError(
        f"{folder} holds no {rules.suffix} files in {first_folder(rules)}.",
        f"{how_to_point_at(pack)} If it is, let the game's launcher verify its files.",
    )


def _palette(folder: Path, pack: GamePack, overlays: Sequence[Overlay]) -> list[FoundFile]:
    """The files that state the team colours, of which there may be none."""
    if pack.sprites.palette is None:
        return []
    if (found := find_file(folder, pack.sprites.palette, overlays)) is not None:
        return [found]
    separate = palette_files(path_in(folder, pack.sprites.palette))
    return [FoundFile(file, file) for file in separate]


def _entry(found: FoundFile, folder: Path, digest: Callable[[Path], str]) -> GameFile:
    return GameFile(
        path=found.own.relative_to(folder).as_posix(),
        size=found.file.stat().st_size,
        sha256=digest(found.file),
        mod=found.overlay,
    )
