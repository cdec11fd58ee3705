"""An installed game: where it is, and how far the rules of its pack fit its files.

Names alone are looked at, so that checking a whole game takes a second.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.games.files import files_in, first_folder, is_there
from pipeline.games.index import GameFolderError
from pipeline.games.matching import FileMatches, match_files, match_terrain, stem_of
from pipeline.games.pack import GameClass, GamePack
from pipeline.games.patterns import expand_braces, matcher

STEAM = "steam:"
"""Begins an install folder that is looked for in every Steam library."""

STEAM_ROOTS: Mapping[str, tuple[str, ...]] = {
    "win32": (
        "%ProgramFiles(x86)%/Steam",
        "C:/Program Files (x86)/Steam",
        "C:/Program Files/Steam",
    ),
    "darwin": ("~/Library/Application Support/Steam",),
    "linux": (
        "~/.local/share/Steam",
        "~/.steam/steam",
        "~/.var/app/com.valvesoftware.Steam/.local/share/Steam",
        "~/snap/steam/common/.local/share/Steam",
    ),
}
"""Where Steam itself is by default, by `sys.platform`."""

OLDER_SPRITES = (".smx", ".smp", ".slp")
"""Sprite formats that versions of the game before its SLD files used."""

_LIBRARY_PATH = re.compile(r'"path"\s+"((?:[^"\\]|\\.)*)"')

State = Literal["complete", "partial", "missing", "annotated"]


class ClassCoverage(BaseModel):
    """What an installed game has of one class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    name: str
    state: State = Field(
        description="'partial' when some patterns match no file, 'annotated' when the class is "
        "learned from annotated screenshots alone."
    )
    files: int = Field(description="Files that its rules take.")
    idle_patterns: tuple[str, ...] = Field(description="Patterns that match no file.")
    meaning: str = Field(description="What the state means, and what to do about a miss.")


class TerrainCoverage(BaseModel):
    """What an installed game has of terrain textures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    land: int
    water: int
    excluded: int
    undecided: tuple[str, ...] = Field(description="Textures of which the pack says nothing.")
    idle_patterns: tuple[str, ...] = Field(description="Patterns that match no texture.")


class CoverageReport(BaseModel):
    """How the rules of a pack fit an installed game."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: str
    folder: str
    sprite_files: int = Field(description="Files with the pack's suffix.")
    other_files: dict[str, int] = Field(description="Files beside them, by the end of their name.")
    classes: tuple[ClassCoverage, ...] = Field(description="By id.")
    distractors: int = Field(description="Files of unlabelled things.")
    apart: dict[str, int] = Field(description="Files that the pack leaves aside, by group.")
    excluded: int = Field(description="Files that the pack keeps from every class.")
    conflicts: dict[str, tuple[str, ...]] = Field(
        description="Files that several classes claim, and that therefore serve none."
    )
    lacking_parts: dict[str, tuple[str, ...]] = Field(
        description="Sprites of several files of which the game lacks some."
    )
    unmatched: dict[str, tuple[str, ...]] = Field(
        description="Files of which the pack says nothing, by prefix, largest group first."
    )
    terrain: TerrainCoverage
    palette_found: bool | None = Field(description="None when the pack names no palette.")

    @property
    def covered(self) -> bool:
        """Whether every class that is drawn from sprites has files, and both kinds of ground do."""
        has_ground = self.terrain.land > 0 and self.terrain.water > 0
        return has_ground and all(known.state != "missing" for known in self.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beyond the classes, one line each, with what it means."""
        return tuple(_notes(self))


def find_installed(pack: GamePack) -> Path | None:
    """The first usual install folder that holds the pack's sprites."""
    folders = usual_folders(pack.install_folders)
    return next((folder for folder in folders if is_there(folder, pack.sprites)), None)


def usual_folders(entries: list[str], steam_roots: tuple[str, ...] | None = None) -> Iterator[Path]:
    """Existing folders that a pack's `install_folders` stand for, in their order.

    Args:
        entries: paths, in which `~`, environment variables and globs stand for what they usually
            do, or `steam:NAME` for that game in every Steam library.
        steam_roots: where to look for Steam; by default the usual places of this system.
    """
    roots = STEAM_ROOTS.get(sys.platform, ()) if steam_roots is None else steam_roots
    for entry in entries:
        found = _in_steam(entry, roots) if entry.startswith(STEAM) else _expanded(entry)
        yield from (folder for folder in found if folder.is_dir())


def check_installed(pack: GamePack, folder: Path) -> CoverageReport:
    """Compare the file names of an installed game with the rules of its pack.

    Raises:
        GameFolderError: this is not the game's folder, or it holds no sprites of the pack's suffix;
            the text says what the folder looks like and where to look instead.
    """
    rules = pack.sprites
    names = list(files_in(folder, rules))
    stems = [stem for name in names if (stem := stem_of(name, rules)) is not None]
    if not stems:
        raise _no_sprites(pack, folder, names)
    matches = match_files(rules, stems)
    return CoverageReport(
        game=pack.name,
        folder=str(folder),
        sprite_files=len(stems),
        other_files=_ends(name for name in names if stem_of(name, rules) is None),
        classes=tuple(
            _coverage(known, pack, matches, stems)
            for known in sorted(pack.classes, key=lambda known: known.id)
        ),
        distractors=len(matches.by_class.get("distractor", ())),
        apart={group: len(found) for group, found in matches.apart.items()},
        excluded=len(matches.excluded),
        conflicts=dict(matches.conflicts),
        lacking_parts=dict(matches.lacking),
        unmatched=matches.unmatched_by_prefix,
        terrain=_terrain(pack, folder),
        palette_found=(folder / rules.palette).is_file() if rules.palette else None,
    )


def _coverage(
    known: GameClass, pack: GamePack, matches: FileMatches, stems: list[str]
) -> ClassCoverage:
    rules = [rule for rule in pack.sprites.rules if rule.class_name == known.name]
    idle = _idle([pattern for rule in rules for pattern in rule.include], stems)
    files = len(matches.by_class.get(known.name, ()))
    state: State = "annotated" if not known.has_sprites else "missing"
    if files:
        state = "partial" if idle else "complete"
    return ClassCoverage(
        id=known.id,
        name=known.name,
        state=state,
        files=files,
        idle_patterns=idle,
        meaning=_meaning(state, known, bool(rules)),
    )


def _meaning(state: State, known: GameClass, has_rules: bool) -> str:
    match state:
        case "complete":
            return "Every pattern finds files."
        case "annotated":
            return (
                "The game draws it without a sprite, so no synthetic picture can show it: annotate "
                "it on screenshots."
            )
        case "partial":
            return (
                "Some looks of it are missing: this version of the game lacks those files or names "
                "them differently. Look for them among the unmatched files, and name them in "
                "sprites.yaml."
            )
        case "missing" if has_rules:
            return (
                "No synthetic picture will show it, and the detector will hardly find it: its "
                "files are named differently here. Look for them among the unmatched files, and "
                f"name them in sprites.yaml under {known.name}."
            )
        case _:
            return (
                f"No rule takes files for it. Add one to sprites.yaml, or write 'has_sprites: "
                f"false' for {known.name} in classes.yaml and annotate it on screenshots."
            )


def _terrain(pack: GamePack, folder: Path) -> TerrainCoverage:
    rules = pack.terrain
    names = list(files_in(folder, rules))
    stems = [name.removesuffix(rules.suffix) for name in names if name.endswith(rules.suffix)]
    matches = match_terrain(rules, stems)
    return TerrainCoverage(
        land=len(matches.land),
        water=len(matches.water),
        excluded=len(matches.excluded),
        undecided=matches.undecided,
        idle_patterns=_idle(
            [choice.include for choice in (*rules.land, *rules.water) if choice.include], stems
        ),
    )


def _idle(patterns: list[str], stems: list[str]) -> tuple[str, ...]:
    """Which of the patterns, alternative by alternative, match nothing."""
    globs = dict.fromkeys(glob for pattern in patterns for glob in expand_braces(pattern))
    return tuple(glob for glob in globs if not any(map(matcher([glob]).fullmatch, stems)))


def _notes(report: CoverageReport) -> Iterator[str]:
    if report.apart:
        groups = ", ".join(f"{name} {count}" for name, count in report.apart.items())
        yield f"Left aside on purpose, as the pack's sprites.yaml explains: {groups}."
    for name, classes in report.conflicts.items():
        yield (
            f"{name} is claimed by {' and '.join(classes)}, so it serves neither: exclude it from "
            "one of their rules in sprites.yaml."
        )
    for name, parts in report.lacking_parts.items():
        yield f"{name} is drawn without {', '.join(parts)}, which this version of the game lacks."
    if report.unmatched:
        groups = ", ".join(f"{prefix} {len(names)}" for prefix, names in report.unmatched.items())
        yield (
            f"The pack says nothing about these files, which are probably newer than it: {groups}. "
            "Name them in sprites.yaml, in the rule of a class or in a group under 'apart'."
        )
    for name in report.terrain.undecided:
        yield f"Terrain {name} is not used: name it in terrain.yaml, as land, water or excluded."
    for kind, count in (("land", report.terrain.land), ("water", report.terrain.water)):
        if not count:
            yield f"No texture can serve as {kind}: is the game's terrain folder complete?"
    if report.palette_found is False:
        yield "The file with the team colours was not found: built-in colours are used."


def _no_sprites(pack: GamePack, folder: Path, names: list[str]) -> GameFolderError:
    place, suffix = first_folder(pack.sprites), pack.sprites.suffix
    if not folder.is_dir():
        return GameFolderError(
            f"There is no folder {folder}.",
            f"Give the folder in which {pack.title} is installed: the one that contains "
            f"'{place.split('/')[0]}'.",
        )
    if any(name.endswith(OLDER_SPRITES) for name in names):
        return GameFolderError(
            f"{folder / place} holds sprites of an older format, and no {suffix} files.",
            f"Update {pack.title}: Outpost reads the files of its present version.",
        )
    if names:
        ends = ", ".join(f"{count} {end}" for end, count in _ends(iter(names)).items())
        return GameFolderError(
            f"{folder / place} holds no {suffix} files, but {ends}.",
            "Install the standard graphics, or change sprites.suffix in a copy of the pack.",
        )
    return GameFolderError(
        f"{folder} holds no sprites: {place} is missing or empty.",
        f"Give the folder of {pack.title} itself, the one that contains '{place.split('/')[0]}', "
        "and check that the installation is complete.",
    )


def _ends(names: Iterator[str]) -> dict[str, int]:
    """How many names there are of each ending, `_x2.sld` apart from `.sld`, most frequent first."""
    ends = Counter(
        found[0].lower() if (found := re.search(r"(_x\d)?\.[^.]*$", name)) else "no suffix"
        for name in names
    )
    return dict(sorted(ends.items(), key=lambda end: (-end[1], end[0])))


def _expanded(entry: str) -> Iterator[Path]:
    path = Path(os.path.expandvars(entry)).expanduser()
    if not path.is_absolute():
        return
    yield from sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _in_steam(entry: str, roots: tuple[str, ...]) -> Iterator[Path]:
    name = entry.removeprefix(STEAM)
    return (library / "steamapps" / "common" / name for library in _steam_libraries(roots))


def _steam_libraries(roots: tuple[str, ...]) -> Iterator[Path]:
    """Steam's own folder and the further ones that it lists, each once."""
    seen: set[Path] = set()
    for text in roots:
        root = Path(os.path.expandvars(text)).expanduser()
        for library in (root, *_listed_libraries(root / "steamapps/libraryfolders.vdf")):
            if library.is_dir() and (place := library.resolve()) not in seen:
                seen.add(place)
                yield library


def _listed_libraries(file: Path) -> Iterator[Path]:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return
    for found in _LIBRARY_PATH.finditer(text):
        yield Path(found[1].replace("\\\\", "\\"))
