"""The game's own files: where they are, and their digests without reading them twice."""

import json
import os
from pathlib import Path

import dagster as dg
from detector_runtime.system.cores import usable_cores
from pydantic import Field

from pipeline.demo_game.game_folder import draw_game
from pipeline.files import replacing, write_json
from pipeline.games.index import (
    GAME_DIR_VARIABLE,
    GameFolderError,
    Indexed,
    game_variable,
    how_to_point_at,
    index_game,
)
from pipeline.games.installed import ModChoice, find_installed
from pipeline.games.mods import (
    ENABLED,
    PlayerMods,
    choose_mods,
    mods_folder_variable,
    mods_folders,
    mods_variable,
    read_mods,
)
from pipeline.games.pack import GamePack
from pipeline.games.steam import steam_libraries
from pipeline.manifests import sha256_of
from pipeline.progress import Report
from pipeline.sprites.extract import ExtractionOptions
from resources.paths import Paths

MODS_VARIABLE = "OUTPOST_MODS"
"""Chooses the mods of every game; with _<GAME> at its end, of that game alone."""
MODS_DIR_VARIABLE = "OUTPOST_MODS_DIR"
"""Names a player's folder of mods, likewise."""


class GameFiles(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder of the installed game, and the mods of its players."""

    paths: Paths
    folder: str = Field(
        default="",
        description="Folder of the installed game. Empty: what OUTPOST_GAME_DIR_<GAME> or "
        "OUTPOST_GAME_DIR names, else the first usual install folder that exists. The built-in "
        "game draws its own.",
    )
    mods: str = Field(
        default="",
        description="Whose files stand in the place of the game's own: 'enabled' for the mods that "
        "the player has turned on in the game, so that the detector learns what is on the screen; "
        "'none' for the game as it is sold; or names of mods with commas between them, the "
        "strongest first. Empty: what OUTPOST_MODS_<GAME> or OUTPOST_MODS says, else 'enabled'.",
    )
    mods_folder: str = Field(
        default="",
        description="One player's folder of mods, which holds 'local' and 'subscribed'. Empty: "
        "what OUTPOST_MODS_DIR_<GAME> or OUTPOST_MODS_DIR names, else those of every player that "
        "are found.",
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
            return self.paths.state.drawn_game(pack.name)
        if (named := _named_by_environment(pack)) is not None:
            return named
        if (found := find_installed(pack)) is not None:
            return found
        raise GameFolderError(
            f"{pack.title} was not found in any of its usual install folders.{_unplugged()}",
            f"Set {game_variable(pack)}, or {GAME_DIR_VARIABLE} where one game is served, to the "
            "folder in which it is installed.",
        )

    def mod_choice(self, pack: GamePack) -> ModChoice:
        """The mods of this machine, and which of them are used.

        Raises:
            GameFolderError: several players have such mods, one that is named is not there, or the
                folder of mods is not.
        """
        players = self.players(pack)
        choice = self.mods or _environment(mods_variable(pack), MODS_VARIABLE) or ENABLED
        return ModChoice(players, choose_mods(players, choice, pack))

    def players(self, pack: GamePack) -> tuple[PlayerMods, ...]:
        """The mods of each player on this machine, whichever of them are used.

        Raises:
            GameFolderError: the folder of mods that is named is not there.
        """
        if pack.mods is None:
            return ()
        variable = mods_folder_variable(pack)
        named = self.mods_folder or _environment(variable, MODS_DIR_VARIABLE)
        if not named:
            return tuple(map(read_mods, mods_folders(pack)))
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise GameFolderError(
                f"There is no folder of mods {folder}.",
                f"Set {variable} to a player's folder that holds 'local' and 'subscribed', or to "
                "nothing.",
            )
        return (read_mods(folder),)

    def index(self, folder: Path, pack: GamePack, report: Report) -> Indexed:
        """Hash the game's files, reusing the digest of a file whose size and time are the same."""
        known = self._known_digests(pack)
        indexed = index_game(folder, pack, known.digest, report, self.mod_choice(pack).used)
        known.save()
        return indexed

    def extraction_options(self, pack: GamePack) -> ExtractionOptions:
        """Extract in several processes, and read only what is new since the last time."""
        cache = self.paths.state.caches / f"{pack.name}-sprites"
        return ExtractionOptions(
            self.workers or usable_cores(), cache, self._known_digests(pack).digest
        )

    def _known_digests(self, pack: GamePack) -> "DigestCache":
        return DigestCache(self.paths.state.caches / f"{pack.name}-digests.json")


def _environment(*variables: str) -> str:
    """What the first of some environment variables says that says anything."""
    return next((value for name in variables if (value := os.environ.get(name))), "")


def _unplugged() -> str:
    """Which of Steam's libraries are not there: the game may be in one of them."""
    missing = steam_libraries().missing
    if not missing:
        return ""
    return f" Steam lists libraries that are not connected or not mounted: {', '.join(missing)}."


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
        with replacing(self._file) as fresh:
            write_json(fresh, self._seen, indent=0)


def _named_by_environment(pack: GamePack) -> Path | None:
    for variable in (game_variable(pack), GAME_DIR_VARIABLE):
        if named := os.environ.get(variable):
            folder = Path(named).expanduser()
            if folder.is_dir():
                return folder
            raise GameFolderError(
                f"{variable} is {named}, and there is no such folder.", how_to_point_at(pack)
            )
    return None
