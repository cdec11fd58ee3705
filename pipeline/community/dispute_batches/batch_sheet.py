"""A sheet of a batch's images with what is said of them, as asset pages show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.community.dispute_batches.dispute_batch import DisputeBatch, DisputedCrop
from pipeline.visualization.sections import TileGroup, draw_sections, tile_of_png
from pipeline.visualization.tiles import encode_jpeg

COLUMNS = 6
MOST_TILES = 36


def batch_sheet(
    title: str,
    batch: DisputeBatch,
    crops: Iterable[DisputedCrop],
    lines: Callable[[DisputedCrop], Iterable[str]],
) -> bytes | None:
    """A JPEG of some images of a batch, the first `MOST_TILES`; None without any."""
    shown = tuple(crops)
    if not shown:
        return None
    tiles = (tile_of_png(batch.image_of(one), COLUMNS, lines(one)) for one in shown[:MOST_TILES])
    more = f", the first {MOST_TILES}" if len(shown) > MOST_TILES else ""
    group = TileGroup(f"{title}: {len(shown)}{more}", tuple(tiles))
    return encode_jpeg(draw_sections([group], COLUMNS))
