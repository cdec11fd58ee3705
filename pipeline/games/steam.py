"""Where Steam keeps games: its own folder, and the libraries on other disks that it lists.

Steam lists its libraries in `libraryfolders.vdf`, a text in Valve's KeyValues format
(https://developer.valvesoftware.com/wiki/KeyValues). Until 2021 a number stood directly for a path,
since then for a block with a `path`; both are read. Nothing is looked up in the registry: besides
Steam's usual places, the usual names of libraries are looked for on every drive.
"""

from __future__ import annotations

import os
import re
import string
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.games.files import path_in

DRIVES = tuple(f"{letter}:/" for letter in string.ascii_uppercase[2:])
ON_A_DRIVE = ("SteamLibrary", "Steam", "Games/Steam", "Games/SteamLibrary", "Program Files/Steam")
STEAM_ROOTS: Mapping[str, tuple[str, ...]] = {
    "win32": (
        "%ProgramFiles(x86)%/Steam",
        "C:/Program Files (x86)/Steam",
        *(
            f"{drive}{name}"
            for drive in DRIVES
            for name in (*ON_A_DRIVE, "Program Files (x86)/Steam")
        ),
    ),
    "darwin": ("~/Library/Application Support/Steam", "/Volumes/*/SteamLibrary"),
    "linux": (
        "~/.local/share/Steam",
        "~/.steam/steam",
        "~/.steam/root",
        "~/.steam/debian-installation",
        "~/.var/app/com.valvesoftware.Steam/.local/share/Steam",
        "~/.var/app/com.valvesoftware.Steam/data/Steam",
        "~/snap/steam/common/.local/share/Steam",
        "/mnt/*/SteamLibrary",
        "/media/*/SteamLibrary",
        "/media/*/*/SteamLibrary",
        "/run/media/*/SteamLibrary",
        "/run/media/*/*/SteamLibrary",
        # Windows' own Steam, from within WSL.
        "/mnt/?/Program Files (x86)/Steam",
    ),
}
"""Where Steam itself, or a library of it, is by default; by `sys.platform`."""

LISTS = ("steamapps/libraryfolders.vdf", "config/libraryfolders.vdf")
MAX_BYTES = 1 << 20
_DRIVE = re.compile(r"([A-Za-z]):[\\/]+(.*)", re.DOTALL)
_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<brace>[{}])|//[^\n]*|\[[^\]\n]*\]|(?P<bare>[^\s"{}]+)',
    re.DOTALL,
)
"""A text, a brace, a comment, a condition such as `[$WIN32]`, or a text without quotes."""


@dataclass(frozen=True)
class Libraries:
    """Steam's libraries.

    Attributes:
        there: folders, Steam's own first, each once.
        missing: those that Steam lists and that are not there, as on a disk that is not connected.
    """

    there: tuple[Path, ...]
    missing: tuple[str, ...]


def steam_libraries(roots: Sequence[str] | None = None) -> Libraries:
    """Find Steam's libraries.

    Args:
        roots: where to look for Steam, with `~`, variables and globs; by default the usual places
            of this system.
    """
    usual = STEAM_ROOTS.get(sys.platform, ()) if roots is None else roots
    there: dict[Path, Path] = {}
    missing: dict[str, None] = {}
    for root in (folder for text in usual for folder in expanded(text) if folder.is_dir()):
        there.setdefault(root.resolve(), root)
        for text in _listed_libraries(root):
            library = local_path(text)
            if library.is_dir():
                there.setdefault(library.resolve(), library)
            else:
                missing.setdefault(text)
    return Libraries(tuple(there.values()), tuple(missing))


def in_steam_apps(library: Path, *names: str) -> Path:
    """A path below a library's `steamapps`, which older Steams call `SteamApps`."""
    return path_in(library, "/".join(("steamapps", *names)))


def expanded(text: str) -> Iterator[Path]:
    """What a path with `~`, variables and globs stands for, sorted; one that is absolute."""
    path = Path(os.path.expandvars(text)).expanduser()
    if not path.is_absolute():
        return
    try:
        yield from sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except OSError:
        return


def local_path(text: str) -> Path:
    """A path as Steam writes it; one with a drive letter, read on Linux, is WSL's name for it."""
    drive = _DRIVE.fullmatch(text)
    if drive is None or os.name == "nt":
        return Path(text)
    return Path("/mnt", drive[1].lower(), *re.split(r"[\\/]+", drive[2]))


def _listed_libraries(root: Path) -> Iterator[str]:
    for name in LISTS:
        file = path_in(root, name)
        try:
            if file.stat().st_size <= MAX_BYTES:
                yield from library_paths(file.read_text("utf-8-sig", errors="replace"))
        except OSError:
            continue


def library_paths(text: str) -> tuple[str, ...]:
    """The paths in the text of a `libraryfolders.vdf`, of either form; damage ends the list.

    Those of blocks within a library's block, such as its apps, do not count.
    """
    paths: list[str] = []
    depth, key = 0, None
    for token in _TOKEN.finditer(text):
        if brace := token["brace"]:
            depth += 1 if brace == "{" else -1
            key = None
        elif (value := token["quoted"] or token["bare"] or "") or token["quoted"] is not None:
            if key is None:
                key = value.casefold()
                continue
            is_path = key == "path" if depth == 2 else depth == 1 and key.isdecimal()
            if is_path and value:
                # Steam escapes quotes and backslashes alone; people write single backslashes.
                paths.append(re.sub(r'\\(["\\])', r"\1", value))
            key = None
    return tuple(dict.fromkeys(paths))
