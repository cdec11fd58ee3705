"""Sheets with headings: groups of small images, each with a few lines of text below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.tools.palette import Rgb
from PIL import Image, ImageDraw

from pipeline.visualization.annotators import Font, font_of

SHEET_WIDTH = 960
"""Pixels; an asset's page shows half of it, so texts are twice as large as they need to be."""
FONT_SIZE = 20
HEADING_SIZE = 24
LINE_HEIGHT = 24
GAP = 12
GROUND = (24, 26, 30)
INK = (235, 235, 235)
FAINT = (170, 178, 190)
MOST_LINES = 6
CUT_OFF = " ..."


@dataclass(frozen=True)
class Tile:
    """A small image with texts below it, the first one bright; each is broken into lines."""

    image: Image.Image
    lines: tuple[str, ...]


@dataclass(frozen=True)
class TileGroup:
    """A heading and what stands below it."""

    title: str
    tiles: tuple[Tile, ...]


def tile_width(columns: int) -> int:
    """Pixels that an image has on a sheet with so many columns."""
    return (SHEET_WIDTH - GAP * (columns + 1)) // columns


def tile_of_png(file: Path, columns: int, lines: Iterable[str]) -> Tile:
    """The image of a file, no larger than its place, with those lines that say something."""
    with Image.open(file, formats=["PNG"]) as opened:
        image = opened.convert("RGB")
    image.thumbnail((tile_width(columns), tile_width(columns)))
    return Tile(image, tuple(line for line in lines if line))


def draw_sections(sections: Sequence[TileGroup], columns: int) -> Image.Image:
    """A sheet, RGB and `SHEET_WIDTH` wide.

    Args:
        sections: at least one.
        columns: of tiles; their images are as wide as `tile_width` says.
    """
    width = tile_width(columns)
    heights = [
        [_height(row, width) for row in _rows(section.tiles, columns)] for section in sections
    ]
    total = sum(_heading_height() + sum(rows) for rows in heights) + GAP
    sheet = Image.new("RGB", (SHEET_WIDTH, total), GROUND)
    pen, top = ImageDraw.Draw(sheet), 0
    for section, rows in zip(sections, heights, strict=True):
        title = _broken(section.title, SHEET_WIDTH - 2 * GAP, font_of(HEADING_SIZE))[0]
        pen.text((GAP, top + GAP), title, fill=INK, font=font_of(HEADING_SIZE))
        top += _heading_height()
        for row, height in zip(_rows(section.tiles, columns), rows, strict=True):
            for column, tile in enumerate(row):
                left = GAP + column * (width + GAP)
                sheet.paste(tile.image, (left, top))
                _write(pen, tile, (left, top + tile.image.height + 2), width)
            top += height
    return sheet


def _heading_height() -> int:
    return GAP + HEADING_SIZE + GAP


def _rows(tiles: Sequence[Tile], columns: int) -> Iterator[Sequence[Tile]]:
    return (tiles[start : start + columns] for start in range(0, len(tiles), columns))


def _height(row: Sequence[Tile], width: int) -> int:
    return max(t.image.height + 2 + LINE_HEIGHT * len(_lines(t, width)) for t in row) + GAP


def _write(pen: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int], width: int) -> None:
    x, y = corner
    for number, (line, colour) in enumerate(_lines(tile, width)):
        pen.text((x, y + number * LINE_HEIGHT), line, fill=colour, font=font_of(FONT_SIZE))


def _lines(tile: Tile, width: int) -> list[tuple[str, Rgb]]:
    """Lines with their colours: all lines of the first text stand out from the others."""
    font = font_of(FONT_SIZE)
    lines = [
        (line, FAINT if number else INK)
        for number, text in enumerate(tile.lines)
        for line in _broken(text, width, font)
    ]
    if len(lines) <= MOST_LINES:
        return lines
    last, colour = lines[MOST_LINES - 1]
    while last and font.getlength(last + CUT_OFF) > width:
        last = last[:-1]
    return [*lines[: MOST_LINES - 1], (last + CUT_OFF, colour)]


def _broken(text: str, width: float, font: Font) -> list[str]:
    """A text in lines, broken between words, and within one that no line can hold."""
    lines = [""]
    for word in text.split():
        wanted = f"{lines[-1]} {word}".strip()
        if font.getlength(wanted) <= width:
            lines[-1] = wanted
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
