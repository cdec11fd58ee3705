"""One file of a game to its sprites: the part of extraction that can run in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.formats.png import PngError, read_png
from pipeline.formats.sld import LayerKind, SldError, SldFrame, read_sld
from pipeline.sprites.compose import compose
from pipeline.sprites.images import SpriteImage
from pipeline.sprites.library import DISTRACTOR, Sprite
from pipeline.sprites.select import FrameSource, PieceFile, Pose, SpriteTask, poses

DRAWN_LAYERS = (LayerKind.MAIN, LayerKind.SHADOW, LayerKind.PLAYER)
"""Those that `compose` looks at."""
IMAGE = ".png"


@dataclass(frozen=True, eq=False)
class FileSprites:
    """What a file gave.

    Attributes:
        sprites: in the order of headings and steps.
        blank: chosen frames without a visible pixel.
        failed: what is wrong with the file; there are no sprites then.
    """

    sprites: tuple[Sprite, ...]
    blank: int = 0
    failed: str | None = None


def take_sprites(task: SpriteTask, path: str, sha256: str) -> FileSprites:
    """Read a file, and the pieces that are drawn with it; what is wrong with one is returned.

    Args:
        path, sha256: of the file, as its sprites state them; see `library.Sprite.source`.
    """
    try:
        sprites = list(_sprites(task, path, sha256))
    except (SldError, PngError) as error:
        return FileSprites((), failed=error.problem)
    except OSError as error:
        return FileSprites((), failed=error.strerror or type(error).__name__)
    visible = tuple(sprite for sprite in sprites if sprite is not None)
    return FileSprites(visible, blank=len(sprites) - len(visible))


def _sprites(task: SpriteTask, path: str, sha256: str) -> Iterator[Sprite | None]:
    """A sprite for each chosen pose, None where nothing shows."""
    file = _open(task.file, task)
    chosen = poses(file, task.headings, task.steps)
    layers = [_frames_of(piece, task, file, chosen) for piece in task.pieces]
    for pose, *frames in zip(chosen, *layers, strict=True):
        drawing = compose(frames)
        if drawing is None:
            yield None
            continue
        yield Sprite(
            id=f"{task.class_name or DISTRACTOR}/{task.name}_h{pose.heading}_s{pose.step}",
            class_name=task.class_name,
            source=path,
            source_sha256=sha256,
            **vars(pose),
            **vars(drawing),
        )


def _open(file: Path, task: SpriteTask) -> FrameSource:
    """A file of frames, read as the end of its name says."""
    if file.suffix.lower() == IMAGE:
        return SpriteImage(read_png(file), task.team_shades)
    return read_sld(file, layers=DRAWN_LAYERS)


def _frames_of(
    piece: PieceFile, task: SpriteTask, base: FrameSource, chosen: Sequence[Pose]
) -> list[SldFrame]:
    """The frames of a piece that belong to the chosen frames of its base, moved to their place."""
    part = base if piece.file == task.file else _open(piece.file, task)
    frames = part.frames.select(_counterpart(part, base, pose) for pose in chosen)
    return [
        replace(frame, hotspot=(frame.hotspot[0] - piece.dx, frame.hotspot[1] - piece.dy))
        for frame in frames
    ]


def _counterpart(part: FrameSource, base: FrameSource, pose: Pose) -> int:
    """The frame of a part that belongs over a frame of its base.

    A sail that hangs still has fewer frames than the hull that it is drawn over.
    """
    if len(part.frames) == len(base.frames):
        return pose.frame
    if part.headings == base.headings:
        return part.frame_index(pose.heading, pose.step % part.steps)
    return pose.step % len(part.frames)
