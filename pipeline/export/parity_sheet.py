"""Weights and export side by side on the same images, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pipeline.export.parity import Answers, Rows
from pipeline.visualization.annotators import LEGEND_HEIGHT, draw_box, draw_legend, font_of
from pipeline.visualization.palette import SKY_BLUE, VERMILION
from pipeline.visualization.tiles import TILE_WIDTH, create_tiles, encode_jpeg

WEIGHTS = SKY_BLUE
EXPORT = VERMILION
IMAGES = 4
COLUMNS = 2
FONT_SIZE = 11
SHOWN_SCORE = 0.25
"""Rows below it would cover the image; the comparison itself looks at them too."""


def parity_sheet(answers: Answers, class_names: Sequence[str]) -> bytes:
    """A JPEG of images with what the weights find, and inside it, thinner, what the export finds.

    Args:
        class_names: by class id.
    """
    rows = zip(answers.inputs[:IMAGES], answers.weights, answers.export, strict=False)
    tiles = [_tile(image, weights, export, class_names) for image, weights, export in rows]
    sheet = create_tiles(tiles, COLUMNS, below=LEGEND_HEIGHT)
    shown = f"score {SHOWN_SCORE} and more"
    legend = (("weights", WEIGHTS), ("export", EXPORT), (shown, "white"))
    draw_legend(ImageDraw.Draw(sheet), legend, sheet.height - LEGEND_HEIGHT, FONT_SIZE)
    return encode_jpeg(sheet)


def _tile(image: Rows, weights: Rows, export: Rows, class_names: Sequence[str]) -> Image.Image:
    pixels = np.round(image.transpose(1, 2, 0) * 255).astype(np.uint8)
    zoom = TILE_WIDTH / pixels.shape[1]
    size = (TILE_WIDTH, round(pixels.shape[0] * zoom))
    tile = Image.fromarray(pixels).resize(size)
    pen = ImageDraw.Draw(tile)
    for found, colour, width in ((weights, WEIGHTS, 3), (export, EXPORT, 1)):
        for row in found[found[:, 4] >= SHOWN_SCORE]:
            draw_box(pen, row, colour, width, zoom)
    font = font_of(FONT_SIZE)
    for row in export[export[:, 4] >= SHOWN_SCORE]:
        place = (float(row[0]) * zoom, max(float(row[1]) * zoom - FONT_SIZE - 2, 0.0))
        text = f"{class_names[int(row[5])]} {row[4]:.2f}"
        pen.text(place, text, fill="white", font=font, stroke_width=1, stroke_fill="black")
    return tile
