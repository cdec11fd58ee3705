"""Backgrounds to look at before scenes are drawn on them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from pipeline.backgrounds.images import read_index
from pipeline.subsampling import spread_over
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized

THUMBNAIL_WIDTH = 200
COLUMNS = 5


def background_sheet(folder: Path, count: int = 20) -> bytes:
    """A JPEG of thumbnails spread evenly over the set."""
    shown = spread_over(read_index(folder), count)
    thumbnails = [_thumbnail(folder / entry.file) for entry in shown]
    return encode_jpeg(create_tiles(thumbnails, min(COLUMNS, len(thumbnails))))


def _thumbnail(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return resized(image, THUMBNAIL_WIDTH)
