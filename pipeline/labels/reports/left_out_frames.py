"""Examples of frames that a merge left out or warns of, each beside the one that decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from detector_runtime.tools.palette import class_colour
from PIL import Image, ImageDraw

from pipeline.labels.batches import BatchFrame, ExportBatch
from pipeline.labels.boxes import Box
from pipeline.labels.comparing.box_differences import BoxDifference, counted
from pipeline.labels.merge import MergeSummary
from pipeline.labels.reports.flagged_shapes import opened
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import draw_box, draw_label
from pipeline.visualization.palette import VERMILION, readable_on_black
from pipeline.visualization.sections import (
    FONT_SIZE,
    GROUND,
    Section,
    Tile,
    draw_sections,
    tile_width,
)
from pipeline.visualization.tiles import encode_jpeg, resized

COLUMNS = 2
MOST_PAIRS = 2
"""Of each rule."""
FolderOf = Callable[[str], Path | None]
"""Where a batch is stored, by its name; None where it is no more."""


class FramePair(NamedTuple):
    """Two frames by batch and place, what each is, and how labels differ where that counts."""

    first: str
    second: str
    is_first: str
    is_second: str
    differences: tuple[BoxDifference, ...] = ()


def left_out_sheet(summary: MergeSummary, folder_of: FolderOf) -> bytes | None:
    """A JPEG with examples of each rule that left frames out, or none where no rule did.

    Args:
        folder_of: where the batches of the merge are.

    Raises:
        BatchError: a batch is damaged.
    """
    frames = _Frames(folder_of)
    sections = []
    for title, count, pairs in _examples(summary):
        some = spread_over(pairs, MOST_PAIRS)
        if some:
            tiles = tuple(tile for pair in some for tile in _tiles(pair, frames, summary))
            sections.append(Section(f"{title} ({len(some)} of {count})", tiles))
    return encode_jpeg(draw_sections(sections, COLUMNS)) if sections else None


def _examples(summary: MergeSummary) -> Iterator[tuple[str, int, Sequence[FramePair]]]:
    """What is shown of each rule, and how often it did so."""
    yield (
        "One image in several batches",
        len(summary.duplicates),
        [FramePair(one.taken, one.left_out, "taken", "left out") for one in summary.duplicates],
    )
    yield (
        "Labels of one image that differ",
        summary.difference_count or len(summary.differences),
        [
            FramePair(one.taken, one.left_out, "taken", "not used", one.boxes)
            for one in summary.differences
        ],
    )
    yield (
        "Left out for showing what a Test frame shows",
        summary.left_out_near_test,
        [FramePair(one.taken, one.left_out, "of Test", "left out") for one in summary.near_test],
    )
    leaks = (*summary.validation_leaks, *summary.held_out_leaks)
    yield (
        "Judged although trained on",
        (summary.validation_leak_count or 0) + (summary.held_out_leak_count or 0),
        [FramePair(one.trained, one.judged, "trained on", "judged") for one in leaks],
    )


class _Frames:
    """Frames by batch and place; each batch is read once, and only if it is asked for."""

    def __init__(self, folder_of: FolderOf) -> None:
        self._folder_of = folder_of
        self._batches: dict[str, dict[str, BatchFrame]] = {}

    def find(self, title: str) -> BatchFrame | None:
        batch, _, place = title.partition("/")
        if batch not in self._batches:
            self._batches[batch] = self._read(batch)
        return self._batches[batch].get(place)

    def _read(self, batch: str) -> dict[str, BatchFrame]:
        folder = self._folder_of(batch)
        if folder is None:
            return {}
        stored = ExportBatch.open(folder).batch
        frames = (*stored.frames, *stored.unlabelled)
        return {one.place: BatchFrame(batch, folder, one) for one in frames}


def _tiles(pair: FramePair, frames: _Frames, summary: MergeSummary) -> Iterator[Tile]:
    names = tuple(summary.per_class)
    told = f": {counted(pair.differences)}" if pair.differences else ""
    for title, role, marked in (
        (
            pair.first,
            f"{pair.is_first}{told}",
            [(one.box, one.class_name) for one in _taken(pair)],
        ),
        (pair.second, pair.is_second, list(_others(pair))),
    ):
        yield Tile(_drawn(frames.find(title), names, marked), (role, title))


def _taken(pair: FramePair) -> Iterator[BoxDifference]:
    return (one for one in pair.differences if one.change != "removed")


def _others(pair: FramePair) -> Iterator[tuple[Box, str]]:
    for one in pair.differences:
        if one.change == "removed":
            yield one.box, one.class_name
        elif one.other_box is not None:
            yield one.other_box, one.other_class or one.class_name


def _drawn(
    found: BatchFrame | None, names: Sequence[str], marked: Sequence[tuple[Box, str]]
) -> Image.Image:
    """A frame with its labels, thick and with their classes where they differ from the other's."""
    width = tile_width(COLUMNS)
    image = opened(found.image) if found else None
    if found is None or image is None:
        return Image.new("RGB", (width, width // 4), GROUND)
    tile = resized(image, width)
    zoom, pen = width / image.width, ImageDraw.Draw(tile)
    for class_id, box in found.frame.boxes:
        draw_box(pen, box, class_colour(class_id), width=2, zoom=zoom)
    for box, _ in marked:
        draw_box(pen, box, VERMILION, width=4, zoom=zoom)
    for box, name in marked:
        colour = readable_on_black(class_colour(names.index(name) if name in names else 0))
        draw_label(pen, name, (box.x1 * zoom, box.y1 * zoom), colour, FONT_SIZE)
    return tile
