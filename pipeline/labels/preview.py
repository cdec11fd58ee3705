"""Labelled pictures to look at before anybody trains on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector_runtime.images import upright
from detector_runtime.tools.palette import class_colour
from PIL import Image, ImageDraw

from pipeline.labels.batches import read_batch
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.formats.yolo import read_rows
from pipeline.labels.training_set import is_real, label_path, listed_pictures, read_class_names
from pipeline.visualization.annotators import draw_box, draw_label
from pipeline.visualization.palette import readable_on_black
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized, spread_over

COLUMNS = 3
FONT_SIZE = 10


def training_samples(folder: Path, count: int = 6) -> bytes:
    """A JPEG of real training pictures with their labels, spread evenly over the list.

    Where there are no real ones, synthetic ones are shown.

    Raises:
        TrainingSetError, LabelFileError: the set is incomplete.
    """
    names = read_class_names(folder)
    listed = sorted(set(listed_pictures(folder, "train")))
    pictures = [line for line in listed if is_real(line)] or listed
    tiles = [_labelled_tile(folder, picture, names) for picture in spread_over(pictures, count)]
    return encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles))))


def batch_samples(folder: Path, count: int = 6) -> bytes | None:
    """A JPEG of a batch's frames with their labels, spread evenly; None where it has no frame.

    Raises:
        BatchError: the batch cannot be read.
    """
    batch = read_batch(folder)
    tiles = [
        _tile(_opened(folder / frame.path), frame.boxes, batch.class_names)
        for frame in spread_over(batch.frames, count)
    ]
    return encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles)))) if tiles else None


def _labelled_tile(folder: Path, picture: str, names: Sequence[str]) -> Image.Image:
    image = _opened(folder / picture)
    rows = read_rows(label_path(folder, picture), len(names))
    return _tile(image, [row.labelled_box(image.width, image.height) for row in rows], names)


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as opened:
        return upright(opened).convert("RGB")


def _tile(image: Image.Image, boxes: Sequence[LabelledBox], names: Sequence[str]) -> Image.Image:
    tile = resized(image)
    zoom = tile.width / image.width
    pen = ImageDraw.Draw(tile)
    for labelled in boxes:
        box, colour = labelled.box, class_colour(labelled.class_id)
        draw_box(pen, box, colour, zoom=zoom)
        corner = (box.x1 * zoom, box.y1 * zoom)
        draw_label(pen, names[labelled.class_id], corner, readable_on_black(colour), FONT_SIZE)
    return tile
