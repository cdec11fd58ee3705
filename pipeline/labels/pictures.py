"""What to expect of Pillow when a picture may be damaged."""

from __future__ import annotations

from PIL import Image

IMAGE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".webp": "WEBP"}
"""Suffixes that trainers read, with Pillow's names of the formats."""

MAX_PIXELS = 80_000_000
"""Above any screen, and below the size from which Pillow suspects an attack."""

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, ImportError)
"""What opening, verifying or decoding a damaged picture raises.

ImportError is there for ultralytics: importing it anywhere in the process replaces `Image.open` by
a version that looks for a HEIF reader when it does not know a file.
"""
