"""The shapes of a batch that a person should look at, drawn on crops of their frames.

These are the shapes that were rejected, because they have no box, and what looks wrong about the
others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from pipeline.labels.batches import Batch, ExportBatch, Frame
from pipeline.labels.boxes import Box
from pipeline.labels.images import UNREADABLE, upright_rgb
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import draw_box
from pipeline.visualization.palette import SKY_BLUE, VERMILION
from pipeline.visualization.sections import GROUND, Tile, TileGroup, draw_sections, tile_width
from pipeline.visualization.tiles import encode_jpeg

REJECTED = "rejected"
COLUMNS = 3
MOST_OF_A_KIND = 6
FEW_KINDS = 4
"""With more of them, each has half as many tiles: a page is to be read, not scrolled."""
SURROUNDINGS = 3.0
"""Times the longer side of a shape that a crop is wide, so that one sees what it lies on."""
LEAST_CROP = 96
"""Pixels of a frame that a crop is wide at least."""
LEAST_MARK = 6
"""Pixels of a frame that a mark is wide at least, however small the shape is."""
SHAPE_OF_TILE = 9 / 16


@dataclass(frozen=True)
class FlaggedShape:
    """A shape, or a whole frame, that a person should look at.

    Attributes:
        kind: "rejected", or that of the finding.
        frame: its place in the batch.
        class_name: empty where the whole frame is meant.
        box: in pixels of the frame, may be without area or beyond its edges; None where the whole
            frame is meant, or nobody knows where the shape is.
        problem: in words.
    """

    kind: str
    frame: str
    class_name: str
    box: Box | None
    problem: str

    @property
    def group(self) -> str:
        """What it is shown with: rejected shapes of one reason, findings of one kind."""
        return f"{REJECTED}: {self.problem}" if self.kind == REJECTED else self.kind


def flagged_shapes(batch: Batch) -> tuple[FlaggedShape, ...]:
    """All of a batch: rejected ones first, then findings, each in the order of the export."""
    return (
        *(
            FlaggedShape(REJECTED, one.frame, one.class_name, one.drawn, one.reason)
            for one in batch.rejected
        ),
        *(
            FlaggedShape(one.kind, one.frame, one.class_name, one.box, one.problem)
            for one in batch.findings
        ),
    )


def by_group(shapes: Sequence[FlaggedShape]) -> dict[str, list[FlaggedShape]]:
    """Shapes that are shown together, groups in the order of their first."""
    groups: dict[str, list[FlaggedShape]] = {}
    for one in shapes:
        groups.setdefault(one.group, []).append(one)
    return groups


def flagged_sheet(export: ExportBatch, shapes: Sequence[FlaggedShape]) -> bytes | None:
    """A JPEG with crops of some of them, spread evenly over each group; None without any.

    Args:
        shapes: of that batch.
    """
    groups = by_group(shapes)
    most = MOST_OF_A_KIND if len(groups) <= FEW_KINDS else COLUMNS
    frames = _BatchFrames.of(export)
    sections = [_section(group, found, most, frames) for group, found in groups.items()]
    return encode_jpeg(draw_sections(sections, COLUMNS)) if sections else None


def flagged_frames(export: ExportBatch, shapes: Iterable[FlaggedShape]) -> Iterator[bytes | None]:
    """For each shape a JPEG of its whole frame with its outline; None without a readable image.

    Args:
        shapes: of that batch.
    """
    frames = _BatchFrames.of(export)
    for shape in shapes:
        image = frames.image_of(shape.frame)
        if image is not None and shape.box is not None:
            mark = visible_mark(shape.box, Box(0, 0, *image.size))
            _outline(image, mark, shape)
        yield None if image is None else encode_jpeg(image)


@dataclass(frozen=True)
class _BatchFrames:
    """The frames of a batch by their places."""

    export: ExportBatch
    frames: Mapping[str, Frame]

    @classmethod
    def of(cls, export: ExportBatch) -> _BatchFrames:
        frames = (*export.batch.frames, *export.batch.unlabelled)
        return cls(export, {frame.place: frame for frame in frames})

    def image_of(self, place: str) -> Image.Image | None:
        frame = self.frames.get(place)
        return opened(self.export.image_of(frame)) if frame else None


def opened(file: Path) -> Image.Image | None:
    """An image upright and in RGB; None where it cannot be read any more."""
    try:
        return upright_rgb(file)
    except UNREADABLE:
        return None


def _section(
    group: str, found: Sequence[FlaggedShape], most: int, frames: _BatchFrames
) -> TileGroup:
    some = spread_over(found, most)
    number = f"{len(some)} of {len(found)}" if len(some) < len(found) else f"{len(found)}"
    return TileGroup(f"{group} ({number})", tuple(_tile(one, frames) for one in some))


def _tile(shape: FlaggedShape, frames: _BatchFrames) -> Tile:
    width = tile_width(COLUMNS)
    size = (width, round(width * SHAPE_OF_TILE))
    image = frames.image_of(shape.frame)
    drawn = Image.new("RGB", size, GROUND) if image is None else draw_flagged(image, shape, size)
    return Tile(drawn, tuple(_texts(shape)))


def _texts(shape: FlaggedShape) -> Iterator[str]:
    yield shape.class_name or "whole frame"
    yield shape.frame
    if shape.kind != REJECTED:
        yield shape.problem
    elif shape.box is None:
        yield "nothing tells where"


def draw_flagged(image: Image.Image, shape: FlaggedShape, size: tuple[int, int]) -> Image.Image:
    """The part of a frame around a shape, with its outline.

    What lies beyond the frame is plain ground, so that a shape that reaches out of it is seen.

    Args:
        image: the whole frame.
        size: of the result.
    """
    window = _window(shape.box, image.size, size)
    tile = Image.new("RGB", size, GROUND)
    zoom = size[0] / window.width
    inside = window.clipped(*image.size)
    corner = (round((inside.x1 - window.x1) * zoom), round((inside.y1 - window.y1) * zoom))
    scaled = (max(1, round(inside.width * zoom)), max(1, round(inside.height * zoom)))
    tile.paste(image.resize(scaled, Image.Resampling.BICUBIC, box=inside), corner)
    if shape.box is not None:
        mark = visible_mark(shape.box, window)
        moved = [side - start for side, start in zip(mark, (window[:2] * 2), strict=True)]
        _outline(tile, moved, shape, zoom)
    return tile


def _outline(
    image: Image.Image, corners: Sequence[float], shape: FlaggedShape, zoom: float = 1.0
) -> None:
    pen = ImageDraw.Draw(image)
    draw_box(pen, corners, "black", width=5, zoom=zoom)
    draw_box(pen, corners, VERMILION if shape.kind == REJECTED else SKY_BLUE, width=3, zoom=zoom)


def visible_mark(box: Box, bounds: Box) -> Box:
    """A box that can be seen within bounds, however small it is and wherever it lies."""
    x1, x2 = _side(box.x1, box.x2, bounds.x1, bounds.x2)
    y1, y2 = _side(box.y1, box.y2, bounds.y1, bounds.y2)
    return Box(x1, y1, x2, y2)


def _side(start: float, stop: float, least: float, most: float) -> tuple[float, float]:
    missing = max(0.0, LEAST_MARK - (stop - start)) / 2
    start, stop = start - missing, stop + missing
    return min(max(start, least), most - LEAST_MARK), max(min(stop, most), least + LEAST_MARK)


def _window(box: Box | None, frame: tuple[int, int], size: tuple[int, int]) -> Box:
    """What a crop shows, in pixels of the frame and in the proportions of `size`."""
    width, height = frame
    across = size[0] / size[1]
    if box is None:
        wide = max(width, height * across)
        return _around(width / 2, height / 2, wide, wide / across)
    near = visible_mark(box, Box(0, 0, width, height))
    shown = max(near.width, near.height * across) * SURROUNDINGS
    wide = min(max(shown, LEAST_CROP), max(width, height * across) * 1.2)
    return _around((near.x1 + near.x2) / 2, (near.y1 + near.y2) / 2, wide, wide / across)


def _around(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
