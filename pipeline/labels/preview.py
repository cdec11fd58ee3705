"""Labelled pictures to look at before anybody trains on them."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from detector_runtime.images import upright
from PIL import Image, ImageDraw, ImageFont

from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.training_set import TrainingSet, is_real

TILE_WIDTH = 400
COLUMNS = 3
JPEG_QUALITY = 85
Item = TypeVar("Item")
GOLDEN = 0.618034
"""Steps of this share of the colour circle keep neighbouring ids far apart."""


def training_samples(training_set: TrainingSet, count: int = 6) -> bytes:
    """A JPEG of real training pictures with their labels, spread evenly over the list.

    Where there are no real ones, synthetic ones are shown.

    Raises:
        TrainingSetError: labels are missing or damaged.
    """
    listed = sorted(set(training_set.listed["train"]))
    pictures = [line for line in listed if is_real(line)] or listed
    tiles = [_labelled_tile(training_set, picture) for picture in _spread(pictures, count)]
    return _jpeg(_grid(tiles))


def batch_samples(export: ExportBatch, count: int = 6) -> bytes | None:
    """A JPEG of a batch's frames with their labels, spread evenly; None where it has no frame."""
    tiles = [
        _tile(_opened(export.image_of(frame)), frame.boxes, export.batch.class_names)
        for frame in _spread(export.batch.frames, count)
    ]
    return _jpeg(_grid(tiles)) if tiles else None


def _spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    step = max(1, len(items) // count)
    return items[::step][:count]


def _labelled_tile(training_set: TrainingSet, picture: str) -> Image.Image:
    image, names = _opened(training_set.folder / picture), training_set.class_names
    rows = training_set.rows_of(picture)
    return _tile(image, [row.labelled_box(image.width, image.height) for row in rows], names)


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as opened:
        return upright(opened).convert("RGB")


def _tile(image: Image.Image, boxes: Sequence[LabelledBox], names: Sequence[str]) -> Image.Image:
    zoom = TILE_WIDTH / image.width
    tile = image.resize((TILE_WIDTH, round(image.height * zoom)))
    pen = ImageDraw.Draw(tile)
    for labelled in boxes:
        _draw(pen, labelled, names[labelled.class_id], zoom)
    return tile


def _draw(pen: ImageDraw.ImageDraw, labelled: LabelledBox, name: str, zoom: float) -> None:
    box, colour = labelled.box, _colour(labelled.class_id)
    corners = (box.x1 * zoom, box.y1 * zoom, box.x2 * zoom - 1, box.y2 * zoom - 1)
    pen.rectangle(corners, outline=colour)
    place = (corners[0] + 2, max(0.0, corners[1] - 11))
    font = ImageFont.load_default(10)
    pen.text(place, name, fill=colour, font=font, stroke_width=1, stroke_fill=(0, 0, 0))


def _colour(class_id: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(class_id * GOLDEN % 1.0, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _grid(tiles: Sequence[Image.Image]) -> Image.Image:
    height = max(tile.height for tile in tiles)
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(tiles)) * TILE_WIDTH, rows * height))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet.paste(tile, (column * TILE_WIDTH, row * height))
    return sheet


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
