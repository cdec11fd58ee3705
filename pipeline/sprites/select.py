"""Which files of a game become sprites, and which of their frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.formats.sld import SldFile
from pipeline.games.matching import FileMatches, Piece, match_files, stem_of
from pipeline.games.pack import SpriteRules
from pipeline.games.patterns import matcher
from pipeline.sprites.images import SpriteImage
from pipeline.sprites.library import DISTRACTOR
from pipeline.subsampling import spread_over

FrameSource = SldFile | SpriteImage
"""A file of frames by index, several of which are decoded at once."""


@dataclass(frozen=True)
class PieceFile:
    """A file that is drawn with its anchor `dx`, `dy` pixels from that of the sprite."""

    file: Path
    dx: int = 0
    dy: int = 0


@dataclass(frozen=True)
class SpriteTask:
    """One file to take sprites from, with what is drawn with it.

    Attributes:
        class_name: None for a distractor.
        name: the file's name as the pack's rules see it; begins the sprites' ids.
        file: the game's file.
        pieces: everything that is drawn, in this order; `file` is one of them.
        headings, steps: how many are wanted of each.
        team_shades: colours that stand for the player's, in a file without a layer for it: the
            reference first; see `pipeline.games.sections.images.TeamShades`.
    """

    class_name: str | None
    name: str
    file: Path
    pieces: tuple[PieceFile, ...]
    headings: int
    steps: int
    team_shades: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pose:
    """A frame of a file by what it shows; its fields are fields of a `library.Sprite`."""

    frame: int
    heading: int
    step: int


def select_files(
    files: Mapping[str, Path], rules: SpriteRules
) -> tuple[list[SpriteTask], FileMatches]:
    """Choose files by name; nothing is read.

    Returns:
        Everything to extract, in the order of the pack's rules, and where each file name went.
    """
    by_stem = {
        stem: file
        for name, file in sorted(files.items())
        if (stem := stem_of(name, rules)) is not None
    }
    matches = match_files(rules, by_stem)
    return list(_tasks(matches, by_stem, rules)), matches


def poses(file: FrameSource, headings: int, steps: int) -> list[Pose]:
    """The frames that show `headings` headings and `steps` steps of each, evenly spread.

    A rule that asks for one heading is about things that have only one, such as buildings: then
    all frames of the file are steps, however many there are.
    """
    if headings == 1 or file.headings == 1:
        return [Pose(step, 0, step) for step in spread_over(range(len(file.frames)), steps)]
    return [
        Pose(file.frame_index(heading, step), heading, step)
        for heading in spread_over(range(file.headings), headings)
        for step in spread_over(range(file.steps), steps)
    ]


def _tasks(
    matches: FileMatches, by_stem: dict[str, Path], rules: SpriteRules
) -> Iterator[SpriteTask]:
    for match in matches.by_rule:
        rule = match.rule
        class_name = None if rule.class_name == DISTRACTOR else rule.class_name
        for stem in match.stems:
            variants = matches.pieces.get(stem, ((Piece(stem),),))
            for number, variant in enumerate(variants):
                name = stem if len(variants) == 1 else f"{stem}_v{number}"
                yield SpriteTask(
                    class_name=class_name,
                    name=name.replace("/", "."),
                    file=by_stem[stem],
                    pieces=tuple(
                        PieceFile(by_stem[each.stem], each.dx, each.dy) for each in variant
                    ),
                    headings=rule.headings,
                    steps=rule.steps,
                    team_shades=_team_shades(stem, rules),
                )


def _team_shades(stem: str, rules: SpriteRules) -> tuple[str, ...]:
    """The first palette of the pack that is meant for this sprite."""
    fitting = (shades for shades in rules.team_shades if matcher(shades.files).fullmatch(stem))
    first = next(fitting, None)
    return () if first is None else (first.reference, *first.shades)
