"""The game's own files: where they are, and their digests without reading them twice."""

import json
import os
from pathlib import Path

import dagster as dg
from detector_runtime.cores import usable_cores
from pydantic import Field

from pipeline.games.demo.game_folder import draw_game
from pipeline.games.index import (
    GAME_DIR_VARIABLE,
    GameFolderError,
    GameIndex,
    game_variable,
    how_to_point_at,
    index_game,
)
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack
from pipeline.manifests import sha256_of
from pipeline.progress import Report
from pipeline.sprites.extract import Means
from resources.state import StateFolder


class GameFiles(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder of the installed game."""

    folder: str = Field(
        default="",
        description="Folder of the installed game. Empty: what OUTPOST_GAME_DIR_<GAME> or "
        "OUTPOST_GAME_DIR names, else the first usual install folder that exists. The built-in "
        "game draws its own.",
    )
    workers: int = Field(
        default=0, ge=0, description="Processes that read sprites; 0 stands for one per core."
    )

    def prepare(self, pack: GamePack, report: Report) -> Path:
        """The game's folder, drawn first where Outpost draws the game.

        Raises:
            GameFolderError: nobody said where the game is, and it is in no usual place.
        """
        folder = self.located(pack)
        if pack.drawn:
            draw_game(folder, report)
        return folder

    def located(self, pack: GamePack) -> Path:
        """Where the game's files are, without drawing anything.

        Raises:
            GameFolderError: a variable names no folder, or nobody said where the game is and it is
                in no usual place.
        """
        if self.folder:
            return Path(self.folder).expanduser()
        if pack.drawn:
            return drawn_folder(pack)
        if (named := _named_by_environment(pack)) is not None:
            return named
        if (found := find_installed(pack)) is not None:
            return found
        raise GameFolderError(
            f"{pack.title} was not found in any of its usual install folders.",
            f"Set {game_variable(pack)}, or {GAME_DIR_VARIABLE} where one game is served, to the "
            "folder in which it is installed.",
        )

    def index(self, folder: Path, pack: GamePack, report: Report) -> GameIndex:
        """Hash the game's files, reusing the digest of a file whose size and time are the same."""
        known = _known_digests(pack)
        index = index_game(folder, pack, known.digest, report)
        known.save()
        return index

    def means(self, pack: GamePack) -> Means:
        """Extract in several processes, and read only what is new since the last time."""
        cache = StateFolder.from_environment().caches / f"{pack.name}-sprites"
        return Means(self.workers or usable_cores(), cache, _known_digests(pack).digest)


class DigestCache:
    """Digests by path, size and modification time, kept between runs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: dict[str, str] = {}
        try:
            self._before: dict[str, str] = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            self._before = {}

    def digest(self, file: Path) -> str:
        """SHA-256 of a file, from memory if it has not been touched."""
        status = file.stat()
        key = f"{file}|{status.st_size}|{status.st_mtime_ns}"
        self._seen[key] = self._before.get(key) or sha256_of(file)
        return self._seen[key]

    def save(self) -> None:
        """Keep what was seen; the rest is forgotten. Nothing is written when nothing is new."""
        if self._seen == self._before:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self._seen, indent=0), encoding="utf-8", newline="\n")
        temporary.replace(self._file)


def _named_by_environment(pack: GamePack) -> Path | None:
    for variable in (game_variable(pack), GAME_DIR_VARIABLE):
        if not (named := os.environ.get(variable)):
            continue
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise GameFolderError(
                f"{variable} is {named}, and there is no such folder.",
                how_to_point_at(pack),
            )
        return folder
    return None


def _known_digests(pack: GamePack) -> DigestCache:
    return DigestCache(StateFolder.from_environment().caches / f"{pack.name}-digests.json")


def drawn_folder(pack: GamePack) -> Path:
    """Where a game that Outpost draws itself lies in the state folder."""
    return StateFolder.from_environment().drawn_game(pack.name)
