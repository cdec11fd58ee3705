"""Weights and export side by side on the same images, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.export.parity import Answers, Rows

WEIGHTS = "#56b4e9"
EXPORT = "#d55e00"
"""Of Okabe and Ito's palette, which people with any colour vision can tell apart."""
COLUMNS = 2
TILE_WIDTH = 400
LEGEND_HEIGHT = 18
FONT_SIZE = 11
SHOWN_SCORE = 0.25
"""Rows below it would cover the image; the comparison itself looks at them too."""
JPEG_QUALITY = 85


def parity_sheet(answers: Answers, class_names: Sequence[str], most: int = 4) -> bytes:
    """A JPEG of images with what the weights find, and inside it, thinner, what the export finds.

    Args:
        class_names: by class id.
        most: images shown, from the first.
    """
    rows = zip(answers.inputs[:most], answers.weights, answers.export, strict=False)
    tiles = [_tile(image, weights, export, class_names) for image, weights, export in rows]
    height = max((tile.height for tile in tiles), default=0)
    lines = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE_WIDTH, lines * height + LEGEND_HEIGHT))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % COLUMNS * TILE_WIDTH, number // COLUMNS * height))
    _draw_legend(ImageDraw.Draw(sheet), lines * height)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _tile(image: Rows, weights: Rows, export: Rows, class_names: Sequence[str]) -> Image.Image:
    pixels = np.round(image.transpose(1, 2, 0) * 255).astype(np.uint8)
    zoom = TILE_WIDTH / pixels.shape[1]
    size = (TILE_WIDTH, round(pixels.shape[0] * zoom))
    tile = Image.fromarray(pixels).resize(size)
    pen = ImageDraw.Draw(tile)
    for found, colour, width in ((weights, WEIGHTS, 3), (export, EXPORT, 1)):
        for row in found[found[:, 4] >= SHOWN_SCORE]:
            _draw(pen, row, zoom, colour, width)
    font = ImageFont.load_default(FONT_SIZE)
    for row in export[export[:, 4] >= SHOWN_SCORE]:
        place = (float(row[0]) * zoom, max(float(row[1]) * zoom - FONT_SIZE - 2, 0.0))
        text = f"{class_names[int(row[5])]} {row[4]:.2f}"
        pen.text(place, text, fill="white", font=font, stroke_width=1, stroke_fill="black")
    return tile


def _draw(pen: ImageDraw.ImageDraw, row: Rows, zoom: float, colour: str, width: int) -> None:
    x1, y1, x2, y2 = (float(corner) * zoom for corner in row[:4])
    pen.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=colour, width=width)


def _draw_legend(pen: ImageDraw.ImageDraw, top: int) -> None:
    font, x = ImageFont.load_default(FONT_SIZE), 4.0
    shown = f"score {SHOWN_SCORE} and more"
    for text, colour in (("weights", WEIGHTS), ("export", EXPORT), (shown, "white")):
        pen.text((x, top + 2), text, fill=colour, font=font)
        x += pen.textlength(text, font=font) + 12
