"""The index of a game's files: what every sprite and background is made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.errors import OutpostError
from pipeline.formats.palette import palette_files
from pipeline.games.files import files_in, first_folder
from pipeline.games.pack import GamePack, SpriteRules, TerrainRules
from pipeline.manifests import FileEntry
from pipeline.progress import Report, silent, track

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


class GameIndex(BaseModel):
    """Sprite and terrain files of an installed game, paths relative to its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: str
    sprites: tuple[FileEntry, ...]
    terrain: tuple[FileEntry, ...]
    other: tuple[FileEntry, ...] = ()
    """Files that are neither, such as the palette of team colours."""

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return (*self.sprites, *self.terrain, *self.other)


def index_game(
    folder: Path, pack: GamePack, digest: Callable[[Path], str], report: Report = silent
) -> GameIndex:
    """List and hash the files that a pack reads.

    Args:
        folder: the installed game.
        pack: says where sprites and terrain lie.
        digest: SHA-256 of a file; the caller may remember those of unchanged files.
        report: told after every file.

    Raises:
        GameFolderError: the folder is missing, or holds no sprites or no terrain.
    """
    if not folder.is_dir():
        raise GameFolderError(
            f"There is no folder {folder}.",
            how_to_point_at(pack),
        )
    sprites = _listed(folder, pack.sprites, pack)
    terrain = _listed(folder, pack.terrain, pack)
    other = palette_files(folder / pack.sprites.palette) if pack.sprites.palette else ()
    every = [*sprites, *terrain, *other]
    entries = {
        file: _entry(file, folder, digest)
        for file in track(every, len(every), "indexing game files", report)
    }
    return GameIndex(
        game=pack.name,
        sprites=tuple(entries[file] for file in sprites),
        terrain=tuple(entries[file] for file in terrain),
        other=tuple(entries[file] for file in other),
    )


def _listed(folder: Path, rules: SpriteRules | TerrainRules, pack: GamePack) -> list[Path]:
    suffix = rules.suffix
    files = [file for name, file in files_in(folder, rules).items() if name.endswith(suffix)]
    if not files:
        first = first_folder(rules)
        raise GameFolderError(
            f"{folder} holds no {suffix} files in {first}.",
            f"{how_to_point_at(pack)} If it is, let the game's launcher verify its files.",
        )
    return files


def _entry(file: Path, folder: Path, digest: Callable[[Path], str]) -> FileEntry:
    return FileEntry(
        path=file.relative_to(folder).as_posix(), size=file.stat().st_size, sha256=digest(file)
    )
