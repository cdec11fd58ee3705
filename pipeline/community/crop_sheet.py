"""A sheet of what was sent, with labels: as asset pages show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.community.staged_crops import CropKind, StagedCrop, StagedCrops
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_of_png
from pipeline.visualization.tiles import encode_jpeg

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
    return encode_jpeg(draw_sections(groups, COLUMNS)) if groups else None


def _title(kind: CropKind, crops: Sequence[StagedCrop]) -> str:
    shown = f", the latest {MOST_TILES}" if len(crops) > MOST_TILES else ""
    return f"{TITLES[kind]}: {len(crops)}{shown}"


def _tiles(staged: StagedCrops, crops: Sequence[StagedCrop]) -> Iterator[Tile]:
    for crop in crops:
        lines = (crop.name, crop.slot, f"read as {crop.ml_name}" if crop.ml_name else "")
        yield tile_of_png(staged.image_of(crop), COLUMNS, lines)
