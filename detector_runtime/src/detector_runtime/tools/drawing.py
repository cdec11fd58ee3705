"""Detections drawn onto their image, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector_runtime.images import Color, ImageLike, load_frame
from detector_runtime.results import Detections
from detector_runtime.tools.palette import class_colour, text_colour_on

if TYPE_CHECKING:
    from PIL import Image


def draw(image: ImageLike, detections: Detections, *, color: Color = "rgb") -> Image.Image:
    """A copy of the image with a box and a label per entity; each class has its colour.

    What is tentative gets a thin box.

    Args:
        color: the order of the image's channels, as it was given to the detector.
    """
    from PIL import Image, ImageDraw, ImageFont

    frame = load_frame(image, color)
    drawn = Image.fromarray(frame.rgb())
    canvas = ImageDraw.Draw(drawn)
    scale = max(frame.width, frame.height) / 1280
    font = ImageFont.load_default(max(9.0, 12 * scale))
    width = max(1, round(2 * scale))
    # Best last, so that its label lies on top.
    for entity in reversed(detections.entities):
        ink = class_colour(detections.class_names.index(entity.class_name))
        canvas.rectangle(entity.bbox, outline=ink, width=1 if entity.tentative else width)
        text = f"{entity.id}: {entity.confidence:.2f}"  # A space alone is two pixels wide.
        left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
        x = min(entity.bbox[0], frame.width - (right - left) - 2)
        y = entity.bbox[1] - (bottom - top) - 3
        y = y if y >= 0 else entity.bbox[3] + 1
        canvas.rectangle((x, y, x + right - left + 2, y + bottom - top + 3), fill=ink)
        place = (x + 1 - left, y + 1 - top)
        canvas.text(place, text, fill=text_colour_on(ink), font=font)
    return drawn
