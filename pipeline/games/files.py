"""Which files of an installed game a pack's rules look at, by the names that its patterns see.

The game's own file systems take no notice of letter case, those of Linux do, and a copied game may
have folders and suffixes in capitals. So folders and suffixes are found in any case. Of two files
that differ in nothing else only one counts, always the same one, and the other is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class FilePlace(Protocol):
    """Where files of one sort lie; sprite and terrain rules both say so."""

    @property
    def folder(self) -> str: ...

    @property
    def subfolders(self) -> list[str]: ...


@dataclass(frozen=True)
class Overlay:
    """A folder whose files stand in the place of the game's own: a mod that is turned on.

    Attributes:
        name: what records call it, such as `subscribed/12345_Small trees`.
        folder: laid out as the game's own.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class FoundFile:
    """One file as a game shows it.

    Attributes:
        file: the one to read.
        own: the game's own file of that name; the same where no overlay replaces it.
        overlay: the name of the overlay that replaces it, else empty.
    """

    file: Path
    own: Path
    overlay: str = ""


@dataclass(frozen=True)
class Listing:
    """The files of a place.

    Attributes:
        found: by name, sorted by it.
        unreadable: files and folders that cannot be looked at, and why.
        alike: files that are left out, by the one that differs from them in letter case alone.
    """

    found: dict[str, FoundFile]
    unreadable: dict[Path, str] = field(default_factory=dict)
    alike: dict[Path, tuple[Path, ...]] = field(default_factory=dict)


def list_files(game_folder: Path, place: FilePlace, overlays: Sequence[Overlay] = ()) -> Listing:
    """Every file by its name, sorted by it.

    The name is the file's own, or with `subfolders` its path from the place's folder, with forward
    slashes. A folder that is missing holds nothing. Links are followed.

    Args:
        overlays: the first that has a file replaces the game's own. What the game does not have by
            that name is left out: the game would not show it either.
    """
    files, own = _own_files(game_folder, place)
    found = {name: FoundFile(file, file) for name, file in files.items()}
    names = {name.casefold(): name for name in found}
    for overlay in reversed(overlays):
        replacing, theirs = _own_files(overlay.folder, place)
        own.unreadable.update(theirs.unreadable)
        own.alike.update(theirs.alike)
        for name, file in replacing.items():
            if (replaced := names.get(name.casefold())) is not None:
                found[replaced] = FoundFile(file, files[replaced], overlay.name)
    return Listing(found, own.unreadable, own.alike)


def files_in(
    game_folder: Path, place: FilePlace, overlays: Sequence[Overlay] = ()
) -> dict[str, Path]:
    """The files to read by name; see `list_files`."""
    found = list_files(game_folder, place, overlays).found
    return {name: each.file for name, each in found.items()}


def is_there(game_folder: Path, place: FilePlace) -> bool:
    """Whether all folders of a place exist."""
    base = path_in(game_folder, place.folder)
    return all(path_in(base, name).is_dir() for name in place.subfolders or ["."])


def first_folder(place: FilePlace) -> str:
    """The first folder of a place, relative to the game's, as messages name it."""
    names = [place.folder, *place.subfolders[:1]]
    return "/".join(name for name in names if name != ".") or "."


def path_in(folder: Path, relative: str) -> Path:
    """A path below a folder, each part as it is written, else in other letter case.

    Where it does not exist in any case, it is returned as it is written.
    """
    if _exists(folder / relative):
        return folder / relative
    return next(iter(paths_in(folder, relative)), folder / relative)


def paths_in(folder: Path, relative: str) -> list[Path]:
    """A path below a folder in every letter case in which it exists.

    The one whose parts are as they are written goes first. There are several where a mod was
    unpacked on Linux whose author's system took `Data` and `data` for one folder.
    """
    paths = [folder]
    for part in Path(relative).parts:
        paths = [found for path in paths for found in _in_any_case(path, part)]
    return paths


def find_file(
    game_folder: Path, relative: str, overlays: Sequence[Overlay] = ()
) -> FoundFile | None:
    """One file by its path from the game's folder, or that of the first overlay that has it."""
    own = path_in(game_folder, relative)
    for overlay in overlays:
        for file in paths_in(overlay.folder, relative):
            if file.is_file():
                return FoundFile(file, own, overlay.name)
    return FoundFile(own, own) if own.is_file() else None


def has_suffix(name: str, suffix: str) -> bool:
    """Whether a name ends with a suffix, in any letter case."""
    return name[-len(suffix) :].casefold() == suffix.casefold() if suffix else True


def without_suffix(name: str, suffix: str) -> str:
    """A name without a suffix that it ends with in any letter case."""
    return name[: -len(suffix)] if suffix and has_suffix(name, suffix) else name


# --- Looking at folders ----------------------------------------------------------------------


def _own_files(folder: Path, place: FilePlace) -> tuple[dict[str, Path], Listing]:
    """The files of one folder by name, and a listing of what is odd about them."""
    odd = Listing({})
    every: list[tuple[str, Path]] = []
    for base in paths_in(folder, place.folder):
        walks = [(start, True) for name in place.subfolders for start in paths_in(base, name)]
        for start, deep in walks if place.subfolders else [(base, False)]:
            files = _walk(start, deep, odd.unreadable, ())
            every += [(file.relative_to(base).as_posix(), file) for file in files]
    return _without_alike(dict.fromkeys(every), odd.alike), odd


def _walk(
    folder: Path, deep: bool, unreadable: dict[Path, str], above: tuple[Path, ...]
) -> Iterator[Path]:
    """Files of a folder; a folder that is linked within itself is entered once."""
    place = Path(os.path.realpath(folder))
    if place in above:
        return
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        unreadable[folder] = error.strerror or str(error)
        return
    for entry in entries:
        try:
            if entry.is_dir():
                if deep:
                    yield from _walk(entry, deep, unreadable, (*above, place))
            elif entry.is_file():
                yield entry
            elif entry.is_symlink():
                unreadable[entry] = "is a link to nothing"
        except OSError as error:
            unreadable[entry] = error.strerror or str(error)


def _without_alike(
    files: Iterable[tuple[str, Path]], alike: dict[Path, tuple[Path, ...]]
) -> dict[str, Path]:
    """One of each name; those in small letters go first, as the games write them."""
    groups: dict[str, list[tuple[str, Path]]] = {}
    for name, file in files:
        groups.setdefault(name.casefold(), []).append((name, file))
    kept = {}
    for folded, group in groups.items():
        (name, file), *others = sorted(group, key=lambda one: (one[0] != folded, one[0]))
        kept[name] = file
        if others:
            alike[file] = tuple(other for _, other in others)
    return dict(sorted(kept.items()))


def _in_any_case(folder: Path, name: str) -> list[Path]:
    """The entries of a folder that are called so in any letter case, the very name first."""
    path = folder / name
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        entries = []
    alike = [entry for entry in entries if entry.name.casefold() == name.casefold()]
    if not alike or path in alike:
        # `..` and the like are no entries, and a folder may be entered without being listed.
        return [path] * _exists(path) + [entry for entry in alike if entry != path]
    return alike


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
