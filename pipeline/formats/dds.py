"""DDS textures to pixels and back, through Pillow.

The game's terrain holds BC1 (also called DXT1), BC3 (DXT5), BC7 behind a DX10 header, and plain
pixels. Pillow reads all of them; this module adds limits and one kind of error.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.errors import OutpostError

Pixels = npt.NDArray[np.uint8]

MAX_FILE_BYTES = 128 << 20
MAX_SIDE = 4_096
"""Longest side in pixels; the game's textures have 2,048 and less."""


class DdsError(OutpostError):
    """A DDS texture that cannot be read."""


def read_dds(path: Path) -> Pixels:
    """Read the largest image of a texture.

    Returns:
        uint8 [height, width, 4] where the format has alpha (BC1 has), else [height, width, 3]; RGB,
        straight alpha.

    Raises:
        DdsError: it is no DDS file, is damaged, too large, or in a format that Pillow lacks.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise _too_large(path, f"it has {size} bytes, more than {MAX_FILE_BYTES}")
    with path.open("rb") as stream:
        try:
            image = Image.open(stream, formats=["DDS"])
            if max(image.size) <= MAX_SIDE:
                return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        except Exception as error:
            # Pillow reports damage in a dozen kinds of exception, from SyntaxError to struct.error.
            reason = str(error) or type(error).__name__
            raise DdsError(
                f"{path} cannot be read as DDS: {reason}.",
                "Let the game's launcher verify its files, or exclude the texture in terrain.yaml.",
            ) from error
    raise _too_large(path, f"it is {image.width}x{image.height}, longer than {MAX_SIDE} pixels")


def write_dds(path: Path, pixels: Pixels) -> None:
    """Write uint8 [height, width, 3] as BC1 without smaller copies.

    Raises:
        OSError: the file cannot be written.
    """
    Image.fromarray(pixels).save(path, format="DDS", pixel_format="DXT1")


def _too_large(path: Path, how: str) -> DdsError:
    return DdsError(
        f"{path} is too large: {how}.", "Scale the texture down, or exclude it in terrain.yaml."
    )
