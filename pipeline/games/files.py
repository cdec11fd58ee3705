"""Which files of an installed game a pack's rules look at, by the names that its patterns see."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class FilePlace(Protocol):
    """Where files of one sort lie; sprite and terrain rules both say so."""

    @property
    def folder(self) -> str: ...

    @property
    def subfolders(self) -> list[str]: ...


def files_in(game_folder: Path, place: FilePlace) -> dict[str, Path]:
    """Every file by its name, sorted by it.

    The name is the file's own, or with `subfolders` its path from the place's folder, with forward
    slashes. A folder that is missing holds nothing.
    """
    base = game_folder / place.folder
    files = (
        [file for name in place.subfolders for file in (base / name).rglob("*")]
        if place.subfolders
        else list(base.glob("*"))
    )
    named = {file.relative_to(base).as_posix(): file for file in files if file.is_file()}
    return dict(sorted(named.items()))


def is_there(game_folder: Path, place: FilePlace) -> bool:
    """Whether all folders of a place exist."""
    base = game_folder / place.folder
    return all((base / name).is_dir() for name in place.subfolders or ["."])


def first_folder(place: FilePlace) -> str:
    """The first folder of a place, relative to the game's, as messages name it."""
    names = [place.folder, *place.subfolders[:1]]
    return "/".join(name for name in names if name != ".") or "."
