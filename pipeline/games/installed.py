"""An installed game: where it is, and how far the rules of its pack fit its files.

Names alone are looked at, so that checking a whole game takes a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.games.files import (
    files_in,
    find_file,
    first_folder,
    has_suffix,
    is_there,
    list_files,
    without_suffix,
)
from pipeline.games.index import GameFolderError, Oddities
from pipeline.games.matching import FileMatches, by_prefix, match_files, match_terrain, stem_of
from pipeline.games.mods import Mod, PlayerMods
from pipeline.games.pack import GameClass, GamePack, SpriteRules, TerrainRules
from pipeline.games.patterns import expand_braces, matcher
from pipeline.games.steam import expanded, in_steam_apps, steam_libraries
from pipeline.manifests import Record

STEAM = "steam:"
"""Begins an install folder that is looked for in every Steam library."""

OLDER_SPRITES = (".smx", ".smp", ".slp")
"""Sprite formats that versions of the game before its SLD files used."""

State = Literal["complete", "partial", "missing", "annotated"]
MEANINGS: dict[State, str] = {
    "complete": "Every pattern finds files.",
    "partial": "Some looks of it are missing: this version of the game lacks those files or names "
    "them differently. Look for them among the unmatched files, and name them in sprites.yaml.",
    "missing": "No synthetic image will show it, and the detector will hardly find it: its files "
    "are named differently here. Look for them among the unmatched files, and name them in "
    "sprites.yaml under {name}.",
    "annotated": "The game draws it without a sprite, so no synthetic image can show it: annotate "
    "it on screenshots.",
}
WITHOUT_RULES = (
    "No rule takes files for it. Add one to sprites.yaml, or write 'has_sprites: false' for {name} "
    "in classes.yaml and annotate it on screenshots."
)
"""What it means that a class is missing for which the pack has no rule."""


class ClassFiles(Record):
    """What an installed game has of one class."""

    id: int
    name: str
    state: State = Field(
        description="'partial' when some patterns match no file, 'annotated' when the class is "
        "learned from annotated screenshots alone."
    )
    files: int = Field(description="Files that its rules take.")
    idle_patterns: tuple[str, ...] = Field(description="Patterns that match no file.")
    meaning: str = Field(description="What the state means, and what to do about a miss.")


class TerrainCoverage(Record):
    """What an installed game has of terrain textures."""

    land: int
    water: int
    excluded: int
    undecided: tuple[str, ...] = Field(description="Textures of which the pack says nothing.")
    idle_patterns: tuple[str, ...] = Field(description="Patterns that match no texture.")


class ModCoverage(Record):
    """What a mod changes of what the pack looks at."""

    name: str = Field(description="Its kind and its folder.")
    title: str
    enabled: bool = Field(description="Whether the player has turned it on in the game.")
    used: bool = Field(description="Whether its files stand in the place of the game's own here.")
    files: int = Field(description="Files of the game that it has too, in a format that is read.")
    older_files: int = Field(description="Files of the game that it has in an older format.")
    shown: int = Field(description="Of `files`, those that are read: no stronger mod has them.")

    @property
    def state(self) -> str:
        """What became of it, in a word or two."""
        if self.used:
            return "used"
        return "on in the game, not used" if self.enabled else "off"


class CoverageReport(Record):
    """How the rules of a pack fit an installed game."""

    game: str
    folder: str
    sprite_files: int = Field(description="Files with the pack's suffix.")
    other_files: dict[str, int] = Field(description="Files beside them, by the end of their name.")
    classes: tuple[ClassFiles, ...] = Field(description="By id.")
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
    mods: tuple[ModCoverage, ...] = Field(
        (), description="Mods on this machine, the strongest that is used first."
    )
    mod_problems: tuple[str, ...] = Field((), description="What could not be read of mods.")
    oddities: Oddities = Field(Oddities(), description="Files that were left out, and why.")
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
    libraries = steam_libraries(steam_roots).there
    for entry in entries:
        found = expanded(entry)
        if entry.startswith(STEAM):
            name = entry.removeprefix(STEAM)
            found = (in_steam_apps(library, "common", name) for library in libraries)
        yield from (folder for folder in found if folder.is_dir())


@dataclass(frozen=True)
class ModChoice:
    """The mods of a machine, and which of them are used.

    Attributes:
        players: everyone's mods.
        used: whose files stand in the place of the game's own, the strongest first.
    """

    players: tuple[PlayerMods, ...] = ()
    used: tuple[Mod, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read of mods."""
        return tuple(problem for player in self.players for problem in player.problems)


def check_installed(pack: GamePack, folder: Path, mods: ModChoice | None = None) -> CoverageReport:
    """Compare the file names of an installed game with the rules of its pack.

    Raises:
        GameFolderError: this is not the game's folder, or it holds no sprites of the pack's suffix;
            the text says what the folder looks like and where to look instead.
    """
    rules, mods = pack.sprites, mods or ModChoice()
    listing = list_files(folder, rules, mods.used)
    names = list(listing.found)
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
        unmatched=by_prefix(matches.unmatched),
        terrain=_terrain(pack, folder),
        mods=covered_mods(pack, folder, mods),
        mod_problems=mods.problems,
        oddities=Oddities.of([listing, list_files(folder, pack.terrain, mods.used)]),
        palette_found=(
            find_file(folder, rules.palette, mods.used) is not None if rules.palette else None
        ),
    )


def covered_mods(pack: GamePack, folder: Path, choice: ModChoice) -> tuple[ModCoverage, ...]:
    """What each mod of a machine changes; those that change nothing are left out unless used."""
    if not choice.players:
        return ()
    places: tuple[SpriteRules | TerrainRules, ...] = (pack.sprites, pack.terrain)
    own = [list_files(folder, place).found for place in places]
    shown = Counter(
        found.overlay
        for place in places
        for name, found in list_files(folder, place, choice.used).found.items()
        if has_suffix(name, place.suffix)
    )
    others = (mod for player in choice.players for mod in player.mods)
    covered = []
    for mod in dict.fromkeys((*choice.used, *others)):
        files = older = 0
        for place, found in zip(places, own, strict=True):
            theirs = [name.casefold() for name in files_in(mod.folder, place)]
            names = {name.casefold() for name in found if has_suffix(name, place.suffix)}
            files += len(names.intersection(theirs))
            older += len(names.intersection(_in_present_format(theirs, place.suffix)))
        if files or older or mod in choice.used:
            covered.append(
                ModCoverage(
                    name=mod.name,
                    title=mod.title,
                    enabled=mod.enabled,
                    used=mod in choice.used,
                    files=files,
                    older_files=older,
                    shown=shown[mod.name] if mod in choice.used else 0,
                )
            )
    return tuple(covered)


def _in_present_format(names: list[str], suffix: str) -> Iterator[str]:
    """What files of an older format would be called in the present one."""
    extension = Path(suffix).suffix
    for name in names:
        if name.endswith(OLDER_SPRITES):
            yield name[: -len(Path(name).suffix)] + extension


def _coverage(
    known: GameClass, pack: GamePack, matches: FileMatches, stems: list[str]
) -> ClassFiles:
    rules = [rule for rule in pack.sprites.rules if rule.class_name == known.name]
    idle = _idle([pattern for rule in rules for pattern in rule.include], stems)
    files = len(matches.by_class.get(known.name, ()))
    state: State = "annotated" if not known.has_sprites else "missing"
    if files:
        state = "partial" if idle else "complete"
    meaning = MEANINGS[state] if rules or state != "missing" else WITHOUT_RULES
    return ClassFiles(
        id=known.id,
        name=known.name,
        state=state,
        files=files,
        idle_patterns=idle,
        meaning=meaning.format(name=known.name),
    )


def _terrain(pack: GamePack, folder: Path) -> TerrainCoverage:
    rules = pack.terrain
    names = list(files_in(folder, rules))
    stems = [without_suffix(name, rules.suffix) for name in names if has_suffix(name, rules.suffix)]
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
    yield from notes_on_mods(report.game, report.mod_problems, report.mods)
    yield from report.oddities.notes
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


def notes_on_mods(game: str, problems: Sequence[str], mods: Sequence[ModCoverage]) -> Iterator[str]:
    """What a person should know of the mods of a game, one line each."""
    yield from problems
    used = [f"{mod.name} ({mod.shown} files)" for mod in mods if mod.used]
    if used:
        yield (
            f"Files of mods stand in the place of the game's own: {', '.join(used)}. Set "
            f"OUTPOST_MODS_{game.upper()} to 'none' for the game as it is sold."
        )
    for mod in mods:
        if mod.older_files:
            yield (
                f"The mod {mod.name} has {mod.older_files} sprites in an older format, which "
                "Outpost does not read: the game's own are used in their place. Ask its author for "
                "an update."
            )
    unused = [mod.name for mod in mods if mod.enabled and not mod.used and mod.files]
    if unused:
        yield (
            f"Turned on in the game and not used here: {', '.join(unused)}. The detector will "
            f"learn other looks than the player sees. Set OUTPOST_MODS_{game.upper()} to "
            "'enabled' to use them."
        )
    idle = [mod.name for mod in mods if not mod.enabled and not mod.used]
    if idle:
        yield (
            "Mods that are turned off, and would change files that the pack reads: "
            f"{', '.join(idle)}."
        )


def _no_sprites(pack: GamePack, folder: Path, names: list[str]) -> GameFolderError:
    place, suffix = first_folder(pack.sprites), pack.sprites.suffix
    if not folder.is_dir():
        return GameFolderError(
            f"There is no folder {folder}.",
            f"Give the folder in which {pack.title} is installed: the one that contains "
            f"'{place.split('/')[0]}'.",
        )
    if any(name.lower().endswith(OLDER_SPRITES) for name in names):
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
