"""Labelled images to look at before anybody trains on them."""

from __future__ import annotations

from collections.abc import Sequence

from detector_runtime.tools.palette import class_colour
from PIL import Image, ImageDraw

from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.images import upright_rgb
from pipeline.labels.training_set import TrainingSet, is_real
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import draw_box, draw_label
from pipeline.visualization.palette import readable_on_black
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized

COLUMNS = 3
FONT_SIZE = 10


def training_samples(training_set: TrainingSet, count: int = 6) -> bytes:
    """A JPEG of real training images with their labels, spread evenly over the list.

    Where there are no real ones, synthetic ones are shown.

    Raises:
        TrainingSetError: labels are missing or damaged.
    """
    listed = sorted(set(training_set.listed["train"]))
    images = [line for line in listed if is_real(line)] or listed
    tiles = []
    for line in spread_over(images, count):
        image = upright_rgb(training_set.folder / line)
        rows = training_set.rows_of(line)
        boxes = [row.labelled_box(image.width, image.height) for row in rows]
        tiles.append(_tile(image, boxes, training_set.class_names))
    return encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles))))


def batch_samples(export: ExportBatch, count: int = 6) -> bytes | None:
    """A JPEG of a batch's frames with their labels, spread evenly; None where it has no frame."""
    tiles = [
        _tile(upright_rgb(export.image_of(frame)), frame.boxes, export.batch.class_names)
        for frame in spread_over(export.batch.frames, count)
    ]
    return encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles)))) if tiles else None


def _tile(image: Image.Image, boxes: Sequence[LabelledBox], names: Sequence[str]) -> Image.Image:
    tile = resized(image)
    zoom = tile.width / image.width
    pen = ImageDraw.Draw(tile)
    for class_id, box in boxes:
        colour = class_colour(class_id)
        draw_box(pen, box, colour, zoom=zoom)
        corner = (box.x1 * zoom, box.y1 * zoom)
        draw_label(pen, names[class_id], corner, readable_on_black(colour), FONT_SIZE)
    return tile
