"""Images that come from outside: what to expect of Pillow, and how they are turned.

An image's file may say that its pixels are to be turned before they are shown (EXIF orientation).
Annotations refer to the turned image. But not everything that reads it later turns it alike:
OpenCV 4.10 to 4.12 do not turn WebP, OpenCV 5.0 does; neither heeds an orientation in XMP, which
Pillow does; browsers differ for PNG. So images are stored turned, and without an orientation.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from detector_runtime.images import orientation_of, upright
from PIL import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""What trainers read."""

MAX_PIXELS = 80_000_000
"""Above any screen, and below the size from which Pillow suspects an attack."""

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, ImportError)
"""What opening, verifying or decoding a damaged image raises.

ImportError is there for ultralytics: importing it anywhere in the process replaces `Image.open` by
a version that looks for a HEIF reader when it does not know a file.
"""


METADATA = (b"Exif", b"eXIf", b"EXIF", b"Raw profile type exif", b"XMP ", b"adobe")
"""One of these is in each file of JPEG, PNG or WebP that has an orientation, by EXIF or XMP."""

LOSSLESS_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "BMP": {},
    "WEBP": {"lossless": True},
}
"""How an image that was turned is saved; JPEG differs by rounding alone."""


def open_image(content: bytes) -> Image.Image:
    """An image's file of a format that trainers read, not decoded yet.

    Raises:
        UNREADABLE: it is damaged, or of another format.
    """
    return Image.open(io.BytesIO(content), formats=sorted(LOSSLESS_OPTIONS))


def upright_rgb(file: Path) -> Image.Image:
    """The pixels of an image's file as they are shown, RGB.

    Raises:
        UNREADABLE: it is gone or damaged.
    """
    with Image.open(file) as image:
        return upright(image).convert("RGB")


def upright_content(content: bytes) -> bytes:
    """The file as it is to be stored: the same bytes, or those of the turned image.

    The format stays, so that the name may.

    Raises:
        UNREADABLE: it is damaged, or of another format.
    """
    # Pillow decodes a whole PNG before it knows.
    if not any(mark in content for mark in METADATA):
        return content
    with open_image(content) as image:
        if orientation_of(image) == 1:
            return content
        turned = io.BytesIO()
        # An iPhone's JPEG with several images in it has a format of its own.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        upright(image).save(turned, kind, **LOSSLESS_OPTIONS[kind])
        return turned.getvalue()
