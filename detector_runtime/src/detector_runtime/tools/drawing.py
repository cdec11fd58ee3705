"""Detections drawn onto their picture, to look at."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

from detector_runtime.images import Color, ImageLike, load_frame
from detector_runtime.results import Detections

if TYPE_CHECKING:
    from PIL import Image

GOLDEN_ANGLE = 0.381966
"""Step around the colour wheel that keeps the colours of successive classes far apart."""


def draw(image: ImageLike, detections: Detections, *, color: Color = "rgb") -> Image.Image:
    """A copy of the picture with a box and a label per entity; each class has its colour.

    What is tentative gets a thin box.
    """
    from PIL import Image, ImageDraw, ImageFont

    frame = load_frame(image, color)
    picture = Image.fromarray(frame.rgb())
    canvas = ImageDraw.Draw(picture)
    scale = max(frame.width, frame.height) / 1280
    font = ImageFont.load_default(max(9.0, 12 * scale))
    width = max(1, round(2 * scale))
    # Best last, so that its label lies on top.
    for entity in reversed(detections.entities):
        ink = class_colour(detections.class_names.index(entity.class_name))
        canvas.rectangle(entity.bbox, outline=ink, width=1 if entity.tentative else width)
        text = f"{entity.id} {entity.confidence:.2f}"
        left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
        x = min(entity.bbox[0], frame.width - (right - left) - 2)
        y = entity.bbox[1] - (bottom - top) - 3
        y = y if y >= 0 else entity.bbox[3] + 1
        canvas.rectangle((x, y, x + right - left + 2, y + bottom - top + 3), fill=ink)
        canvas.text((x + 1 - left, y + 1 - top), text, fill=(0, 0, 0), font=font)
    return picture


def class_colour(class_id: int) -> tuple[int, int, int]:
    """A bright colour for a class; the same every time."""
    red, green, blue = colorsys.hsv_to_rgb((class_id * GOLDEN_ANGLE) % 1.0, 0.65, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)
