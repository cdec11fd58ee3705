"""Which of a game's sprite files each class takes.

Pure functions over names, so that extraction, `outpost game check` and the committed table of a
pack can never disagree. A file is, in this order: excluded for every class, kept apart with a
group (an expansion that the detector does not serve), claimed by the rules of one class, part of
another file's sprite, or unmatched. A file that the rules of two classes claim serves neither: a
wrong label costs more than a missing sprite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from pipeline.games.files import has_suffix, without_suffix
from pipeline.games.pack import SpritePart, SpriteRule, SpriteRules, Surface, TerrainRules
from pipeline.games.patterns import matcher, with_stem
from pipeline.games.terrain import TerrainNames


@dataclass(frozen=True)
class Piece:
    """One of the files that make up a sprite: its anchor lies `dx`, `dy` pixels from the base's."""

    stem: str
    dx: int = 0
    dy: int = 0


@dataclass(frozen=True)
class RuleMatch:
    """What one rule takes: stems, sorted."""

    rule: SpriteRule
    stems: tuple[str, ...]


@dataclass(frozen=True)
class FileMatches:
    """Where each stem went; every list is sorted.

    Attributes:
        by_rule: in the order of the pack; of two rules of one class the first takes the file.
        pieces: of a taken stem whose rule has parts, its variants; each lists all its pieces in
            drawing order, the stem's own file among them.
        lacking: of a taken stem, the patterns of parts that no file matches.
        excluded: stems that the pack keeps from every class and from every sprite's parts.
        apart: stems by group, `SpriteRules.apart`.
        conflicts: classes by stem, where more than one class claims it; in no rule's stems.
        unmatched: stems of which the pack says nothing.
    """

    by_rule: tuple[RuleMatch, ...]
    pieces: Mapping[str, tuple[tuple[Piece, ...], ...]]
    lacking: Mapping[str, tuple[str, ...]]
    excluded: tuple[str, ...]
    apart: Mapping[str, tuple[str, ...]]
    conflicts: Mapping[str, tuple[str, ...]]
    unmatched: tuple[str, ...]

    @property
    def by_class(self) -> dict[str, tuple[str, ...]]:
        """Stems of each class that has a rule, `distractor` included, in the pack's order."""
        stems: defaultdict[str, list[str]] = defaultdict(list)
        for match in self.by_rule:
            stems[match.rule.class_name] += match.stems
        return {name: tuple(sorted(found)) for name, found in stems.items()}


@dataclass(frozen=True)
class TerrainMatches:
    """What becomes of each terrain texture: stems, sorted."""

    land: tuple[str, ...]
    water: tuple[str, ...]
    excluded: tuple[str, ...]
    undecided: tuple[str, ...]


def stem_of(file_name: str, rules: SpriteRules) -> str | None:
    """The name that patterns are matched against, or None for a file with another suffix.

    Capitals in the suffix do not count. It may hold more than the extension (`_x1.sld` takes one of
    two sizes that lie side by side), so `pathlib.Path.stem` is not this name.
    """
    fits = has_suffix(file_name, rules.suffix)
    return without_suffix(file_name, rules.suffix) if fits else None


def by_prefix(stems: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Stems by what stands before their second underscore, largest group first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for stem in stems:
        groups["_".join(stem.split("_")[:2])].append(stem)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return {prefix: tuple(found) for prefix, found in ordered}


def match_files(rules: SpriteRules, stems: Iterable[str]) -> FileMatches:
    """Sort the stems of a game's sprite files by the class that takes them."""
    every = sorted(set(stems))
    never = matcher(rules.exclude)
    kept = [stem for stem in every if not never.fullmatch(stem)]
    apart, rest = _set_apart(rules, kept)
    claims = _claims(rules, rest)
    by_rule, conflicts = _assign(rules, claims)
    pieces, lacking = _with_parts(by_rule, kept)
    drawn = {piece.stem for variants in pieces.values() for each in variants for piece in each}
    unmatched = tuple(stem for stem in rest if stem not in claims and stem not in drawn)
    if rules.rest is not None:
        apart, unmatched = {**apart, rules.rest: unmatched}, ()
    return FileMatches(
        by_rule=by_rule,
        pieces=pieces,
        lacking=lacking,
        excluded=tuple(stem for stem in every if never.fullmatch(stem)),
        apart=apart,
        conflicts=conflicts,
        unmatched=unmatched,
    )


def match_terrain(rules: TerrainRules, stems: Iterable[str]) -> TerrainMatches:
    """Sort the stems of a game's terrain textures; what is excluded is neither land nor water."""
    every = sorted(set(stems))
    names = TerrainNames(rules)

    def serving(surface: Surface) -> tuple[str, ...]:
        return tuple(stem for stem in every if not isinstance(names.decide(stem, surface), str))

    land, water = serving("land"), serving("water")
    excluded = tuple(stem for stem in every if names.is_left_out(stem))
    if rules.hexes is not None:
        # The rest are borders, and ground of which the pack's maps have none.
        excluded = tuple(stem for stem in every if stem not in {*land, *water})
    decided = {*land, *water, *excluded}
    return TerrainMatches(
        land=land,
        water=water,
        excluded=excluded,
        undecided=tuple(stem for stem in every if stem not in decided),
    )


def _set_apart(
    rules: SpriteRules, stems: list[str]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Stems by group, first group first, and the stems of no group."""
    groups: dict[str, tuple[str, ...]] = {}
    for group, patterns in rules.apart.items():
        pattern = matcher(patterns)
        groups[group] = tuple(stem for stem in stems if pattern.fullmatch(stem))
        stems = [stem for stem in stems if not pattern.fullmatch(stem)]
    return groups, stems


def _claims(rules: SpriteRules, stems: list[str]) -> dict[str, list[int]]:
    """Indices of the rules that take a stem; stems that none takes are left out."""
    claims: defaultdict[str, list[int]] = defaultdict(list)
    for index, rule in enumerate(rules.rules):
        include, exclude = matcher(rule.include), matcher(rule.exclude)
        for stem in stems:
            if include.fullmatch(stem) and not exclude.fullmatch(stem):
                claims[stem].append(index)
    return dict(claims)


def _assign(
    rules: SpriteRules, claims: Mapping[str, list[int]]
) -> tuple[tuple[RuleMatch, ...], dict[str, tuple[str, ...]]]:
    """Give each stem to the first rule of the one class that claims it; else it is a conflict."""
    taken: defaultdict[int, list[str]] = defaultdict(list)
    conflicts: dict[str, tuple[str, ...]] = {}
    for stem, indices in claims.items():
        classes = tuple(sorted({rules.rules[index].class_name for index in indices}))
        if len(classes) > 1:
            conflicts[stem] = classes
        else:
            taken[indices[0]].append(stem)
    matches = (
        RuleMatch(rule, tuple(sorted(taken[index]))) for index, rule in enumerate(rules.rules)
    )
    return tuple(matches), dict(sorted(conflicts.items()))


def _with_parts(
    by_rule: Iterable[RuleMatch], stems: list[str]
) -> tuple[dict[str, tuple[tuple[Piece, ...], ...]], dict[str, tuple[str, ...]]]:
    """The pieces of sprites of several files, and the patterns of parts that no file matches."""
    pieces: dict[str, tuple[tuple[Piece, ...], ...]] = {}
    lacking: dict[str, tuple[str, ...]] = {}
    for match in by_rule:
        for stem in match.stems if match.rule.parts else ():
            parts = [(with_stem(part.name, stem), part) for part in match.rule.parts]
            found = [(name, _named(name, part, stems)) for name, part in parts]
            if missing := tuple(name for name, named in found if not named):
                lacking[stem] = missing
            if choices := [named for _, named in found if named]:
                pieces[stem] = _variants(stem, choices)
    return pieces, lacking


def _named(name: str, part: SpritePart, stems: list[str]) -> list[Piece]:
    """The files that may be this part of a sprite, by the pattern of its name."""
    pattern = matcher([name])
    return [Piece(other, part.dx, part.dy) for other in stems if pattern.fullmatch(other)]


def _variants(stem: str, choices: list[list[Piece]]) -> tuple[tuple[Piece, ...], ...]:
    """One of every part that was found, in every combination, from back to front."""
    return tuple(
        tuple(sorted((Piece(stem), *chosen), key=lambda piece: piece.dy))
        for chosen in product(*choices)
    )
