"""Sheets: many small images beside each other, as one JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from detector_runtime.tools.palette import Rgb
from PIL import Image

TILE_WIDTH = 400
JPEG_QUALITY = 85


def resized(image: Image.Image, width: int = TILE_WIDTH) -> Image.Image:
    """An image at another width, at least one pixel high."""
    return image.resize((width, max(1, round(image.height * width / image.width))))


def create_tiles(
    tiles: Sequence[Image.Image],
    columns: int,
    gap: int = 0,
    ground: Rgb = (0, 0, 0),
    below: int = 0,
) -> Image.Image:
    """Images in rows, from left to right and from above: RGB, as wide as all columns.

    Args:
        tiles: at least one, all of one width; rows are as high as the highest.
        gap: pixels to the right of each tile and below it.
        below: pixels left free below the last row, as for a legend.
    """
    width = tiles[0].width + gap
    height = max(tile.height for tile in tiles) + gap
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height + below), ground)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (column * width, row * height))
    return sheet


def encode_jpeg(image: Image.Image) -> bytes:
    """A JPEG file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
