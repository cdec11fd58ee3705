"""What is drawn on an image: boxes, their texts, and what colours mean.

Colours are what Pillow takes: `#rrggbb`, or red, green and blue from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from detector_runtime.tools.palette import Rgb
from PIL import ImageDraw, ImageFont

Colour = str | Rgb
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

LEGEND_HEIGHT = 18
"""Pixels of one line."""


def draw_box(
    pen: ImageDraw.ImageDraw,
    box: Sequence[float],
    colour: Colour,
    width: int = 1,
    zoom: float = 1.0,
) -> None:
    """The outline of a box.

    Args:
        box: x1, y1, x2, y2; the last two exclusive.
        width: of the line, in pixels.
        zoom: by which the image is enlarged.
    """
    x1, y1, x2, y2 = (float(corner) * zoom for corner in box[:4])
    pen.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=colour, width=width)


def draw_label(
    pen: ImageDraw.ImageDraw, text: str, corner: tuple[float, float], colour: Colour, font_size: int
) -> None:
    """A text on black above the left and top `corner` of a box, or as near as the edges let it."""
    font = font_of(font_size)
    rightmost = pen.im.size[0] - pen.textlength(text, font=font)
    place = (max(min(corner[0], rightmost), 0.0), max(corner[1] - 1, font_size + 2.0))
    pen.rectangle(pen.textbbox(place, text, font=font, anchor="lb"), fill="black")
    pen.text(place, text, fill=colour, font=font, anchor="lb")


def draw_legend(
    pen: ImageDraw.ImageDraw, entries: Iterable[tuple[str, Colour]], top: int, font_size: int
) -> None:
    """Texts beside each other, each in the colour that it explains."""
    font, x = font_of(font_size), 4.0
    for text, colour in entries:
        pen.text((x, top + 2), text, fill=colour, font=font)
        x += pen.textlength(text, font=font) + 12


@cache
def font_of(size: int) -> Font:
    """Pillow's own font, which every machine has; reading it takes longer than a text."""
    return ImageFont.load_default(size)
