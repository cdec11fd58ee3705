"""A game's files to a sprite library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline.formats.sld import LayerKind, SldError, SldFile, SldFrame, read_sld
from pipeline.games.index import GameFolderError
from pipeline.games.matching import FileMatches
from pipeline.games.pack import GamePack
from pipeline.manifests import sha256_of
from pipeline.progress import Report, silent, track
from pipeline.sprites.compose import compose
from pipeline.sprites.library import DISTRACTOR, Sprite
from pipeline.sprites.select import PieceFile, Pose, SpriteTask, poses, select_files

DRAWN_LAYERS = (LayerKind.MAIN, LayerKind.SHADOW, LayerKind.PLAYER)
"""Those that `compose` looks at."""


class ExtractionReport(BaseModel):
    """What became of a game's sprite files. Paths are relative to the game's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, int] = Field(description="Files taken, by class, `distractor` included.")
    sprites: dict[str, int] = Field(description="Sprites made, likewise.")
    missing: tuple[str, ...] = Field(description="Classes for which no file was found.")
    empty: tuple[str, ...] = Field(description="Classes whose files gave no sprite.")
    annotated_only: tuple[str, ...] = Field(description="Classes that need no sprites.")
    failed: dict[str, str] = Field(description="What is wrong with a file that was left out.")
    blank: dict[str, int] = Field(description="Chosen frames without a visible pixel, by file.")
    conflicts: dict[str, tuple[str, ...]] = Field(
        description="Files left out because the rules of several classes claim them."
    )
    lacking: dict[str, tuple[str, ...]] = Field(
        description="Parts that no file matches, by the file whose sprite is drawn without them."
    )
    apart: dict[str, int] = Field(description="Files that the pack leaves aside, by group.")
    unmatched: int = Field(description="Files of which the pack says nothing.")

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person should look at, one line each."""
        return (
            *(f"{name}: no file of the game matches its rules" for name in self.missing),
            *(f"{name}: its files gave no sprite" for name in self.empty),
            *(f"{path}: {problem}" for path, problem in self.failed.items()),
            *(
                f"{name}: claimed by {' and '.join(classes)}, so it serves neither"
                for name, classes in self.conflicts.items()
            ),
            *(
                f"{name}: drawn without {' and '.join(parts)}, which no file matches"
                for name, parts in self.lacking.items()
            ),
            *(f"{path}: {count} chosen frames are blank" for path, count in self.blank.items()),
        )


def extract_library(
    game_folder: Path, pack: GamePack, report: Report = silent
) -> tuple[tuple[Sprite, ...], ExtractionReport]:
    """Take the sprites of all classes from an installed game.

    A file that cannot be read is reported and does not stop the rest.

    Args:
        game_folder: the installed game.
        pack: says which files show which class, and how many headings and steps to take.
        report: told after every file.

    Raises:
        GameFolderError: the folder is missing, or holds no sprite files where the pack expects
            them.
    """
    selection = select_files(_sprite_files(game_folder, pack), pack.sprites)
    tasks = selection.tasks
    tally = _Tally()
    sprites = tuple(
        sprite
        for task in track(tasks, len(tasks), "extracting sprites", report)
        for sprite in _sprites_of(task, game_folder, tally)
    )
    return sprites, _report(pack, selection.matches, sprites, tally)


@dataclass
class _Tally:
    """What went wrong so far."""

    failed: dict[str, str] = field(default_factory=dict)
    blank: Counter[str] = field(default_factory=Counter)


def _sprite_files(game_folder: Path, pack: GamePack) -> list[Path]:
    rules = pack.sprites
    folder = game_folder / rules.folder
    files = sorted(file for file in folder.glob(f"*{rules.suffix}") if file.is_file())
    if not files:
        raise GameFolderError(
            f"There are no {rules.suffix} files in {folder}.",
            f"Set OUTPOST_GAME_DIR to the folder in which {pack.title} is installed: the one that "
            f"contains '{rules.folder.split('/')[0]}'.",
        )
    return files


def _sprites_of(task: SpriteTask, game_folder: Path, tally: _Tally) -> list[Sprite]:
    try:
        return list(_extracted(task, game_folder, tally))
    except (SldError, OSError) as error:
        path = task.file.relative_to(game_folder).as_posix()
        tally.failed[path] = error.problem if isinstance(error, SldError) else str(error)
        return []


def _extracted(task: SpriteTask, game_folder: Path, tally: _Tally) -> Iterator[Sprite]:
    file = read_sld(task.file, layers=DRAWN_LAYERS)
    path, digest = task.file.relative_to(game_folder).as_posix(), sha256_of(task.file)
    chosen = poses(file, task.headings, task.steps)
    layers = [_frames_of(piece, task.file, file, chosen) for piece in task.pieces]
    for pose, *frames in zip(chosen, *layers, strict=True):
        drawing = compose(frames)
        if drawing is None:
            tally.blank[path] += 1
            continue
        yield Sprite(
            id=f"{task.class_name or DISTRACTOR}/{task.name}_h{pose.heading}_s{pose.step}",
            class_name=task.class_name,
            source=path,
            source_sha256=digest,
            frame=pose.frame,
            heading=pose.heading,
            step=pose.step,
            hotspot=drawing.hotspot,
            rgba=drawing.rgba,
            player_weight=drawing.player_weight,
            shadow=drawing.shadow,
            shadow_offset=drawing.shadow_offset,
        )


def _frames_of(
    piece: PieceFile, own_file: Path, base: SldFile, chosen: Sequence[Pose]
) -> list[SldFrame]:
    """The frames of a piece that belong to the chosen frames of its base, moved to their place."""
    part = base if piece.file == own_file else read_sld(piece.file, layers=DRAWN_LAYERS)
    frames = part.frames.select(_counterpart(part, base, pose) for pose in chosen)
    return [
        replace(frame, hotspot=(frame.hotspot[0] - piece.dx, frame.hotspot[1] - piece.dy))
        for frame in frames
    ]


def _counterpart(part: SldFile, base: SldFile, pose: Pose) -> int:
    """The frame of a part that belongs over a frame of its base.

    A sail that hangs still has fewer frames than the hull that it is drawn over.
    """
    if len(part.frames) == len(base.frames):
        return pose.frame
    if part.headings == base.headings:
        return part.frame_index(pose.heading, pose.step % part.steps)
    return pose.step % len(part.frames)


def _report(
    pack: GamePack,
    matches: FileMatches,
    sprites: Sequence[Sprite],
    tally: _Tally,
) -> ExtractionReport:
    names = (*pack.class_names, DISTRACTOR)
    drawn = [known.name for known in pack.classes if known.has_sprites]
    files = Counter(name for name, stems in matches.by_class.items() for _ in stems)
    made = Counter(sprite.class_name or DISTRACTOR for sprite in sprites)
    return ExtractionReport(
        files={name: files[name] for name in names},
        sprites={name: made[name] for name in names},
        missing=tuple(name for name in drawn if not files[name]),
        empty=tuple(name for name in drawn if files[name] and not made[name]),
        annotated_only=tuple(known.name for known in pack.classes if not known.has_sprites),
        failed=dict(sorted(tally.failed.items())),
        blank=dict(sorted(tally.blank.items())),
        conflicts=dict(matches.conflicts),
        lacking=dict(matches.lacking),
        apart={group: len(stems) for group, stems in matches.apart.items()},
        unmatched=len(matches.unmatched),
    )
