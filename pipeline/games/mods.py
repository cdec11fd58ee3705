"""Mods that a player has turned on: folders whose files stand in the place of the game's own.

A player's folder of mods holds `local` and `subscribed`, in which each mod is a folder laid out as
the game's own. `mod-status.json` beside them says which ones are on and how they rank: where two
have the same file, the one with the smaller `Priority` is shown
(https://support.ageofempires.com/hc/en-us/articles/360058003491). A mod that it does not list has
not been seen by the game yet and is off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.games.files import Overlay, find_file, list_files, path_in
from pipeline.games.index import GameFolderError
from pipeline.games.pack import GamePack
from pipeline.games.steam import expanded, in_steam_apps, steam_libraries

KINDS = ("local", "subscribed")
STATUS = "mod-status.json"
MAX_STATUS_BYTES = 16 << 20
PROTON = "proton:"
"""Begins a folder of mods that is looked for in the Windows that Proton gave to an app."""
ENABLED, NONE = "enabled", "none"
LAST = 1 << 31
"""The rank of a mod for which the game states none."""


@dataclass(frozen=True)
class Mod(Overlay):
    """A mod on this machine; its name is its kind and its folder.

    Attributes:
        title: what the game calls it.
        enabled: whether the player has turned it on.
        rank: of two mods with the same file, the one with the smaller rank is shown.
    """

    title: str
    enabled: bool
    rank: int


@dataclass(frozen=True)
class PlayerMods:
    """The mods of one player.

    Attributes:
        folder: which holds them.
        mods: the strongest first.
        problems: what could not be read, one line each.
    """

    folder: Path
    mods: tuple[Mod, ...]
    problems: tuple[str, ...] = ()


def mods_folders(pack: GamePack) -> tuple[Path, ...]:
    """The existing folders of mods of every player on this machine, each once."""
    if pack.mods is None:
        return ()
    folders = (folder for entry in pack.mods.folders for folder in _stands_for(entry))
    return tuple({folder.resolve(): folder for folder in folders if folder.is_dir()}.values())


def read_mods(folder: Path) -> PlayerMods:
    """Look at one player's mods; none of their files is opened."""
    states, problems = _states(path_in(folder, STATUS))
    mods = []
    for kind in KINDS:
        for place in _folders_in(path_in(folder, kind)):
            name = f"{kind}/{place.name}"
            state = states.pop(name.casefold(), None) or states.pop(place.name.casefold(), _State())
            mods.append(Mod(name, place, state.title or place.name, state.enabled, state.rank))
    gone = [state.name for state in states.values() if state.enabled]
    problems += [f"The mod {name} is turned on, but {folder} does not hold it." for name in gone]
    ordered = sorted(
        mods, key=lambda mod: (mod.rank, KINDS.index(mod.name.split("/")[0]), mod.name)
    )
    return PlayerMods(folder, tuple(ordered), tuple(problems))


def that_show(mods: Iterable[Mod], pack: GamePack) -> tuple[Mod, ...]:
    """Those that have any file where the pack looks; mods of maps or of sounds do not."""
    palette = pack.sprites.palette
    return tuple(
        mod
        for mod in mods
        if any(list_files(mod.folder, place).found for place in (pack.sprites, pack.terrain))
        or (palette is not None and find_file(mod.folder, palette) is not None)
    )


def choose_mods(players: Sequence[PlayerMods], choice: str, pack: GamePack) -> tuple[Mod, ...]:
    """The mods whose files replace those of the game, the strongest first.

    Args:
        choice: `enabled` for what the player has turned on, `none`, or the names of folders or
            titles of mods with commas between them, the strongest first.

    Raises:
        GameFolderError: several players have mods turned on that count, or there is no such mod, or
            there are several of that name.
    """
    if choice.strip().casefold() in ("", NONE):
        return ()
    if choice.strip().casefold() == ENABLED:
        shown = {
            player.folder: mods
            for player in players
            if (mods := that_show((mod for mod in player.mods if mod.enabled), pack))
        }
        if len(shown) > 1:
            folders = ", ".join(str(folder) for folder in shown)
            raise GameFolderError(
                f"Several players of {pack.title} have mods turned on that change how it looks.",
                f"Name the folder of one with `mods_folder` of the resource `game`, or with "
                f"{mods_folder_variable(pack)}: {folders}. Or set {mods_variable(pack)} to 'none'.",
            )
        return next(iter(shown.values()), ())
    every = [mod for player in players for mod in player.mods]
    return tuple(_named(name.strip(), every, pack) for name in choice.split(",") if name.strip())


def mods_variable(pack: GamePack) -> str:
    """The environment variable that chooses the mods of this game."""
    return f"OUTPOST_MODS_{pack.name.upper()}"


def mods_folder_variable(pack: GamePack) -> str:
    """The environment variable that names one player's folder of mods of this game."""
    return f"OUTPOST_MODS_DIR_{pack.name.upper()}"


def _named(name: str, mods: Sequence[Mod], pack: GamePack) -> Mod:
    wanted = name.casefold()
    names = [
        mod
        for mod in mods
        if wanted in (mod.name.casefold(), mod.folder.name.casefold(), mod.title.casefold())
    ]
    if len(names) != 1:
        having = ", ".join(sorted(mod.name for mod in names or mods)) or "none"
        raise GameFolderError(
            f"There are {len(names)} mods called '{name}'.",
            f"Give names out of these in {mods_variable(pack)}: {having}.",
        )
    return names[0]


# --- What is on the disk ---------------------------------------------------------------------


@dataclass(frozen=True)
class _State:
    """What the game says of a mod."""

    name: str = ""
    title: str = ""
    enabled: bool = False
    rank: int = LAST


def _stands_for(entry: str) -> Iterator[Path]:
    if not entry.startswith(PROTON):
        yield from expanded(entry)
        return
    app, _, path = entry.removeprefix(PROTON).partition("/")
    for library in steam_libraries().there:
        users = in_steam_apps(library, "compatdata", app, "pfx", "drive_c", "users")
        try:
            yield from sorted(users.glob(f"*/{path}"))
        except OSError:
            continue


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return []


def _states(file: Path) -> tuple[dict[str, _State], list[str]]:
    """What the game says of each mod, by its folder in small letters, and what is wrong with it."""
    try:
        if file.stat().st_size > MAX_STATUS_BYTES:
            return {}, [f"{file} is larger than {MAX_STATUS_BYTES} bytes: all mods count as off."]
        content = json.loads(file.read_text("utf-8-sig", errors="replace"))
        entries = content["Mods"]
        states = [_state(entry) for entry in entries]
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return {}, [f"{file} cannot be read ({error!r}): all mods in it count as off."]
    return {state.name.casefold(): state for state in reversed(states) if state.name}, []


def _state(entry: dict[str, Any]) -> _State:
    parts = [part for part in str(entry["Path"]).replace("\\", "/").split("/") if part]
    name = "/".join(parts[-2:]) if parts[-2:-1] and parts[-2].casefold() in KINDS else parts[-1]
    rank = entry.get("Priority")
    return _State(
        name=name,
        title=str(entry.get("Title") or ""),
        enabled=entry.get("Enabled") is True,
        rank=rank if isinstance(rank, int) and not isinstance(rank, bool) else LAST,
    )
