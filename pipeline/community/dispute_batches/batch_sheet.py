"""A sheet of a batch's images with what is said of them, as asset pages show it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

from PIL import Image

from pipeline.community.dispute_batches.dispute_batch import DisputeBatch, DisputedCrop
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_width

COLUMNS = 6
MOST_TILES = 36


def batch_sheet(
    title: str,
    batch: DisputeBatch,
    crops: Iterable[DisputedCrop],
    lines: Callable[[DisputedCrop], tuple[str, ...]],
) -> bytes | None:
    """A JPEG of some images of a batch, the first `MOST_TILES`; None without any."""
    shown = tuple(crops)
    if not shown:
        return None
    tiles = tuple(_tile(batch, crop, lines(crop)) for crop in shown[:MOST_TILES])
    more = f", the first {MOST_TILES}" if len(shown) > MOST_TILES else ""
    buffer = io.BytesIO()
    group = TileGroup(f"{title}: {len(shown)}{more}", tiles)
    draw_sections([group], COLUMNS).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _tile(batch: DisputeBatch, crop: DisputedCrop, lines: tuple[str, ...]) -> Tile:
    width = tile_width(COLUMNS)
    with Image.open(batch.image_of(crop), formats=["PNG"]) as opened:
        image = opened.convert("RGB")
    image.thumbnail((width, width))
    return Tile(image, tuple(line for line in lines if line))
