"""How a crop is cut out of a screenshot: the same pixels from the same screenshot everywhere.

An icon is resized to 64x64 pixels with Pillow's bilinear filter, whose support grows where it
shrinks; a text keeps its size unless it is very large. A screen is reduced so far that texts of
usual size cannot be read any more, after what the caller names has been blackened.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from detector_runtime.contribute.records import ICON_SIDE
from detector_runtime.errors import ImageError
from detector_runtime.images import Color, ImageLike, load_frame

BoxLike = Sequence[float]
"""x1, y1, x2, y2 in pixels of the screenshot, from its upper left corner."""

LEAST_TEXT = 4
LARGEST_TEXT = (1024, 256)
"""Width and height in pixels."""
LEAST_SCREEN = 32
SCREEN_SIDE = 448
"""Pixels of the longer side: twice what a screen classifier sees."""


def icon_crop(image: ImageLike, box: BoxLike, color: Color = "rgb") -> bytes:
    """An icon as a PNG file of 64x64 pixels.

    Raises:
        ImageError: the image cannot be read, or the box has no pixel in it.
    """
    return _png(_cut(image, box, color).resize((ICON_SIDE, ICON_SIDE), Image.Resampling.BILINEAR))


def text_crop(image: ImageLike, box: BoxLike, color: Color = "rgb") -> bytes:
    """A text as a PNG file of at most 1024x256 pixels.

    Raises:
        ImageError: as `icon_crop`, or the box is smaller than any text.
    """
    crop = _cut(image, box, color)
    crop.thumbnail(LARGEST_TEXT, Image.Resampling.BILINEAR)
    if min(crop.size) < LEAST_TEXT:
        raise ImageError(f"a box of {crop.width}x{crop.height} pixels holds no text", "Check it.")
    return _png(crop)


def screen_image(image: ImageLike, hidden: Iterable[BoxLike] = (), color: Color = "rgb") -> bytes:
    """A whole screen as a PNG file of at most 448x448 pixels.

    Args:
        hidden: boxes to blacken before it is reduced, such as a player's name.

    Raises:
        ImageError: the image cannot be read, or is smaller than any screen.
    """
    screen = _opened(image, color)
    pen = ImageDraw.Draw(screen)
    for box in hidden:
        left, top, right, bottom = _whole_pixels(box, screen.size)
        if left < right and top < bottom:
            pen.rectangle((left, top, right - 1, bottom - 1), fill=0)
    screen.thumbnail((SCREEN_SIDE, SCREEN_SIDE), Image.Resampling.BILINEAR)
    if min(screen.size) < LEAST_SCREEN:
        raise ImageError(
            f"an image of {screen.width}x{screen.height} pixels is no screen",
            "Pass the whole screenshot.",
        )
    return _png(screen)


def _opened(image: ImageLike, color: Color) -> Image.Image:
    frame = load_frame(image, color)
    pixels = frame.pixels if frame.color == "rgb" else frame.pixels[..., ::-1]
    return Image.fromarray(pixels.copy())


def _cut(image: ImageLike, box: BoxLike, color: Color) -> Image.Image:
    whole = _opened(image, color)
    left, top, right, bottom = _whole_pixels(box, whole.size)
    if left >= right or top >= bottom:
        raise ImageError(
            f"the box {tuple(box)} has no pixel within an image of {whole.width}x{whole.height}",
            "Pass x1, y1, x2, y2 in pixels of that image.",
        )
    return whole.crop((left, top, right, bottom))


def _whole_pixels(box: BoxLike, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The pixels that a box touches, within an image of that width and height."""
    if len(box) != 4 or not all(math.isfinite(side) for side in box):
        raise ImageError(f"{tuple(box)} is no box", "Pass x1, y1, x2, y2 in pixels.")
    left, top, right, bottom = box
    width, height = size
    return (
        max(0, math.floor(left)),
        max(0, math.floor(top)),
        min(width, math.ceil(right)),
        min(height, math.ceil(bottom)),
    )


def _png(image: Image.Image) -> bytes:
    """Pixels alone: Pillow writes what an image carries along only if it is told to."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
