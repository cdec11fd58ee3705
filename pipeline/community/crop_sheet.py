"""A sheet of what was sent, with labels: as asset pages show it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby

from PIL import Image

from pipeline.community.staged_crops import CropKind, StagedCrop, StagedCrops
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_width

COLUMNS = 6
MOST_TILES = 36
"""Of each kind."""
TITLES: dict[CropKind, str] = {"icon": "Icons", "text": "Texts", "screen": "Screens"}


def crop_sheet(staged: StagedCrops) -> bytes | None:
    """A JPEG of icons, texts and screens, the latest first; None where nothing was taken."""
    latest = sorted(staged.content.crops, key=lambda crop: (crop.kind, -crop.date.toordinal()))
    groups = [
        TileGroup(_title(kind, crops := list(found)), tuple(_tiles(staged, crops[:MOST_TILES])))
        for kind, found in groupby(latest, key=lambda crop: crop.kind)
    ]
    if not groups:
        return None
    buffer = io.BytesIO()
    draw_sections(groups, COLUMNS).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _title(kind: CropKind, crops: Sequence[StagedCrop]) -> str:
    shown = f", the latest {MOST_TILES}" if len(crops) > MOST_TILES else ""
    return f"{TITLES[kind]}: {len(crops)}{shown}"


def _tiles(staged: StagedCrops, crops: Sequence[StagedCrop]) -> Iterator[Tile]:
    width = tile_width(COLUMNS)
    for crop in crops:
        with Image.open(staged.image_of(crop), formats=["PNG"]) as opened:
            image = opened.convert("RGB")
        image.thumbnail((width, width))
        lines = (crop.name, crop.slot, f"read as {crop.ml_name}" if crop.ml_name else "")
        yield Tile(image, tuple(line for line in lines if line))
